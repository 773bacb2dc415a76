"""What a tenant's webhooks are signed with, and who is told."""

from collections.abc import Callable

import pytest
import sqlalchemy
import structlog
from flask.testing import FlaskClient
from pydantic import SecretStr

from penstock_api.app import Api
from penstock_runtime.links import signing_key, webhook_secret
from penstock_runtime.scopes import Scope
from penstock_runtime.settings import RuntimeSettings

MakeKey = Callable[..., dict[str, str]]
SECRETS = [Scope.SECRETS]


@pytest.fixture
def client(make_api: Callable[..., Api]) -> FlaskClient:
    return make_api().test_client()


def test_a_key_made_for_it_is_told_its_own_tenants_secret(
    client: FlaskClient, make_key: MakeKey, settings: RuntimeSettings
) -> None:
    installation = settings.secret_key.get_secret_value()
    for tenant in ("acme", "another"):
        answer = client.get("/v1/webhook-secret", headers=make_key(tenant, scopes=SECRETS))
        assert answer.get_json() == {"secret": webhook_secret(tenant, installation)}
        assert answer.headers["Cache-Control"] == "no-store"


def test_no_other_key_is_told(client: FlaskClient, make_key: MakeKey) -> None:
    for headers, status in ((make_key(), 403), (make_key(scopes=["read", "write"]), 403), ({}, 401)):
        answer = client.get("/v1/webhook-secret", headers=headers)
        assert answer.status_code == status
        assert "whsec_" not in answer.text


def test_a_key_made_for_it_may_do_nothing_else(client: FlaskClient, make_key: MakeKey) -> None:
    key = make_key(scopes=SECRETS)

    assert client.get("/v1/jobs", headers=key).status_code == 403
    assert client.post("/v1/jobs", json={}, headers=key).status_code == 403


def test_where_no_key_of_the_installation_is_set_it_is_the_one_that_workers_find(
    make_api: Callable[..., Api], make_key: MakeKey, database: sqlalchemy.Engine
) -> None:
    answer = make_api(secret_key="").test_client().get("/v1/webhook-secret", headers=make_key(scopes=SECRETS))
    kept = signing_key(SecretStr(""), database)

    assert answer.get_json() == {"secret": webhook_secret("default", kept)}


def test_it_is_logged_who_was_told_and_not_what(client: FlaskClient, make_key: MakeKey) -> None:
    with structlog.testing.capture_logs() as lines:
        client.get("/v1/webhook-secret", headers=make_key("acme", scopes=SECRETS))

    told = [line for line in lines if line["event"] == "webhook_secret_shown"]
    assert [line["tenant"] for line in told] == ["acme"]
    assert "whsec_" not in str(lines)
