"""A full queue of mixed jobs is drained: by a worker for each queue, and by the single one that Penstock replaces."""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import redis
from bench.large_import import AMOUNT, write_csv
from bench.mail_backlog import mail_faults, states_of_mails
from bench.progress import steps
from bench.running import Ground, ground
from bench.whole_suite import SHARED, SPLIT, Mailbox, Suite
from sqlalchemy import BigInteger, Engine, cast, distinct, func, select

from penstock_cli.local.processes import ProcessError
from penstock_contracts.dataset import IMPORT_FILE, ImportFile
from penstock_contracts.mail import REGISTRATION_CONFIRMATION, RegistrationConfirmation
from penstock_contracts.ops_trace import USER_ACTIONS, UserAction, UserActions
from penstock_contracts.queues import QUEUES, Queue
from penstock_contracts.task import Message
from penstock_runtime import pausing
from penstock_runtime.ledger import NewJob
from penstock_runtime.ledger.pauses import Pause, pause, read_pauses, resume
from penstock_runtime.schema import dataset_rows, jobs, user_actions
from penstock_runtime.settings import RuntimeSettings, load
from penstock_runtime.submit import Submitter

TENANT = "default"
FILE = "small.csv"
ROWS = 1000
"""Of each import."""

OF_A_HUNDRED = {IMPORT_FILE.name: 1, REGISTRATION_CONFIRMATION.name: 30, USER_ACTIONS.name: 69}
"""Jobs of each kind; those of ops_trace keep one action each."""

FILLED = (IMPORT_FILE.queue, REGISTRATION_CONFIRMATION.queue, USER_ACTIONS.queue)

AT = datetime(2026, 1, 1, tzinfo=UTC)

GROUP = 500
"""Jobs that are accepted at once."""

EVERY = 0.25
"""Seconds between two looks at what is left."""

PATIENCE = 120.0
"""Seconds in which something must get on."""


@dataclass(frozen=True)
class Wanted:
    """How much is measured: so many jobs, a multiple of a hundred, in each round."""

    rounds: int
    jobs: int

    def count(self, task: str) -> int:
        """Jobs of a kind."""
        return self.jobs // 100 * OF_A_HUNDRED[task]


@dataclass
class Turn:
    """One contestant's in one round. seconds: of each look since the queues were opened. left: jobs of each queue then.

    own_cpu: seconds of CPU time of the measurement and its mail server.
    """

    seconds: list[float] = field(default_factory=list)
    left: dict[str, list[int]] = field(default_factory=lambda: {queue.name: [] for queue in QUEUES})
    own_cpu: float = 0
    faults: list[str] = field(default_factory=list)

    @property
    def took(self) -> float:
        """Seconds until nothing was left."""
        return self.seconds[-1]

    def look(self, at: float, left: Mapping[str, int]) -> None:
        """Note what is left."""
        self.seconds.append(round(at, 3))
        for name, count in left.items():
            self.left[name].append(count)

    def empty_after(self, queue: str) -> float:
        """Seconds until nothing was left of one queue."""
        last = max((number for number, count in enumerate(self.left[queue]) if count), default=-1)
        return self.seconds[min(last + 1, len(self.seconds) - 1)]


@dataclass
class Result:
    """All turns by contestant."""

    wanted: Wanted
    turns: dict[str, list[Turn]] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        """What was not done that was counted."""
        return [f"{name}: {fault}" for name, turns in self.turns.items() for turn in turns for fault in turn.faults]

    def median(self, name: str, figure: Callable[[Turn], float]) -> float:
        """The median round's."""
        return statistics.median(figure(turn) for turn in self.turns[name])


def measure(folder: Path, wanted: Wanted, say: Callable[[str], None]) -> Result:
    """Let both take turns, each with servers of its own; whoever begins changes from round to round."""
    file, names = folder / FILE, [SPLIT, SHARED]
    amount = write_csv(file, ROWS)
    result = Result(wanted, {name: [] for name in names})
    with steps("drain", len(names) * wanted.rounds) as begin:
        for number in range(wanted.rounds):
            for name in names if number % 2 == 0 else names[::-1]:
                begin(f"{name}, round {number + 1} of {wanted.rounds}")
                with ground() as ready:
                    turn = take_turn(ready, name, wanted, file, amount)
                result.turns[name].append(turn)
                say(f"round {number + 1}: {name}, {turn.took:.0f} s for {wanted.jobs:,} jobs")
    return result


def take_turn(ground: Ground, name: str, wanted: Wanted, file: Path, amount: int) -> Turn:
    """Fill the paused queues, start the workers, and open the queues. amount: the sum that is in the file."""
    client, turn = redis.Redis.from_url(ground.redis_url), Turn()
    with client, Mailbox() as mailbox:
        suite = Suite.of(ground, mailbox.port)
        ground.start(*suite.others)
        _hold(ground.database, client, held=True)
        with suite.client() as api:
            uploaded = _upload(api, file)
        _until_published(client, 1)
        fill(ground.redis_url, ground.database_url, wanted, uploaded)
        with ground.running(*suite.workers(name)):
            cpu = time.process_time()
            _hold(ground.database, client, held=False)
            watch(client, ground.database, turn)
            turn.own_cpu = time.process_time() - cpu
    addresses = [address_of(number) for number in range(wanted.count(REGISTRATION_CONFIRMATION.name))]
    turn.faults += mail_faults(addresses, mailbox.got, states_of_mails(ground.database))
    turn.faults += faults(ground.database, wanted, amount)
    return turn


