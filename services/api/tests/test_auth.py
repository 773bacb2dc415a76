from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy
from processes import eventually

from penstock_api.app import Api
from penstock_api.key_cache import KeyCache
from penstock_api.key_uses import KeyUses
from penstock_runtime.keys import Key
from penstock_runtime.schema import api_keys
from penstock_runtime.scopes import Scope

KEY_ID = UUID("01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10")
REPORT = {"dataset_id": str(KEY_ID)}
MakeApi = Callable[..., Api]
MakeKey = Callable[..., dict[str, str]]


def status(app: Api, headers: dict[str, str]) -> int:
    return app.test_client().get("/v1/jobs", headers=headers).status_code


def test_a_key_is_taken_until_it_is_revoked(make_api: MakeApi, make_key: MakeKey, database: sqlalchemy.Engine) -> None:
    app, key = make_api(), make_key()
    assert status(app, key) == 200
    with database.begin() as connection:
        connection.execute(api_keys.update().values(revoked_at=sqlalchemy.func.now()))
    assert status(app, key) == 401


def test_a_revoked_key_works_no_longer_than_it_is_remembered(
    make_api: MakeApi, make_key: MakeKey, database: sqlalchemy.Engine
) -> None:
    app, key = make_api(api_key_cache_seconds=0.5), make_key()
    assert status(app, key) == 200
    with database.begin() as connection:
        connection.execute(api_keys.update().values(revoked_at=sqlalchemy.func.now()))
    eventually(lambda: status(app, key) == 401, "the key is refused", seconds=10)


def test_an_expired_key_is_refused(make_api: MakeApi, make_key: MakeKey) -> None:
    app, now = make_api(), datetime.now(UTC)

    assert status(app, make_key(expires_at=now - timedelta(seconds=1))) == 401
    assert status(app, make_key(expires_at=now + timedelta(hours=1))) == 200


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", "BEARER  "])
def test_the_scheme_may_be_written_in_any_case(make_api: MakeApi, make_key: MakeKey, prefix: str) -> None:
    header = make_key()["Authorization"].replace("Bearer ", prefix)
    assert status(make_api(), {"Authorization": header}) == 200


def test_a_refusal_says_how_to_authenticate_and_nothing_of_the_key(make_api: MakeApi) -> None:
    secret = f"pk_{'Z' * 43}"
    answer = make_api().test_client().get("/v1/jobs", headers={"Authorization": f"Bearer {secret}"})

    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="penstock", error="invalid_token"'
    assert "ZZZ" not in answer.get_data(as_text=True)


def test_a_key_is_asked_for_before_anything_else_is_said(make_api: MakeApi) -> None:
    client = make_api().test_client()

    assert client.post("/v1/reports", data="not JSON").status_code == 401
    assert client.get("/v1/jobs?colour=red").status_code == 401
    assert client.get("/v1/jobs/unknown").status_code == 401


def test_what_needs_no_key_is_answered_without_one(make_api: MakeApi) -> None:
    client = make_api().test_client()
    addresses = ("/healthz", "/readyz", "/openapi.json", "/docs")

    assert [client.get(address).status_code for address in addresses] == [200, 200, 200, 200]


def test_every_other_route_needs_a_key(make_api: MakeApi) -> None:
    app = make_api()
    document = app.test_client().get("/openapi.json").get_json()
    open_to_all = {"/healthz", "/readyz", "/v1/registrations"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert ("security" in operation) == (path not in open_to_all)
            if "security" in operation:
                address = path.format(job_id="x", file_id=KEY_ID, dataset_id=KEY_ID, letter_id="x", queue="mail")
                assert app.test_client().open(address, method=method.upper()).status_code == 401, path


def test_the_cache_keeps_only_so_many_keys() -> None:
    cache, key = KeyCache(60, 2), Key(KEY_ID, "default", "a test", frozenset(Scope))
    for secret in ("first", "second", "third"):
        cache.put(secret, key)

    assert [cache.get(secret) for secret in ("first", "second", "third")] == [None, key, key]


def test_the_uses_of_only_so_many_keys_are_remembered() -> None:
    uses, ids = KeyUses(2), [uuid4() for _ in range(3)]

    assert [uses.is_due(key_id) for key_id in (ids[0], ids[0], ids[1], ids[2], ids[2])] == [
        True,
        False,
        True,
        True,
        False,
    ]
    assert uses.is_due(ids[0])


@pytest.mark.parametrize(("scope", "statuses"), [("read", (200, 403)), ("write", (403, 202))])
def test_a_key_does_what_its_scope_allows_and_is_told_what_it_lacks(
    make_api: MakeApi, make_key: MakeKey, scope: str, statuses: tuple[int, int]
) -> None:
    client, key = make_api().test_client(), make_key(scopes=[scope])
    answers = client.get("/v1/jobs", headers=key), client.post("/v1/reports", json=REPORT, headers=key)

    assert tuple(answer.status_code for answer in answers) == statuses
    refused = next(answer for answer in answers if answer.status_code == 403).get_json()
    lacking = "write" if scope == "read" else "read"
    assert (refused["code"], refused["detail"].partition(";")[0]) == (
        "forbidden",
        f"this key lacks the scope {lacking}",
    )


def test_a_keys_last_use_is_written_down_after_the_answer_and_not_each_time(
    make_api: MakeApi, make_key: MakeKey, database: sqlalchemy.Engine
) -> None:
    def last_use() -> datetime | None:
        with database.begin() as connection:
            return connection.execute(sqlalchemy.select(api_keys.c.last_used_at)).scalar_one()

    client, key = make_api().test_client(), make_key()
    with client.get("/v1/jobs", headers=key):
        assert last_use() is None
    first = last_use()
    assert first is not None
    with client.get("/v1/jobs", headers=key):
        pass
    assert last_use() == first
