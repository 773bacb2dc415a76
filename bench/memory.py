"""Whether the API's memory stays where it is, request after request, the wrong ones too."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import redis
from bench.accept import BODY, CONNECTIONS
from bench.guard import faults, messages, rows, settle
from bench.load import Load, Shot, send
from bench.pss import MIB, Samples, pss, sampling
from bench.running import Ground, gunicorn

from penstock_cli.local.ports import free_port
from penstock_contracts.queues import OPS_TRACE

PIECE = 10_000
"""Requests between two looks at the API while it rests."""

EVERY = 0.5
"""Seconds between two looks while it works."""


@dataclass
class Result:
    """PSS of gunicorn and its workers, in MiB. requests, resting: what it was after so many requests, at rest.

    working: all looks, over the seconds since the first request.
    """

    workers: int
    requests: list[int] = field(default_factory=list)
    resting: list[float] = field(default_factory=list)
    working: Samples = field(default_factory=Samples)
    seconds: float = 0
    faults: list[str] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """MiB by which it rests higher at the end than after the first tenth of the requests, in which caches fill."""
        return self.resting[-1] - self.resting[len(self.resting) // 10]


def measure(ground: Ground, requests: int, workers: int, say: Callable[[str], None]) -> Result:
    """Send so many requests to an API of its own: jobs, lists of jobs, and four kinds of wrong ones."""
    port = free_port()
    # The workers answer with a line a request; nothing is said here, so that what is kept is the API's.
    [api] = ground.start(gunicorn("memory-api", port, ground.environment(port, workers)))
    shots, result = _shots(ground.key), Result(workers)
    began = time.monotonic()
    with sampling(api.pid, EVERY) as result.working:
        for sent in range(0, requests, PIECE):
            result.faults += _piece(ground, port, shots, min(PIECE, requests - sent))
            result.requests.append(min(sent + PIECE, requests))
            result.resting.append(round(pss(api.pid) / MIB, 2))
            say(f"{result.requests[-1]:,} of {requests:,} requests: {result.resting[-1]:.1f} MiB")
    result.seconds = time.monotonic() - began
    return result


def _piece(ground: Ground, port: int, shots: tuple[Shot, ...], requests: int) -> list[str]:
    outcome = send(Load(port, shots, CONNECTIONS, requests=requests))
    with redis.Redis.from_url(ground.redis_url) as client:
        settle(client, OPS_TRACE.name, len(outcome.jobs), ground.database, seconds=30)
        places = {"messages": messages(client, OPS_TRACE.name), "rows": rows(ground.database)}
        said = faults("Penstock", outcome.jobs, outcome.unexpected, places)
        client.delete(OPS_TRACE.name)
    with ground.database.begin() as connection:
        connection.exec_driver_sql("TRUNCATE jobs")
    return said


def _shots(key: str) -> tuple[Shot, ...]:
    """Two of three are jobs."""
    known = {"Authorization": f"Bearer {key}"}
    stranger = {"Authorization": f"Bearer {key[:-4]}AAAA"}
    job = Shot("/v1/user-actions", BODY, headers=known)
    others = (
        Shot("/v1/jobs?limit=5", method="GET", status=200, headers=known),
        Shot("/v1/user-actions", '{"actions": []}', status=422, headers=known),
        Shot("/v1/user-actions", '{"actions": [', status=400, headers=known),
        Shot("/v1/user-actions", BODY, status=401, headers=stranger),
        Shot("/v1/nothing", method="GET", status=404, headers=known),
    )
    return tuple(shot for other in others for shot in (job, job, other))
