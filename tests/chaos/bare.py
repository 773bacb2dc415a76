"""The same faults for an ordinary Celery application: what a transport alone keeps, with no ledger to send it again."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from random import Random
from typing import Any

import psutil
import redis
from chaos import redis_nodes, shop
from chaos.faults import Hit
from chaos.load import Load, Submit
from chaos.node import Node
from chaos.record import Findings, note_wait
from chaos.sight import Sight
from chaos.subject import await_postgres
from chaos.suite import Layout
from chaos.waits import Done, waits
from chaos.work import Job
from kombu.exceptions import KombuError
from sqlalchemy import Engine, text

from penstock_contracts.queues import Queue

SECONDS = (0.02, 0.5)
"""What a task takes."""

TABLES = """
CREATE TABLE runs (id bigserial PRIMARY KEY, key text NOT NULL, worker text NOT NULL, pid int NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(), ended_at timestamptz);
CREATE TABLE effects (key text PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());
"""


class Runs(Sight):
    """What the tasks wrote down. A run whose process is no more does not run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.load: Load | None = None

    def running(self, *, worker: str | None = None) -> frozenset[str]:
        """Keys of the tasks that run."""
        query = "SELECT key, pid FROM runs WHERE ended_at IS NULL AND (worker = :worker OR :worker IS NULL)"
        return frozenset(row.key for row in self._rows(query, worker=worker) if psutil.pid_exists(row.pid))

    def open(self, queue: Queue | None = None) -> int:
        """How many tasks were sent and have no effect yet."""
        return (len(self.load.released) if self.load else 0) - self.ended()

    def ended(self) -> int:
        """How many have had their effect."""
        return int(self._rows("SELECT count(*) AS n FROM effects")[0].n)

    def _rows(self, query: str, **values: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(text(query), values))


class CeleryApp:
    """Workers of `shop`, and clients that send each task until it was taken."""

    def __init__(self, layout: Layout, engine: Engine) -> None:
        self._layout = layout
        self._engine = engine
        self._runs = Runs(engine)
        self.sight: Sight = self._runs

    def start(self, node: Node, jobs: Sequence[Job], more: Callable[[Queue, int], Job]) -> Load:
        """Its tables."""
        await_postgres(node, self._layout, self._engine)
        with self._engine.begin() as connection:
            connection.execute(text(TABLES))
        self._runs.load = load = Load(self._client, jobs, more)
        return load

    @contextmanager
    def _client(self) -> Iterator[Submit]:
        assert self._layout.bare is not None
        with shop.application(self._layout.broker_url, self._layout.bare) as app:

            def submit(job: Job) -> str:
                try:
                    arguments = (job.key, Random(job.key).uniform(*SECONDS))
                    app.send_task(shop.TASK, arguments, task_id=job.key, queue=shop.QUEUE, retry=False)
                except (KombuError, redis.RedisError, OSError) as error:
                    return type(error).__name__
                job.accepted(job.key)
                return ""

            yield submit

    def examine(self, released: Sequence[Job], hits: Sequence[Hit]) -> Findings:
        """The runs, their effects, and what Redis still holds."""
        node = redis_nodes.master(self._layout.redis, self._layout.sentinel)
        assert node is not None, "the sentinel does not answer"
        with redis.Redis(port=node.port) as client:
            return examine(self._engine, client, released, hits, self._layout.slots)


def examine(
    engine: Engine, client: "redis.Redis", released: Sequence[Job], hits: Sequence[Hit], slots: Mapping[str, int]
) -> Findings:
    """Each task that was sent must have had its effect; where it has not, whether Redis still has it."""
    with engine.connect() as connection:
        ended = {row.key: row.at.timestamp() for row in connection.execute(text("SELECT key, at FROM effects"))}
        runs = list(connection.execute(text("SELECT key, began_at, ended_at FROM runs ORDER BY began_at")))
    held = _held(client)
    findings = Findings(seconds={shop.QUEUE: []}, after_hit={shop.QUEUE: []})
    for job in released:
        if job.accepted_at is None:
            findings.stuck.append(f"{job.key}: could not be sent ({job.repeats} repeats)")
        elif job.key in ended:
            findings.seconds[shop.QUEUE].append(ended[job.key] - job.accepted_at)
        elif name := next((name for name, content in held.items() if f'"{job.key}"'.encode() in content), ""):
            findings.stuck.append(f"{job.key}: lies in {name}")
        else:
            findings.lost.append(f"{job.key}: was sent, has no effect, and is nowhere in Redis")
    last = {run.key: run.began_at.timestamp() for run in runs if run.ended_at is not None}
    done = [
        Done(job.key, job.queue, job.accepted_at, last[job.key], ended[job.key])
        for job in released
        if job.accepted_at is not None and job.key in ended
    ]
    for key, wait in waits(done, hits, slots).items():
        note_wait(findings, shop.QUEUE, key, wait)
    # Whoever heard no answer sent it again, and then there are two.
    _examine_runs(runs, {job.key for job in released if job.repeats}, findings)
    return findings


def _held(client: "redis.Redis") -> dict[str, bytes]:
    """What lies in lists and hashes, key by key, without the quoting of one JSON in another."""
    read = {b"list": lambda key: client.lrange(key, 0, -1), b"hash": client.hvals}
    found = {key: read[kind](key) for key in client.scan_iter() if (kind := client.type(key)) in read}
    return {key.decode(): b"\n".join(content).replace(b"\\", b"") for key, content in found.items()}


def _examine_runs(runs: Sequence[Any], sent_again: Collection[str], findings: Findings) -> None:
    """A task that runs again after its worker was killed is as it must be; two runs of it at once are not."""
    by_key: dict[str, list[Any]] = {}
    for run in runs:
        by_key.setdefault(run.key, []).append(run)
    for key, mine in by_key.items():
        findings.attempts[len(mine)] += 1
        for first, second in pairwise(mine):
            if first.ended_at is not None and second.began_at < first.ended_at and key not in sent_again:
                findings.doubled.append(f"{key}: began again at {second.began_at} while it still ran")
