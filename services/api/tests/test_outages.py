"""Redis or PostgreSQL gone or silent: what is promised is kept, and nobody waits long."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from gates import Gate
from processes import eventually

from penstock_cli.embedded import Server
from penstock_runtime.links import sign_registration

PROMISED = 4
"""Seconds within which every POST is answered, whatever Redis does."""

JSON_POSTS = {
    "/v1/reports": {"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"},
    "/v1/user-actions": {"actions": [{"user_id": "u", "action": "login", "at": "2026-05-01T08:30:00Z"}]},
    "/v1/registrations": {"email": "li.wei@example.com"},
}


@pytest.fixture(scope="module")
def redis_gate(redis_server: Server) -> Iterator[Gate]:
    gate = Gate(urlsplit(redis_server.url).port or 0)
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def postgres_gate(postgres_server: Server) -> Iterator[Gate]:
    gate = Gate(urlsplit(postgres_server.url).port or 0)
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def gated(start_api: Any, redis_gate: Gate, postgres_gate: Gate) -> Any:
    """The API, with a gate before each of its neighbours."""
    return start_api("gated", redis_url=f"redis://127.0.0.1:{redis_gate.port}/0", database_port=postgres_gate.port)


@pytest.fixture
def client(gated: Any, redis_gate: Gate, postgres_gate: Gate) -> Iterator[httpx.Client]:
    """A client that never waits longer than was promised. It finds and leaves both gates open."""
    with psycopg.connect(gated.database_url, autocommit=True) as admin:
        admin.execute("TRUNCATE jobs")
    with httpx.Client(base_url=gated.url, headers=gated.key(), timeout=PROMISED) as client:
        eventually(lambda: client.get("/readyz").json().get("redis") == "up", "the API sees both neighbours")
        yield client
    redis_gate.let_through()
    postgres_gate.let_through()


def states(gated: Any) -> set[str]:
    with psycopg.connect(gated.database_url) as connection:
        return {state for (state,) in connection.execute("SELECT state FROM jobs")}


@pytest.mark.parametrize("outage", [Gate.refuse, Gate.hang])
def test_without_redis_every_post_is_taken_in_time_and_waits_in_the_ledger(
    client: httpx.Client, gated: Any, redis_gate: Gate, outage: Any
) -> None:
    outage(redis_gate)
    answers = [client.post(address, json=body) for address, body in JSON_POSTS.items()]
    answers.append(client.post("/v1/datasets", files={"file": ("a.csv", b"a,b\n1,2\n")}))
    answers += [client.post("/v1/registrations", json={"email": f"{n}@example.com"}) for n in range(3)]

    assert [answer.status_code for answer in answers] == [202] * 7
    assert states(gated) == {"accepted"}


@pytest.mark.parametrize("outage", [Gate.refuse, Gate.hang])
def test_without_redis_reads_go_on_and_queues_say_why_they_cannot(
    client: httpx.Client, redis_gate: Gate, outage: Any
) -> None:
    outage(redis_gate)
    queues, ready = client.get("/v1/queues"), client.get("/readyz")

    assert (queues.status_code, queues.json()["code"]) == (503, "unavailable")
    assert (ready.status_code, ready.json()["redis"]) == (200, "down")
    assert client.get("/v1/jobs").status_code == 200


def test_a_silent_redis_does_not_hold_up_others(client: httpx.Client, redis_gate: Gate) -> None:
    redis_gate.hang()
    with ThreadPoolExecutor(20) as pool:
        posts = [pool.submit(client.post, "/v1/reports", json=JSON_POSTS["/v1/reports"]) for _ in range(40)]
        probes = [pool.submit(client.get, "/healthz") for _ in range(20)]

    assert {post.result().status_code for post in posts} == {202}
    assert {probe.result().status_code for probe in probes} == {200}


@pytest.mark.parametrize("outage", [Gate.refuse, Gate.hang])
def test_without_postgresql_the_answer_is_503_in_time_and_all_is_well_when_it_is_back(
    client: httpx.Client, postgres_gate: Gate, outage: Any
) -> None:
    outage(postgres_gate)
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(client.post, address, json=body) for address, body in JSON_POSTS.items()]
        asked += [pool.submit(client.get, address) for address in ("/v1/jobs", "/readyz", "/v1/user-actions")]

    for answer in (one.result() for one in asked):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/healthz").status_code == 200
    postgres_gate.let_through()
    eventually(lambda: client.get("/readyz").status_code == 200, "it is ready again")
    assert client.post("/v1/reports", json=JSON_POSTS["/v1/reports"]).status_code == 202


def test_a_silent_postgresql_does_not_hold_up_others(client: httpx.Client, postgres_gate: Gate) -> None:
    postgres_gate.hang()
    with ThreadPoolExecutor(30) as pool:
        # Thirty at once may take longer than one is promised, on a machine with other work.
        gets = [pool.submit(client.get, "/v1/jobs", timeout=20) for _ in range(30)]
        assert client.get("/healthz").is_success
        assert not all(get.done() for get in gets)

    assert {get.result().status_code for get in gets} == {503}


def test_a_page_for_people_says_that_it_does_not_work_just_now(client: httpx.Client, postgres_gate: Gate) -> None:
    postgres_gate.hang()
    token = sign_registration("li.wei@example.com", "a key that only tests know")
    page = client.post("/registrations/confirm", data={"token": token}, headers={"Accept-Language": "zh"})

    assert (page.status_code, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert "服务暂时不可用" in page.text


def test_it_starts_without_postgresql_and_says_what_it_waits_for(start_api: Any, postgres_server: Server) -> None:
    gate = Gate(urlsplit(postgres_server.url).port or 0)
    gate.refuse()
    running = start_api("early", database_port=gate.port)

    assert httpx.get(f"{running.url}/readyz").status_code == 503
    eventually(lambda: '"what": "PostgreSQL"' in running.log.read_text(), "it says what it waits for")
    gate.let_through()
    eventually(lambda: httpx.get(f"{running.url}/readyz").status_code == 200, "it is ready")
    gate.close()
