from collections.abc import Callable

import pytest
import sqlalchemy
from flask.testing import FlaskClient

from penstock_api.app import Api


def test_it_is_ready_where_the_database_has_the_tables(api: FlaskClient) -> None:
    assert api.get("/readyz").get_json() == {"status": "ready", "postgresql": "up", "redis": "up"}


@pytest.mark.parametrize("revision", ["newer"])
def test_a_newer_database_is_fine(api: FlaskClient, database: sqlalchemy.Engine, revision: str) -> None:
    with database.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = :v"), {"v": revision})

    assert api.get("/readyz").status_code == 200


def test_it_is_not_ready_before_the_tables_are_there(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    with database.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE alembic_version"))
    answer = api.get("/readyz")

    assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "5"


def test_it_is_ready_without_redis_and_says_so(make_api: Callable[..., Api]) -> None:
    client = make_api(CELERY_BROKER_URL="redis://127.0.0.1:1/0").test_client()

    assert client.get("/readyz").get_json() == {"status": "ready", "postgresql": "up", "redis": "down"}


def test_it_is_up_and_not_ready_without_postgresql(make_api: Callable[..., Api]) -> None:
    client = make_api(PENSTOCK_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing").test_client()

    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503


def test_before_the_tables_are_there_a_request_gets_503(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    with database.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE api_keys"))

    assert api.get("/v1/jobs").status_code == 503