def _hold(database: Engine, client: "redis.Redis", *, held: bool) -> None:
    """Pause all queues, or resume them, so that no worker has a start over another."""

    def read() -> Mapping[str, Pause]:
        with database.connect() as connection:
            return read_pauses(connection)

    with database.begin() as connection:
        for queue in QUEUES:
            if held:
                pause(connection, queue.name, None)
            else:
                resume(connection, queue.name)
    pausing.tell(client, read)


def _upload(api: httpx.Client, file: Path) -> UUID:
    """The file's id. Its upload is the first import."""
    with file.open("rb") as content:
        answered = api.post("/v1/datasets", files={"file": (file.name, content)}).raise_for_status()
    return UUID(answered.json()["file_id"])


def fill(redis_url: str, database_url: str, wanted: Wanted, file: UUID) -> None:
    """Accept the jobs as the API does, but for the first import, and return once each lies in Redis."""
    settings = load(RuntimeSettings, CELERY_BROKER_URL=redis_url, PENSTOCK_DATABASE_URL=database_url)
    submitter, messages = Submitter(settings), list(_messages(wanted, file))
    try:
        with redis.Redis.from_url(redis_url) as client:
            before = sum(left_in(client).values())
            for first in range(0, len(messages), GROUP):
                group = messages[first : first + GROUP]
                submitter.submit_all([NewJob(message, TENANT) for message in group])
                _until_published(client, before + first + len(group))
    finally:
        submitter.close()


def _messages(wanted: Wanted, file: UUID) -> Iterator[Message]:
    for _ in range(wanted.count(IMPORT_FILE.name) - 1):
        yield IMPORT_FILE.message(ImportFile(file_id=file, name=FILE))
    for number in range(wanted.count(REGISTRATION_CONFIRMATION.name)):
        yield REGISTRATION_CONFIRMATION.message(RegistrationConfirmation(email=address_of(number)))
    for number in range(wanted.count(USER_ACTIONS.name)):
        action = UserAction(user_id=f"user-{number}", action="login", at=AT, detail={})
        yield USER_ACTIONS.message(UserActions(actions=[action]))


def address_of(number: int) -> str:
    """To whom a mail goes."""
    return f"reader-{number}@example.com"


def _until_published(client: "redis.Redis", count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while sum(left_in(client).values()) < count:
        if time.monotonic() > deadline:
            raise ProcessError(f"{count} jobs were not published within {PATIENCE:g} s")
        time.sleep(0.005)


def left_in(client: "redis.Redis") -> dict[str, int]:
    """Messages of each queue on its lists and in flight."""
    # In this order: what a worker takes in between is counted twice, not never.
    waiting = {queue: sum(int(client.llen(name)) for name in queue.list_names) for queue in QUEUES}
    return {queue.name: count + int(client.hlen(queue.unacked_key)) for queue, count in waiting.items()}


def watch(client: "redis.Redis", database: Engine, turn: Turn, patience: float = PATIENCE) -> None:
    """Look until nothing is left, in the ledger neither. Raises ProcessError where nothing gets on for so long."""
    began = time.monotonic()
    least, since = None, began
    while True:
        left, now = left_in(client), time.monotonic()
        turn.look(now - began, left)
        total = sum(left.values())
        if total == 0 and not _unfinished(database):
            return
        if least is None or total < least:
            least, since = total, now
        elif now - since > patience:
            raise ProcessError(f"nothing was done for {patience:g} s, {total} jobs are left")
        time.sleep(EVERY)


def _unfinished(database: Engine) -> int:
    with database.connect() as connection:
        return connection.execute(select(func.count()).where(jobs.c.finished_at.is_(None))).scalar_one()


def faults(database: Engine, wanted: Wanted, amount: int) -> list[str]:
    """Whether each job succeeded, and has left once what it was to leave; in sentences where not."""
    amounts = func.sum(cast(dataset_rows.c.cells[AMOUNT].astext, BigInteger))
    rows = select(func.count(), amounts).group_by(dataset_rows.c.dataset_id)
    kept = select(func.count(), func.count(distinct(user_actions.c.user_id))).select_from(user_actions)
    with database.connect() as connection:
        states = {(row.task, row.state): row.count for row in connection.execute(_STATES)}
        imported = Counter((row[0], int(row[1])) for row in connection.execute(rows))
        actions = connection.execute(kept).one()
    told = {
        "jobs": (states, {(task, "succeeded"): wanted.count(task) for task in OF_A_HUNDRED}),
        "rows and sums of datasets": (dict(imported), {(ROWS, amount): wanted.count(IMPORT_FILE.name)}),
        "actions": (tuple(actions), (wanted.count(USER_ACTIONS.name),) * 2),
    }
    return [f"{what}: {is_} instead of {should}" for what, (is_, should) in told.items() if is_ != should]


def until_empty(queue: Queue) -> Callable[[Turn], float]:
    """A turn's seconds until nothing was left of this queue."""
    return lambda turn: turn.empty_after(queue.name)


_STATES = (
    select(jobs.c.task, jobs.c.state, func.count())
    # The scheduler adds jobs of its own.
    .where(jobs.c.task.in_(OF_A_HUNDRED))
    .group_by(jobs.c.task, jobs.c.state)
)
