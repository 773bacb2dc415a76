"""Who runs a job from no pod on: the suite's own queue of user actions, and a stock Celery worker's."""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

import httpx
import redis
from bench.coldstart.moments import Unfit
from celery import Celery

EVERY = 0.2
"""Seconds between two looks whether a job has ended; its times are told by others."""

PENSTOCK, STOCK = "Penstock", "stock Celery"


@dataclass(frozen=True)
class Sent:
    """A job: when its sending began, by `time.monotonic`, the seconds until that was answered, its id, and a mark."""

    at: float
    accepted: float
    job: str
    mark: str = ""
    origin: float = 0.0


class Contestant(Protocol):
    """A queue that has its own Deployment."""

    deployment: str
    selector: str

    def send(self) -> Sent:
        """Send one job."""
        ...

    def ended(self, sent: Sent) -> tuple[float, float] | None:
        """Seconds from its sending until it started, and until it ended; None: it has not."""
        ...

    def faults(self) -> list[str]:
        """What was not done once."""
        ...


def await_end(one: Contestant, sent: Sent, seconds: float) -> tuple[float, float]:
    """What `ended` says, once it has. Raises Unfit where it has not within so many seconds from now."""
    until = time.monotonic() + seconds
    while (times := one.ended(sent)) is None:
        if time.monotonic() > until:
            raise Unfit(f"{one.deployment}: the job {sent.job} did not end within {seconds:g} s")
        time.sleep(EVERY)
    return times


class Penstock:
    """A user action that is kept, through the API. Its times are the ledger's: from `created_at` on, by one clock."""

    deployment = "penstock-worker-opstrace"
    selector = "app.kubernetes.io/component=worker-opstrace"

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._sent: list[Sent] = []

    def send(self) -> Sent:
        mark = uuid4().hex
        action = {"user_id": mark, "action": "cold start", "at": "2026-11-30T12:00:00Z"}
        at = time.monotonic()
        answer = self._client.post("/v1/user-actions", json={"actions": [action]}, headers={"Idempotency-Key": mark})
        accepted = time.monotonic() - at
        sent = Sent(at, accepted, str(answer.raise_for_status().json()["job_id"]), mark)
        self._sent.append(sent)
        return sent

    def ended(self, sent: Sent) -> tuple[float, float] | None:
        job = self._get(f"/v1/jobs/{sent.job}")
        if job["finished_at"] is None:
            return None
        if job["started_at"] is None:
            raise Unfit(f"the job {sent.job} is {job['state']} and was never started")
        created, *times = (datetime.fromisoformat(job[f"{what}_at"]) for what in ("created", "started", "finished"))
        started, finished = ((one - created).total_seconds() for one in times)
        return started, finished

    def faults(self) -> list[str]:
        found = []
        for sent in self._sent:
            job = self._get(f"/v1/jobs/{sent.job}")
            kept = self._get(f"/v1/user-actions?user_id={sent.mark}")["items"]
            if (job["state"], job["attempt"], len(kept)) != ("succeeded", 1, 1):
                found.append(f"job {sent.job}: {job['state']}, starts: {job['attempt']}, actions kept: {len(kept)}")
        return found

    def _get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()


class Stock:
    """A task that notes that it ran, through `.delay()`'s way. Its times are Redis's, by one clock."""

    deployment = "stock-worker"
    selector = "app=stock-worker"
    queue, task, ran = "stock", "stock_app.note", "ran"

    def __init__(self, url: str) -> None:
        self._app = Celery("sender", broker=url)
        self._redis: Any = redis.Redis.from_url(url, decode_responses=True)
        self._sent: list[Sent] = []

    def send(self) -> Sent:
        origin = self._now()
        at = time.monotonic()
        mark = uuid4().hex
        self._app.send_task(self.task, [mark], queue=self.queue, ignore_result=True)
        sent = Sent(at, time.monotonic() - at, mark, mark, origin)
        self._sent.append(sent)
        return sent

    def ended(self, sent: Sent) -> tuple[float, float] | None:
        for mark, started, finished in self._notes():
            if mark == sent.mark:
                return float(started) - sent.origin, float(finished) - sent.origin
        return None

    def faults(self) -> list[str]:
        runs = Counter(mark for mark, *_ in self._notes())
        return [f"task {sent.job}: ran {runs[sent.mark]} times" for sent in self._sent if runs[sent.mark] != 1]

    def _notes(self) -> list[list[str]]:
        return [line.split() for line in self._redis.lrange(self.ran, 0, -1)]

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return float(seconds + microseconds / 1e6)
