"""What bad input gets, by gunicorn: every row of the table in tests/bad_input."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from bad_input.exchange import exchange, parsed
from bad_input.rows import MARK
from bad_input.table import BY_SUBJECT, TABLE
from contract import Contract, Exchange

BOUNDS = {
    "API_BODY_BYTES": 100_000,
    "API_BODY_SECONDS": 1,
    "API_KEEPALIVE": 1,
    "API_UPLOAD_BYTES": 1_000_000,
    "API_UPLOAD_SECONDS": 1,
    "API_PAGE_MOST": 100,
    "API_LISTENER_STALL": 0.5,
}
MOST_MEMORY = 100 * 1024 * 1024
"""Bytes by which the process may grow, whatever it is sent."""


@dataclass(frozen=True)
class World:
    """The API, and two tenants' things in it."""

    server: Any
    contract: Contract
    worker: psutil.Process
    names: dict[str, str]  # what stands for itself in a row
    secrets: tuple[str, ...]  # what no answer and no log may hold
    memory: int

    @property
    def port(self) -> int:
        return httpx.URL(self.server.url).port or 0

    def peak(self) -> int:
        """The most memory that the process ever had."""
        status = Path(f"/proc/{self.worker.pid}/status")
        if not status.exists():
            return int(self.worker.memory_info().rss)
        return 1024 * int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")))


@pytest.fixture(scope="module")
def world(start_api: Any) -> World:
    server = start_api("bad-input", **{f"PENSTOCK_{name}": str(value) for name, value in BOUNDS.items()})
    names = _keys(server) | _things(server, server.key(), "my") | _things(server, server.key("another"), "their")
    with psycopg.connect(server.database_url) as connection:
        large = {"text": "x" * 8_000_000}
        connection.execute(
            "UPDATE jobs SET state = 'succeeded', finished_at = now(), result = %s WHERE id = %s",
            [json.dumps(large), names["large_job"]],
        )
    worker = psutil.Process(server.process.pid).children()[0]
    theirs = [value for name, value in names.items() if name.startswith("their_") and not name.endswith("cursor")]
    keys = [value for name, value in names.items() if name.endswith("key") and not name.startswith(("my", "their"))]
    contract = Contract(httpx.get(f"{server.url}/openapi.json").json())
    return World(server, contract, worker, names, (MARK, *keys, *theirs), worker.memory_info().rss)


def _keys(server: Any) -> dict[str, str]:
    def secret(**options: Any) -> str:
        return str(server.key(**options)["Authorization"].removeprefix("Bearer "))

    key, revoked = secret(), secret()
    with psycopg.connect(server.database_url) as connection:
        connection.execute("UPDATE api_keys SET revoked_at = now() WHERE hash = sha256(%s)", [revoked.encode()])
    scoped = {f"{scope}_key": secret(scopes=[scope]) for scope in ("read", "write", "secrets", "admin")}
    expired = secret(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    return scoped | {"key": key, "revoked_key": revoked, "expired_key": expired, "swapped_key": key.swapcase()}


def _things(server: Any, key: dict[str, str], whose: str) -> dict[str, str]:
    """A tenant's job, file, dataset, report, webhook, user actions and cursors."""
    with httpx.Client(base_url=server.url, headers=key) as client:
        body = {"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}
        kept = {"Idempotency-Key": f"{whose}-idempotency-key"}
        job, large, webhook, dead = (
            client.post("/v1/reports", json=body, headers=kept if not n else {}) for n in range(4)
        )
        upload = client.post("/v1/datasets", files={"file": ("a.csv", b"a,b\n1,2\n")}).json()
        report = client.post("/v1/datasets", files={"file": ("report.csv", b"c,d\n3,4\n")}).json()
        found = {"job": job.json()["job_id"], "file": upload["file_id"], "report": report["file_id"]}
        found |= {
            "dead": dead.json()["job_id"],
            "webhook": webhook.json()["job_id"],
            "user": f"user-of-{whose}",
            "dataset": upload["job_id"],
        }
        with psycopg.connect(server.database_url) as connection:
            _fill(connection, found)
        for name, route in (("cursor", "jobs"), ("dataset_cursor", "datasets")):
            found[name] = client.get(f"/v1/{route}?limit=1").json()["next_cursor"]
    return {f"{whose}_{name}": value for name, value in found.items()} | {
        f"{whose}_idempotency_key": kept["Idempotency-Key"],
        "large_job" if whose == "my" else "their_large_job": large.json()["job_id"],
    }


def _fill(connection: "psycopg.Connection[Any]", found: dict[str, str]) -> None:
    """What the tenant's workers would have written."""
    dataset = (
        "INSERT INTO datasets (id, tenant, file_id, name, format, encoding, rows, chunks, columns) "
        "SELECT %s, tenant, id, name, 'csv', 'utf-8', 1, 1, '[]' FROM files WHERE id = %s"
    )
    for dataset_id, file_id in ((found["dataset"], found["file"]), (found["report"], found["report"])):
        connection.execute(dataset, [dataset_id, file_id])
    connection.execute("INSERT INTO dataset_rows (dataset_id, number, cells) VALUES (%s, 1, '[]')", [found["dataset"]])
    connection.execute("INSERT INTO dataset_chunks (dataset_id, number, text) VALUES (%s, 1, '')", [found["dataset"]])
    connection.execute(
        "INSERT INTO user_actions (tenant, user_id, action, at, detail, job_id) "
        "SELECT tenant, %s, 'login', now(), '{}', id FROM jobs WHERE id = %s",
        [found["user"], found["job"]],
    )
    connection.execute("UPDATE jobs SET state = 'dead', finished_at = now() WHERE id = %s", [found["dead"]])
    connection.execute(
        "UPDATE jobs SET task = 'ops_trace.webhook', queue = 'ops_trace' WHERE id = %s", [found["webhook"]]
    )


@pytest.mark.parametrize("name", TABLE)
def test_bad_input(world: World, name: str) -> None:
    row, logged = TABLE[name], world.server.log.stat().st_size
    received = exchange(world.port, row.request, world.names)

    if row.status:
        answer = parsed(received, row.request)
        assert answer.status == row.status, received[:2000]
        if row.code is not None:
            is_problem(answer, row.code)
        world.contract.check(answer)
    else:
        assert not received.endswith(b"0\r\n\r\n")  # what it is sent is cut off
        assert b"HTTP/1.1 200" in received if row.request.deaf else received == b""
    with world.server.log.open("rb") as log:
        log.seek(logged)
        said = log.read()
    for secret in world.secrets:
        assert secret.encode() not in received
        assert secret.encode() not in said
    assert b"Traceback" not in said
    assert b'"event": "bug"' not in said
    assert world.worker.is_running()
    assert world.peak() - world.memory < MOST_MEMORY


def is_problem(answer: Exchange, code: str) -> None:
    assert answer.body is not None
    problem = json.loads(answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (problem["code"], problem["status"]) == (code, answer.status)
    assert problem["type"] == f"urn:penstock:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert len(answer.body) < 2000


def test_the_table_is_large_and_no_two_rows_have_one_name() -> None:
    assert len(TABLE) == sum(map(len, BY_SUBJECT.values()))
    assert len(TABLE) >= 60
    assert all(len(rows) >= 10 for rows in BY_SUBJECT.values())


def test_many_errors_are_told_only_in_part(http: httpx.Client) -> None:
    problem = http.post("/v1/user-actions", json={"actions": [{"x": 1}] * 1000}).json()

    assert len(problem["errors"]) == 20
    assert problem["errors"][0]["location"] == "body.actions.0.user_id"
    assert problem["detail"].endswith("and 3999 more")
