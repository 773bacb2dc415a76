"""What the ledger says of jobs that do not get on."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, and_, func, select

from penstock_runtime.doctor.codes import Code
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.findings import Finding, Level
from penstock_runtime.schema import NOW, jobs, relay, seconds
from penstock_runtime.settings import RuntimeSettings

MOST_ROWS = 10_000
"""Rows of each kind that are looked through: a ledger may hold millions."""

MOST_GROUPS = 20
"""Findings of each kind."""

MOST_SAID = 200
"""Characters of a job's error."""


def look_at_relay(connection: Connection, settings: RuntimeSettings, bounds: DoctorSettings) -> Iterator[Finding]:
    """To be asked where Redis takes what it is given: a relay that waits for Redis gives no sign of life either."""
    row = connection.execute(select(relay.c.epoch, func.extract("epoch", NOW - relay.c.beat_at))).one()
    epoch, age = row.epoch, float(row[1])
    if age <= bounds.doctor_silence + settings.relay_every:
        return
    due = func.coalesce(jobs.c.not_before, jobs.c.created_at) < func.now() - seconds(settings.publish_timeout)
    waiting = _counted(connection, and_(jobs.c.state == "accepted", due))
    since = f"has given no sign of life for {age:.0f} s" if epoch else "has never given a sign of life"
    what = f"the relay {since}" + (f"; {waiting} due jobs wait for it to publish them" if waiting else "")
    fix = "start the scheduler, or see why it does not get on: its log (kubectl logs deployment/penstock-scheduler)"
    yield Finding(Code.RELAY_SILENT, "scheduler", what, fix)


def look_at_jobs(connection: Connection, bounds: DoctorSettings) -> Iterator[Finding]:
    """Tried again and again, failed lately, dead, and running without a worker's sign of life."""
    yield from _tried_again(connection)
    yield from _failed(connection, bounds)
    yield from _dead(connection)
    yield from _leases_over(connection, bounds)


def _tried_again(connection: Connection) -> Iterator[Finding]:
    # In the index's own words: only what waits for its time, of which a retry is one.
    due_at = func.coalesce(jobs.c.not_before, jobs.c.created_at)
    which = and_(jobs.c.state == "accepted", due_at > func.now(), jobs.c.error.is_not(None))
    for row in _by_error(connection, which, due_at):
        what = f"{row.number} jobs wait to be tried again: {_said(row)}"
        yield Finding(Code.JOBS_TRIED_AGAIN, f"queue {row.queue}", what, _fix(row), Level.WARNING)


def _failed(connection: Connection, bounds: DoctorSettings) -> Iterator[Finding]:
    since = func.now() - seconds(bounds.doctor_lately)
    which = and_(jobs.c.state == "failed", jobs.c.finished_at > since)
    for row in _by_error(connection, which, jobs.c.finished_at.desc()):
        what = f"{row.number} jobs failed in the last {bounds.doctor_lately / 60:.0f} min: {_said(row)}"
        yield Finding(Code.JOBS_FAILED, f"queue {row.queue}", what, _fix(row), Level.WARNING)


def _by_error(connection: Connection, which: Any, order: Any) -> Any:
    some = select(jobs).where(which).order_by(order).limit(MOST_ROWS).subquery()
    code = some.c.error["code"].astext.label("code")
    last = func.array_agg(some.c.error["message"].astext.label("message"))
    return connection.execute(
        select(some.c.queue, code, func.count().label("number"), last[1].label("message"))
        .group_by(some.c.queue, code)
        .order_by(func.count().desc(), some.c.queue, code)
        .limit(MOST_GROUPS)
    ).all()


def _said(row: Any) -> str:
    message = (row.message or "").partition("\n")[0]
    return f"{row.code}: {message if len(message) <= MOST_SAID else message[:MOST_SAID] + '…'}"


def _fix(row: Any) -> str:
    return f"mend what the error names; penstock jobs list --queue {row.queue} shows the jobs"


def _dead(connection: Connection) -> Iterator[Finding]:
    some = select(jobs.c.queue).where(jobs.c.state == "dead").limit(MOST_ROWS).subquery()
    rows = connection.execute(select(some.c.queue, func.count().label("number")).group_by(some.c.queue))
    for row in sorted(rows, key=lambda row: row.queue):
        yield dead_letters(row.queue, row.number, "jobs")


def dead_letters(queue: str, count: int, kind: str) -> Finding:
    """So many of a queue that nobody does any more."""
    fix = f"penstock dead-letters list --queue {queue}; then replay or discard them"
    return Finding(Code.DEAD_LETTERS, f"queue {queue}", f"{count} {kind} are dead letters", fix, Level.WARNING)


def _leases_over(connection: Connection, bounds: DoctorSettings) -> Iterator[Finding]:
    late = jobs.c.lease_until < func.now() - seconds(bounds.doctor_silence)
    count = _counted(connection, and_(jobs.c.state == "running", late))
    if count:
        what = f"{count} jobs run whose leases were over {bounds.doctor_silence:.0f} s ago, and no relay took them back"
        fix = "see that the scheduler runs: it puts them back in line once it has seen PostgreSQL answer for a lease"
        yield Finding(Code.LEASES_OVER, "scheduler", what, fix, Level.WARNING)


def _counted(connection: Connection, which: Any) -> int:
    some = select(jobs.c.id).where(which).limit(MOST_ROWS).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())
