"""A job's changes as they happen, by gunicorn and a real PostgreSQL."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from gates import Gate
from processes import eventually

from penstock_cli.embedded import Server

REPORT = {"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}
QUICK = {"PENSTOCK_API_WATCH_EVERY": "0.1", "PENSTOCK_API_HEARTBEAT": "0.2", "PENSTOCK_API_GRACE": "30"}


@pytest.fixture(scope="module")
def running(start_api: Any) -> Any:
    return start_api("events", **QUICK)


@pytest.fixture
def client(running: Any) -> Iterator[httpx.Client]:
    with running.client() as client:
        yield client


def new_job(client: httpx.Client) -> str:
    return str(client.post("/v1/reports", json=REPORT).json()["job_id"])


def change(running: Any, job_id: str, **values: Any) -> None:
    names = ", ".join(f"{name} = %s" for name in values)
    given = [json.dumps(value) if isinstance(value, dict) else value for value in values.values()]
    with psycopg.connect(running.database_url) as connection:
        connection.execute(f"UPDATE jobs SET {names} WHERE id = %s", [*given, job_id])


@contextmanager
def follow(client: httpx.Client, job_id: str, **headers: str) -> Iterator[Iterator[dict[str, str]]]:
    """The blocks of a stream; a comment is under the empty name, as the standard has it."""
    with client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as response:
        assert response.status_code == 200, response.read()
        yield blocks(response.iter_lines())


def blocks(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    block: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            block[name] = value.removeprefix(" ")
        else:
            yield block
            block = {}


def events(stream: Iterator[dict[str, str]]) -> Iterator[dict[str, str]]:
    return (block for block in stream if "event" in block)


def test_a_job_is_followed_to_its_end(running: Any, client: httpx.Client) -> None:
    job_id = new_job(client)
    change(running, job_id, state="queued")
    with follow(client, job_id) as stream:
        assert next(stream) == {"retry": "2000"}
        told = events(stream)
        first = next(told)
        change(running, job_id, state="running", attempt=1, progress={"done": 5, "total": 20, "unit": "rows"})
        second = next(told)
        change(running, job_id, state="succeeded", result={"pages": 3})
        rest = list(told)

    assert (first["event"], first["id"]) == ("state", "queued-0-0")
    assert (second["event"], second["id"]) == ("state", "running-1-5")
    assert json.loads(second["data"])["progress"] == {"done": 5, "total": 20, "unit": "rows"}
    assert [event["event"] for event in rest] == ["state", "end"]
    end = json.loads(rest[1]["data"])
    assert (end["state"], end["result"], end["error"]) == ("succeeded", {"pages": 3}, None)


def test_a_proxy_is_told_to_hold_nothing_back(client: httpx.Client) -> None:
    with client.stream("GET", f"/v1/jobs/{new_job(client)}/events") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["X-Accel-Buffering"] == "no"
        assert "no-transform" in response.headers["Cache-Control"]


def test_a_silent_stream_gives_signs_of_life(client: httpx.Client) -> None:
    with follow(client, new_job(client)) as stream:
        assert next(block for block in stream if "" in block) == {"": "still here"}


def test_who_comes_back_is_told_only_what_is_new(running: Any, client: httpx.Client) -> None:
    job_id = new_job(client)
    change(running, job_id, state="running", attempt=1, progress={"done": 7, "total": None, "unit": ""})
    with follow(client, job_id, **{"Last-Event-ID": "running-1-7"}) as stream:
        told = events(stream)
        next(block for block in stream if "" in block)  # nothing was to be told
        change(running, job_id, progress={"done": 8, "total": None, "unit": ""})
        assert next(told)["id"] == "running-1-8"
    with follow(client, job_id, **{"Last-Event-ID": "running-1-7"}) as stream:
        assert next(events(stream))["id"] == "running-1-8"


def test_a_finished_job_is_told_at_once_and_who_knows_its_end_need_not_return(
    running: Any, client: httpx.Client
) -> None:
    job_id = new_job(client)
    change(running, job_id, state="failed", attempt=2, error={"code": "rejected", "message": "no such dataset"})
    with follow(client, job_id) as stream:
        told = list(events(stream))
    again = client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": told[-1]["id"]})

    assert [event["event"] for event in told] == ["state", "end"]
    assert json.loads(told[-1]["data"])["error"]["code"] == "rejected"
    assert again.status_code == 204


def test_a_foreign_or_unknown_job_is_not_found(running: Any, client: httpx.Client) -> None:
    job_id = new_job(client)
    foreign = httpx.get(f"{running.url}/v1/jobs/{job_id}/events", headers=running.key("another"))
    unknown = client.get("/v1/jobs/never-issued/events")

    assert [answer.status_code for answer in (foreign, unknown)] == [404, 404]
    assert foreign.headers["Content-Type"] == "application/problem+json"


def test_an_event_id_of_any_length_is_answered(client: httpx.Client) -> None:
    answer = client.get(f"/v1/jobs/{new_job(client)}/events", headers={"Last-Event-ID": "x" * 256})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def open_stream(running: Any, job_id: str, key: dict[str, str], *, buffer: int = 4096) -> socket.socket:
    """A listener that has sent its request and reads nothing yet."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", urlsplit(running.url).port))
    head = f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: a\r\nAuthorization: {key['Authorization']}\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def passed(gate: Gate, first: socket.socket) -> int:
    """Pieces that went between the API and PostgreSQL while one listener was given ten signs of life."""
    before = gate.pieces
    for _ in range(10):
        while b"still here" not in first.recv(65_536):
            pass
    return gate.pieces - before


