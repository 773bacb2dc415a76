"""The jobs of a run: real ones for every queue, each drawn from the seed and its number."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from time import time
from typing import Any

from penstock_contracts.queues import DATASET, GENERATION, MAIL, OPS_TRACE, QUEUES, Queue

SHARES = ((DATASET, 22), (GENERATION, 3), (MAIL, 38), (OPS_TRACE, 37))
"""Of a hundred jobs. A report takes seconds of a processor, the others a fraction of one."""

MOST_REPORTS = 150
ROWS = (200, 8000)
ACTIONS = (500, 1000)
FEW = (5, 50)
"""What most of them have: ten thousand jobs are to be done in minutes."""

LARGE = 0.1
"""The share of those that have more."""


@dataclass
class Job:
    """One job as its sender knows it. `effects`: the rows, actions, files or mails that it must leave."""

    queue: Queue
    number: int
    key: str
    effects: int
    email: str = ""
    id: str | None = None
    repeats: int = 0
    accepted_at: float | None = field(default=None, compare=False)

    def accepted(self, job_id: str | None) -> None:
        """A submitter has its answer. A registration's holds no id."""
        self.id = job_id
        self.accepted_at = time()


@dataclass(frozen=True)
class Request:
    """How a job is asked for: arguments of httpx's `post`."""

    path: str
    arguments: dict[str, Any]


def draw(random: Random, count: int, run: str, queues: Sequence[Queue] = QUEUES) -> list[Job]:
    """So many jobs in a random order, at least two of each queue. `run` makes their keys unlike another run's."""
    shares = {queue: share for queue, share in SHARES if queue in queues}
    whole = sum(shares.values())
    wanted = {queue: max(2, count * share // whole) for queue, share in shares.items()}
    if GENERATION in wanted:
        wanted[GENERATION] = min(wanted[GENERATION], MOST_REPORTS)
    drawn = [queue for queue, number in wanted.items() for _ in range(number)]
    drawn += [max(shares, key=shares.__getitem__)] * (count - len(drawn))
    random.shuffle(drawn)
    return [make(queue, number, run, random) for number, queue in enumerate(drawn)]


def make(queue: Queue, number: int, run: str, random: Random) -> Job:
    """One job; how much it has to do is drawn."""
    rows, actions = (FEW, FEW) if random.random() > LARGE else (ROWS, ACTIONS)
    bounds = {DATASET: rows, OPS_TRACE: actions, GENERATION: (2, 2), MAIL: (1, 1)}[queue]
    email = f"{run}-{number}@example.com" if queue is MAIL else ""
    return Job(queue, number, f"{run}-{number}", random.randint(*bounds), email)


def request(job: Job, datasets: list[str]) -> Request:
    """The request that submits it. `datasets`: ids of which a report takes one. Always the same for the same job."""
    headers = {"Idempotency-Key": job.key}
    if job.queue is DATASET:
        file = (f"{job.key}.csv", _csv(job))
        return Request("/v1/datasets", {"headers": headers, "files": {"file": file}})
    if job.queue is GENERATION:
        body: dict[str, Any] = {"dataset_id": datasets[job.number % len(datasets)], "locale": "en"}
    elif job.queue is OPS_TRACE:
        body = {"actions": _actions(job)}
    else:
        # Its key is made of the address.
        return Request("/v1/registrations", {"json": {"email": job.email, "locale": "en"}})
    headers["Content-Type"] = "application/json"
    return Request(_PATHS[job.queue], {"headers": headers, "content": json.dumps(body)})


_PATHS = {GENERATION: "/v1/reports", OPS_TRACE: "/v1/user-actions"}


def _csv(job: Job) -> bytes:
    random = Random(job.key)
    lines = (f"{number},{random.random():.6f},name {random.randrange(50)}" for number in range(1, job.effects + 1))
    return "\n".join(("number,value,name", *lines, "")).encode()


def _actions(job: Job) -> list[dict[str, Any]]:
    return [
        {
            "user_id": f"user {number % 20}",
            "action": "opened",
            "at": "2026-05-01T08:30:00Z",
            "target": f"{job.key} {number}",
        }
        for number in range(job.effects)
    ]
