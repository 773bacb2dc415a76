"""What the product asks of the ledger, timed: jobs from accepting to finishing, and the relay's and the API's looks."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import uuid4

from bench.growth_rows import BIG, PAYLOAD, SMALL, TENANTS
from sqlalchemy import delete, func, select

from penstock_contracts.ops_trace import USER_ACTIONS
from penstock_contracts.queues import OPS_TRACE, QUEUES, Priority
from penstock_contracts.task import Message
from penstock_runtime import redis_server
from penstock_runtime.broker import Publisher
from penstock_runtime.database import connect
from penstock_runtime.ledger.accept import Accepted, KeyReused, NewJob, accept_all
from penstock_runtime.ledger.figures import read_figures
from penstock_runtime.ledger.lost import forget_finished
from penstock_runtime.ledger.publish import Publication, mark_queued, take_due
from penstock_runtime.ledger.run import Finished, claim_all, finish_all, renew
from penstock_runtime.relay import Relay
from penstock_runtime.schema import jobs
from penstock_runtime.settings import RuntimeSettings

WORKER = "measured-1"

ALONE, TOGETHER = 10, 100
"""Jobs accepted one by one, and in one statement, in each round."""

CLAIMED, AT_ONCE = 50, 25
"""Jobs claimed, renewed at once, and finished; so many of them in one statement, the others one by one."""

LOOKS = 3
"""Times that the relay passes and figures are read in each round."""

LEAST, MOST_MS = 3, 10_000.0
"""What has taken so many milliseconds in all is not done again, once it was done so often."""

MESSAGE = Message(USER_ACTIONS.name, OPS_TRACE.name, PAYLOAD)

T = TypeVar("T")


class Took:
    """Milliseconds that each operation took, by its name."""

    def __init__(self) -> None:
        self.ms: dict[str, list[float]] = {}

    def add(self, name: str, ms: float) -> None:
        """One more."""
        self.ms.setdefault(name, []).append(round(ms, 3))

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """One that is done within."""
        began = time.perf_counter()
        yield
        self.add(name, (time.perf_counter() - began) * 1000)

    def wants(self, name: str) -> bool:
        """Whether it is to be done again."""
        ms = self.ms.get(name, [])
        return len(ms) < LEAST or sum(ms) < MOST_MS


class Ledger:
    """A ledger and its Redis, with nobody else on them. faults: what was not done that was timed."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings
        # As the submitter and the worker have it: a statement is a transaction.
        self._engine = connect(settings, most=2, autocommit=True)
        self._transactions = connect(settings, most=2)
        self._publisher = Publisher(settings)
        self._client = redis_server.client(settings)
        self.relay = Relay(settings)
        self._drawn = random.Random(1)
        self.faults: Counter[str] = Counter()

    def round(self, took: Took) -> None:
        """Some jobs from their beginning to their end, and some looks. Afterwards all is as before."""
        ids = self.work(took)
        # Before the relay looks: of the others the messages are gone.
        self._clear(ids)
        self._look(took)

    def work(self, took: Took) -> list[str]:
        """Accept some jobs, take as many messages, claim and finish some of their jobs. The ids of all taken."""
        due = self._accept(took)
        for published in due:
            self._publisher.publish(published)
            with self._engine.connect() as connection:
                if len(published) == TOGETHER:
                    with took.timing(f"mark {TOGETHER} as queued"):
                        mark_queued(connection, published)
                else:
                    mark_queued(connection, published)
        ids = self._next_messages(sum(map(len, due)))
        held = [(job_id, uuid4()) for job_id in ids[:CLAIMED]]
        groups = [held[:AT_ONCE], *([one] for one in held[AT_ONCE:])]
        for group in groups:
            with self._engine.connect() as connection, took.timing(_called("claim", group)):
                claimed = claim_all(connection, group, lease=self._settings.lease, worker=WORKER)
            self._expect("claimed jobs", sum(one is not None for one in claimed), len(group))
        with self._engine.connect() as connection, took.timing(f"renew {CLAIMED} leases"):
            kept = renew(connection, held, lease=self._settings.lease)
        self._expect("leases that were renewed", len(kept), CLAIMED)
        for group in groups:
            ends = [Finished(job_id, token, {"kept": 1}, None) for job_id, token in group]
            with self._engine.connect() as connection, took.timing(_called("finish", group)):
                done = finish_all(connection, ends)
            self._expect("finished jobs", sum(done), len(group))
        return ids

    def _accept(self, took: Took) -> list[list[Publication]]:
        """Accept jobs of both ways, and some that the relay is to publish."""
        alone: list[Accepted | KeyReused] = []
        with self._engine.connect() as connection:
            for _ in range(ALONE):
                new = self._new()
                with took.timing("accept one"):
                    alone += accept_all(connection, [new])
            many = [self._new() for _ in range(TOGETHER)]
            with took.timing(f"accept {TOGETHER}"):
                together = accept_all(connection, many)
            before = datetime.now(UTC) - timedelta(seconds=1)
            accept_all(connection, [self._new(before) for _ in range(TOGETHER)])
        with took.timing(f"take {TOGETHER} that are due"), self._transactions.begin() as connection:
            due = take_due(connection, most=self._settings.relay_batch, publish_timeout=self._settings.publish_timeout)
        self._expect("due jobs", len(due), TOGETHER)
        new_ones = [one for one in (*alone, *together) if isinstance(one, Accepted) and one.publication]
        self._expect("accepted jobs", len(new_ones), ALONE + TOGETHER)
        messages = [one.publication for one in new_ones if one.publication]
        return [messages[:ALONE], messages[ALONE:], due]

    def _new(self, not_before: datetime | None = None) -> NewJob:
        tenant = self._drawn.choice([BIG, SMALL, f"t{int(TENANTS ** self._drawn.random() ** 2)}"])
        key = str(uuid4()) if self._drawn.random() < 0.3 else None
        return NewJob(MESSAGE, tenant, not_before=not_before, idempotency_key=key)

    def _next_messages(self, count: int) -> list[str]:
        """The jobs whose messages a worker would take next, and now none will."""
        raw = self._client.rpop(OPS_TRACE.list_name(Priority.NORMAL), count)
        assert isinstance(raw, list)
        self._expect("messages", len(raw), count)
        return [str(json.loads(message)["headers"]["id"]) for message in raw]

    def _look(self, took: Took) -> None:
        for _ in range(LOOKS):
            with took.timing("the relay's pass"):
                self.relay.one_pass()
            with self._transactions.begin() as connection, took.timing("rates of the queues"):
                read_figures(connection)
        sweep = "the relay's look for old jobs"
        if took.wants(sweep):
            with took.timing(sweep), self._transactions.begin() as connection:
                gone = forget_finished(connection, days=self._settings.retention_days, most=self._settings.relay_batch)
            self._expect("jobs that were too old", gone, 0)

    def _clear(self, ids: list[str]) -> None:
        done = jobs.c.id.in_(ids), jobs.c.state == "succeeded", jobs.c.worker == WORKER
        with self._engine.connect() as connection:
            count = connection.execute(select(func.count()).where(*done)).scalar_one()
            self._expect("jobs that were claimed and finished", count, CLAIMED)
            gone = connection.execute(delete(jobs).where(jobs.c.id.in_(ids))).rowcount
            self._expect("jobs that were made", gone, len(ids))

    def _expect(self, what: str, found: int, wanted: int) -> None:
        if found != wanted:
            self.faults[f"{what}: {found} instead of {wanted}"] += 1

    def census(self) -> dict[str, int]:
        """Jobs by state. A queued one without a message, or a message without one, is a fault."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(jobs.c.state, func.count().label("number")).group_by(jobs.c.state))
            counted = {row.state: row.number for row in rows}
        messages = sum(self._client.llen(name) for queue in QUEUES for name in queue.list_names)
        self._expect("messages of queued jobs", messages, counted.get("queued", 0))
        return counted

    def close(self) -> None:
        """Close all connections."""
        self.relay.close()
        self._publisher.close()
        self._client.close()
        self._transactions.dispose()
        self._engine.dispose()


def _called(operation: str, group: Sized) -> str:
    return operation if len(group) == 1 else f"{operation} {len(group)}"
