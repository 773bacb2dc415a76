"""Mails behind a backlog of imports: with a worker for each queue, and with the single one that Penstock replaces."""

import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from uuid import UUID

import httpx
from bench.large_import import row_faults, write_csv
from bench.progress import steps
from bench.running import Ground, ground
from bench.tables import quantile
from bench.whole_suite import SHARED, SPLIT, STOCK, Mailbox, Suite
from sqlalchemy import Engine, func, select

from penstock_contracts.dataset import IMPORT_FILE
from penstock_contracts.mail import REGISTRATION_CONFIRMATION
from penstock_runtime.schema import jobs

EVERY = 0.05
"""Seconds between two looks at what has come."""

SENDERS = 64
"""Requests that may be under way at once: so many that none waits for the answer to another."""


@dataclass(frozen=True)
class Wanted:
    """How much is measured: in each round so many imports of so many rows, then so many mails a second.

    patience: seconds after the last mail's POST in which mails may still come.
    """

    rounds: int
    imports: int
    rows: int
    rate: float
    seconds: float
    patience: float

    @property
    def mails(self) -> int:
        """Of one round."""
        return round(self.rate * self.seconds)


@dataclass
class Turn:
    """One contestant's in one round. waited: by mail, in the order of the POSTs, seconds until the mail server had it
    whole; of one that had not come, until the end, and True in `missing`.

    imports: how many ended between the first POST and the last.
    """

    waited: list[float] = field(default_factory=list)
    missing: list[bool] = field(default_factory=list)
    imports: int = 0
    faults: list[str] = field(default_factory=list)

    def note(self, due: Sequence[float], came: Sequence[float], deadline: float) -> None:
        """When each mail was to be posted, and when it came: at infinity where it had not come."""
        self.waited = [round(min(at, deadline) - since, 4) for at, since in zip(came, due, strict=True)]
        self.missing = [at > deadline for at in came]

    def quantile(self, share: float) -> float:
        """Of the seconds that mails waited."""
        return quantile(self.waited, share)

    def is_bound(self, seconds: float) -> bool:
        """Whether a quantile of this many is a lower bound: a mail that had not come is among those below it."""
        return any(waited <= seconds for waited, is_ in zip(self.waited, self.missing, strict=True) if is_)


@dataclass
class Result:
    """All turns by contestant."""

    wanted: Wanted
    turns: dict[str, list[Turn]] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        """What was not done that was counted."""
        return [f"{name}: {fault}" for name, turns in self.turns.items() for turn in turns for fault in turn.faults]

    def median(self, name: str, share: float) -> float:
        """The median round's quantile."""
        return statistics.median(turn.quantile(share) for turn in self.turns[name])

    def is_bound(self, name: str, seconds: float) -> bool:
        """Whether that is a lower bound in any round."""
        return any(turn.is_bound(seconds) for turn in self.turns[name])

    def ratio(self, name: str) -> float:
        """The median mail's seconds to those with a worker for each queue."""
        return self.median(name, 0.5) / self.median(SPLIT, 0.5)