def many_jobs(running: Any, job_id: str) -> list[str]:
    """300 jobs, each as the one of this id is."""
    columns = "tenant, task, queue, payload, state, attempts"
    copy = f"INSERT INTO jobs (id, {columns}) SELECT 'idle-' || n, {columns} FROM jobs, generate_series(1, 300) n"
    with psycopg.connect(running.database_url) as connection:
        return [name for (name,) in connection.execute(f"{copy} WHERE id = %s RETURNING id", [job_id])]


def test_300_idle_listeners_cost_as_many_statements_as_one(start_api: Any, postgres_server: Server) -> None:
    gate = Gate(urlsplit(postgres_server.url).port or 0)
    places = {"PENSTOCK_API_LISTENERS": "300", "PENSTOCK_API_LISTENERS_OF_TENANT": "300"}
    running = start_api("many-listeners", **QUICK, **places, database_port=gate.port)
    key = running.key()
    with httpx.Client(base_url=running.url, headers=key) as client:
        names = many_jobs(running, new_job(client))
    with ExitStack() as stack:
        first = stack.enter_context(closing(open_stream(running, names[0], key)))
        alone = passed(gate, first)
        others = []
        for name in names[1:]:  # one after another: they are to listen, and not to come at once
            others.append(stack.enter_context(closing(open_stream(running, name, key))))
            assert others[-1].recv(4096).startswith(b"HTTP/1.1 200 ")
        together = passed(gate, first)
        with psycopg.connect(running.database_url) as connection:
            connection.execute("UPDATE jobs SET state = 'cancelled'")
        for other in others:
            told = b""
            while b"event: end" not in told:
                told += other.recv(65_536)
    gate.close()
    sys.stdout.write(f"while ten heartbeats passed: {alone} pieces for 1 listener, {together} for 300\n")
    # A statement for each listener would be 300 times as many; one answer about 300 jobs may come in a few pieces, and
    # where the machine is busy 300 heartbeats take longer than one, so that more looks fall into ten of them.
    assert together < 30 * alone


def test_the_bounds_of_listeners_are_kept(start_api: Any) -> None:
    bounds = {"PENSTOCK_API_LISTENERS": "3", "PENSTOCK_API_LISTENERS_OF_TENANT": "2"}
    running = start_api("few-listeners", **QUICK, **bounds)
    with ExitStack() as stack:
        answers, opened = [], []
        for tenant in ("a", "a", "a", "b", "b", "c"):
            client = stack.enter_context(httpx.Client(base_url=running.url, headers=running.key(tenant)))
            request = client.build_request("GET", f"/v1/jobs/{new_job(client)}/events")
            opened.append(client.send(request, stream=True))
            stack.callback(opened[-1].close)
            answers.append(opened[-1].status_code)
        assert answers == [200, 200, 429, 200, 503, 503]
        assert [one.headers["Retry-After"] for one in opened if one.status_code != 200] == ["5"] * 3
        opened[0].close()
        eventually(lambda: client.send(request, stream=True).status_code == 200, "a place is free again")


def test_a_listener_that_never_reads_loses_its_connection(start_api: Any) -> None:
    bounds = {"PENSTOCK_API_LISTENERS": "1", "PENSTOCK_API_LISTENER_STALL": "0.5"}
    running = start_api("deaf-listener", **QUICK, **bounds)
    key = running.key()
    with httpx.Client(base_url=running.url, headers=key, timeout=20) as client:
        job_id = new_job(client)
        with closing(open_stream(running, job_id, key)) as deaf:
            assert deaf.recv(15) == b"HTTP/1.1 200 OK"  # and from here on it reads nothing
            assert is_refused(client, job_id)
            # More than the buffers of both ends take.
            change(running, job_id, state="succeeded", result={"text": "x" * 20_000_000})
            eventually(lambda: not is_refused(client, job_id), "the place is free again")
    assert "Traceback" not in running.log.read_text()


def is_refused(client: httpx.Client, job_id: str) -> bool:
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        return response.status_code == 503


def test_a_stream_ends_after_its_time_and_when_the_api_stops(start_api: Any) -> None:
    short = start_api("short-streams", **QUICK, PENSTOCK_API_LISTENER_SECONDS="0.5")
    with httpx.Client(base_url=short.url, headers=short.key()) as client, follow(client, new_job(client)) as stream:
        assert {event["event"] for event in events(stream)} == {"state"}
    long = start_api("stopped-streams", **QUICK)
    with httpx.Client(base_url=long.url, headers=long.key()) as client, follow(client, new_job(client)) as stream:
        assert next(events(stream))["event"] == "state"
        long.process.terminate()
        assert "end" not in {event["event"] for event in events(stream)}
    assert long.process.wait(20) == 0
    assert "Worker graceful timeout" not in long.log.read_text()


def test_a_stream_stays_open_while_postgresql_is_away(start_api: Any, postgres_server: Server) -> None:
    gate = Gate(urlsplit(postgres_server.url).port or 0)
    running = start_api("events-outage", **QUICK, database_port=gate.port)
    with httpx.Client(base_url=running.url, headers=running.key(), timeout=20) as client:
        job_id = new_job(client)
        with follow(client, job_id) as stream:
            told = events(stream)
            next(told)
            gate.refuse()
            eventually(lambda: "listeners_wait" in running.log.read_text(), "the watcher misses PostgreSQL")
            change(running, job_id, state="succeeded", result={})
            gate.let_through()
            assert [event["event"] for event in told] == ["state", "end"]
    gate.close()
