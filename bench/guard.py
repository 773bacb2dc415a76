"""Whether everyone did the work that was counted: each accepted job is one message, and in Penstock one row too."""

import json
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import redis
from sqlalchemy import Engine, func, select

from penstock_runtime.schema import jobs as table

PIECE = 5000
"""Messages or rows that are read at once."""

Found = Iterable[tuple[str, str]]
"""A job's id, and the number of the request that it came from."""


def faults(
    name: str, accepted: Mapping[str, str], unexpected: Mapping[str, int], places: Mapping[str, Found]
) -> list[str]:
    """What is wrong with a round, in sentences for people; nothing where all is well.

    accepted: by request, the job that its answer named. unexpected: what was answered otherwise. places: where each of
    these jobs, with its own payload, must lie exactly once, and nothing else.
    """
    said = [f"{name}: {count} × {what}" for what, count in unexpected.items()]
    if not accepted:
        said.append(f"{name}: nothing was accepted")
    promised = {(job, number) for number, job in accepted.items()}
    if len({job for job, _ in promised}) < len(promised):
        said.append(f"{name}: two requests got the same job")
    for place, found in places.items():
        seen = Counter(found)
        wrong = {
            "are missing": len(promised - seen.keys()),
            "were never promised, or hold another's payload": len(seen.keys() - promised),
            "are there twice": sum(count > 1 for count in seen.values()),
        }
        said += [f"{name}: {count} of {len(promised)} {place} {what}" for what, count in wrong.items() if count]
    return said


def marked(name: str, seen: bytes, left: int) -> list[str]:
    """What is wrong with a worker's turn, in sentences; nothing where it ran and acknowledged each number once.

    seen: how often each number was run, from 0 on, which nobody sends. left: tasks that Redis still holds.
    """
    ran, count = seen[1:], len(seen) - 1
    wrong = {
        f"of {count} tasks were not run": ran.count(0),
        f"of {count} tasks ran more than once": sum(times > 1 for times in ran),
        "tasks ran that nobody sent": seen[0],
        "tasks are left in Redis": left,
    }
    return [f"{name}: {times} {what}" for what, times in wrong.items() if times]


def messages(client: "redis.Redis", queue: str) -> Iterator[tuple[str, str]]:
    """What lies in a Redis list as Celery messages: the job, and the number in its payload."""
    length = client.llen(queue)
    for begin in range(0, length, PIECE):
        for raw in client.lrange(queue, begin, begin + PIECE - 1):
            message = json.loads(raw)
            _, payload, _ = json.loads(b64decode(message["body"]))
            yield message["headers"]["id"], number_in(payload)


def rows(database: Engine) -> Iterator[tuple[str, str]]:
    """What lies in the ledger and is known to be in Redis: the job, and the number in its payload."""
    query = select(table.c.id, table.c.payload).where(table.c.state == "queued")
    with database.connect() as connection:
        for row in connection.execute(query.execution_options(yield_per=PIECE)):
            yield row.id, number_in(row.payload)


def number_in(payload: Mapping[str, Any]) -> str:
    """The number of the request, of which the load makes the user of its only action."""
    return str(int(payload["actions"][0]["user_id"]))


def settle(client: "redis.Redis", queue: str, count: int, database: Engine | None, seconds: float) -> float:
    """Wait until so many messages lie in the list, and so many rows say so. Seconds that it took, `seconds` at most."""
    began = time.monotonic()

    def is_settled() -> bool:
        if client.llen(queue) < count:
            return False
        if database is None:
            return True
        with database.connect() as connection:
            return connection.execute(_QUEUED).scalar_one() >= count

    while not is_settled() and time.monotonic() - began < seconds:
        time.sleep(0.02)
    return time.monotonic() - began


_QUEUED = select(func.count()).select_from(table).where(table.c.state == "queued")