def measure(folder: Path, wanted: Wanted, say: Callable[[str], None]) -> Result:
    """Let all take turns, each with servers of its own; whoever begins changes from round to round."""
    file, names = folder / "orders.csv", [SPLIT, SHARED, STOCK]
    amount = write_csv(file, wanted.rows)
    result = Result(wanted, {name: [] for name in names})
    with steps("mail", len(names) * wanted.rounds) as begin:
        for number in range(wanted.rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                begin(f"{name}, round {number + 1} of {wanted.rounds}")
                with ground() as ready:
                    turn = take_turn(ready, name, wanted, file, amount)
                result.turns[name].append(turn)
                say(f"round {number + 1}: {name}, median {turn.quantile(0.5):.3f} s, {sum(turn.missing)} not yet there")
    return result


def take_turn(ground: Ground, name: str, wanted: Wanted, file: Path, amount: int) -> Turn:
    """Post the imports, then start the workers, then post the mails. amount: the sum that is in the file."""
    turn = Turn()
    addresses = [f"reader-{number}@example.com" for number in range(wanted.mails)]
    with Mailbox() as mailbox:
        suite = Suite.of(ground, mailbox.port)
        ground.start(*suite.others)
        with suite.client() as client:
            for _ in range(wanted.imports):
                with file.open("rb") as content:
                    client.post("/v1/datasets", files={"file": (file.name, content)}).raise_for_status()
            with ground.running(*suite.workers(name)):
                ended = _ended_imports(ground.database)
                due, turn.faults = post(client, addresses, wanted.rate)
                turn.imports = _ended_imports(ground.database) - ended
                deadline = due[-1] + wanted.patience
                while not mailbox.got.keys() >= set(addresses) and time.monotonic() < deadline:
                    time.sleep(EVERY)
                turn.note(due, [mailbox.got.get(address, [inf])[0] for address in addresses], deadline)
    turn.faults += mail_faults(addresses, mailbox.got, states_of_mails(ground.database))
    turn.faults += import_faults(ground.database, wanted, amount)
    return turn


def post(client: httpx.Client, addresses: Sequence[str], rate: float) -> tuple[list[float], list[str]]:
    """Register so many a second, at fixed times whatever the answers. When each was due, and what was not accepted."""
    with ThreadPoolExecutor(SENDERS) as pool:
        answers: list[Future[httpx.Response]] = []
        began = time.monotonic()
        due = [began + number / rate for number in range(len(addresses))]
        for at, address in zip(due, addresses, strict=True):
            time.sleep(max(0.0, at - time.monotonic()))
            answers.append(pool.submit(client.post, "/v1/registrations", json={"email": address}))
    refused = sum(answer.result().status_code != httpx.codes.ACCEPTED for answer in answers)
    return due, [f"{refused} of {len(addresses)} registrations were not accepted"] if refused else []


def _ended_imports(database: Engine) -> int:
    query = select(func.count()).where(jobs.c.task == IMPORT_FILE.name, jobs.c.state == "succeeded")
    with database.connect() as connection:
        return connection.execute(query).scalar_one()


def states_of_mails(database: Engine) -> dict[str, str]:
    """What the ledger says of each mail's job, by address."""
    email = jobs.c.payload["email"].astext
    query = select(email, jobs.c.state).where(jobs.c.task == REGISTRATION_CONFIRMATION.name)
    with database.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def mail_faults(posted: Collection[str], got: Mapping[str, Sequence[float]], states: Mapping[str, str]) -> list[str]:
    """What is wrong with the mails, in sentences. states: of their jobs in the ledger, by address."""
    wanted = set(posted)
    waiting = ("accepted", "queued", "running")
    wrong = {
        "mails came to somebody else": len(got.keys() - wanted),
        "mails came more than once": sum(len(times) > 1 for times in got.values()),
        "mails have no job": len(wanted - states.keys()),
        "mails came, but their jobs have not succeeded": sum(states.get(one) != "succeeded" for one in got),
        "mails did not come, but their jobs have succeeded": sum(
            states.get(one) == "succeeded" for one in wanted - got.keys()
        ),
        "jobs of mails failed": sum(state not in (*waiting, "succeeded") for state in states.values()),
    }
    return [f"{count} {what}" for what, count in wrong.items() if count]


def import_faults(database: Engine, wanted: Wanted, amount: int) -> list[str]:
    """Whether each import was accepted, has not failed, and has all rows where it has ended; in sentences where not."""
    query = select(jobs.c.id, jobs.c.state).where(jobs.c.task == IMPORT_FILE.name)
    with database.connect() as connection:
        found = {row.id: row.state for row in connection.execute(query)}
    faults = [] if len(found) == wanted.imports else [f"{len(found)} imports instead of {wanted.imports}"]
    for job, state in found.items():
        if state == "succeeded":
            faults += row_faults(database, UUID(job), wanted.rows, amount)
        elif state not in ("accepted", "queued", "running"):
            faults.append(f"an import is {state}")
    return faults
