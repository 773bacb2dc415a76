"""How often who may ask, and what the one too many gets."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from processes import eventually

from penstock_api.app import Api

MakeApi = Callable[..., Api]
MakeKey = Callable[..., dict[str, str]]
UNKNOWN = {"Authorization": f"Bearer pk_{'A' * 43}"}


def statuses(client: FlaskClient, address: str, times: int, **options: Any) -> list[int]:
    return [client.get(address, **options).status_code for _ in range(times)]


def test_a_key_is_refused_when_its_rate_is_spent_and_another_one_is_not(make_api: MakeApi, make_key: MakeKey) -> None:
    client, key, other = make_api(api_key_rate="3/hour").test_client(), make_key(), make_key()
    assert statuses(client, "/v1/jobs", 3, headers=key) == [200] * 3
    refused = client.post("/v1/reports", json={}, headers=key)

    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_requests")
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert refused.get_json()["detail"].startswith("more than 3/hour requests with this key; wait ")
    assert statuses(client, "/v1/jobs", 1, headers=other) == [200]


def test_a_key_may_have_a_rate_of_its_own(make_api: MakeApi, make_key: MakeKey) -> None:
    client = make_api(api_key_rate="2/hour").test_client()

    assert statuses(client, "/v1/jobs", 3, headers=make_key(rate="1/hour")) == [200, 429, 429]
    assert statuses(client, "/v1/jobs", 9, headers=make_key(rate="unlimited")) == [200] * 9
    assert statuses(client, "/v1/jobs", 3, headers=make_key()) == [200, 200, 429]


def test_all_that_a_key_is_used_for_counts_also_what_is_refused(make_api: MakeApi, make_key: MakeKey) -> None:
    client, key = make_api(api_key_rate="4/hour").test_client(), make_key(scopes=["read"])
    tries = [("GET", "jobs?colour=red"), ("POST", "reports"), ("GET", "jobs/none"), ("GET", "jobs"), ("GET", "jobs")]
    answers = [client.open(f"/v1/{address}", method=method, headers=key) for method, address in tries]

    assert [answer.status_code for answer in answers] == [422, 403, 404, 200, 429]


@pytest.mark.parametrize("bad", [{}, {"Authorization": "Bearer pk_abc"}, UNKNOWN])
def test_bad_keys_count_for_the_address(make_api: MakeApi, make_key: MakeKey, bad: dict[str, str]) -> None:
    client = make_api(api_address_rate="2/hour").test_client()

    assert statuses(client, "/v1/jobs", 3, headers=bad) == [401, 401, 429]
    elsewhere = {"REMOTE_ADDR": "192.0.2.1"}
    assert statuses(client, "/v1/jobs", 1, headers=bad, environ_base=elsewhere) == [401]
    assert statuses(client, "/v1/jobs", 1, headers=make_key(), environ_base=elsewhere) == [200]


def test_from_a_spent_address_only_keys_that_are_known_already_are_taken(make_api: MakeApi, make_key: MakeKey) -> None:
    client, known = make_api(api_address_rate="2/hour", api_key_cache_seconds=300).test_client(), make_key()
    assert statuses(client, "/v1/jobs", 1, headers=known) == [200]
    assert statuses(client, "/v1/jobs", 3, headers=UNKNOWN) == [401, 401, 429]

    assert statuses(client, "/v1/jobs", 5, headers=known) == [200] * 5
    assert statuses(client, "/v1/jobs", 1, headers=make_key()) == [429]


@pytest.mark.parametrize(
    "address", ["/openapi.json", "/docs", "/nothing", "/v1/nothing", "/registrations/confirm?token=x", "/v1/jobs"]
)
def test_what_needs_no_key_counts_for_the_address(make_api: MakeApi, address: str) -> None:
    client = make_api(api_address_rate="1/hour").test_client()
    first, second = statuses(client, address, 2)

    assert first != 429
    assert second == 429


def test_probes_are_not_counted(make_api: MakeApi) -> None:
    client = make_api(api_address_rate="1/hour").test_client()

    assert statuses(client, "/healthz", 5) + statuses(client, "/readyz", 5) == [200] * 10


def test_people_are_told_on_a_page(make_api: MakeApi) -> None:
    client = make_api(api_address_rate="1/hour").test_client()
    client.get("/registrations/confirm?token=x")
    page = client.get("/registrations/confirm?token=x", headers={"Accept-Language": "zh"})

    assert (page.status_code, page.content_type) == (429, "text/html; charset=utf-8")
    assert int(page.headers["Retry-After"]) > 0
    assert "尝试次数过多" in page.text


def test_a_registration_counts_for_its_address_twice(make_api: MakeApi) -> None:
    client = make_api(api_address_rate="3/hour", registration_rate="2/hour").test_client()
    answers = [client.post("/v1/registrations", json={"email": "a@example.com"}) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202, 202, 429, 429]
    assert ["to register" in answer.get_json()["detail"] for answer in answers[2:]] == [True, False]


def test_processes_add_up_what_they_count(start_api: Any) -> None:
    running = start_api("rates", PENSTOCK_API_WORKERS="2")
    with (
        httpx.Client(base_url=running.url, headers=running.key(rate="20/hour")) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        # Each on a connection of its own, so that both processes get some.
        once = {"Connection": "close"}
        found = [answer.status_code for answer in pool.map(lambda _: client.get("/v1/jobs", headers=once), range(100))]
        assert 20 <= found.count(200) <= 40
        assert {200, 429} == {*found}
        eventually(
            lambda: {client.get("/v1/jobs", headers=once).status_code for _ in range(20)} == {429}, "both have learnt"
        )
