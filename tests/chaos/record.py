"""What became of every accepted job: its row, and the effects themselves, counted where they are."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from chaos.faults import Hit
from chaos.plan import SIGNALS, Kind
from chaos.sight import OPEN
from chaos.sink import Sink
from chaos.waits import Done, Wait, waits
from chaos.work import Job
from sqlalchemy import Connection, Engine, Table, func, select

from penstock_contracts.dataset import IMPORT_FILE
from penstock_contracts.generation import REPORT
from penstock_contracts.mail import REGISTRATION_CONFIRMATION
from penstock_contracts.ops_trace import USER_ACTIONS
from penstock_contracts.queues import BY_NAME, DATASET, GENERATION, MAIL, OPS_TRACE
from penstock_runtime.schema import dataset_rows, datasets, files, jobs, user_actions

TASKS = {task.queue: task.name for task in (IMPORT_FILE, REPORT, REGISTRATION_CONFIRMATION, USER_ACTIONS)}
NEAR = 2.0
"""Seconds before and after a fault in which a mail's delivery may have to do with it, on a busy machine."""


@dataclass
class Findings:
    """Everything but `again` must be empty. Each entry is a sentence for people.

    again: mails delivered more than once where their own worker was hit between our last check and our commit.
    seconds, after_hit: by queue, of the jobs that succeeded, from acceptance, and of those that a fault met running.
    """

    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    after_hit: dict[str, list[Wait]] = field(default_factory=dict)
    attempts: Counter[int] = field(default_factory=Counter)


def sentences(findings: Findings) -> list[str]:
    """All of them, each with its kind before it."""
    kinds = ("lost", "stuck", "doubled", "failed", "again")
    return [f"{kind}: {sentence}" for kind in kinds for sentence in getattr(findings, kind)]


@dataclass(frozen=True)
class Effects:
    """By job id: what was found outside of the ledger's own row."""

    datasets: Counter[str]
    rows: Counter[str]
    claimed_rows: dict[str, int]
    actions: Counter[str]
    files: dict[str, list[tuple[str, int]]]


def examine(
    engine: Engine, sent: Iterable[Job], sink: Sink, storage: Path, hits: Sequence[Hit], slots: Mapping[str, int]
) -> Findings:
    """Compare what was accepted with what there is. To be called when nothing runs any more."""
    findings = Findings(seconds={queue.name: [] for queue in TASKS}, after_hit={queue.name: [] for queue in TASKS})
    with engine.connect() as connection:
        rows = [row for row in connection.execute(select(jobs)) if row.task in TASKS.values()]
        effects = _read_effects(connection)
    by_name: dict[str, list[Any]] = {}
    for row in rows:
        by_name.setdefault(_name(row), []).append(row)
    for job in sent:
        found = by_name.pop(job.email or job.key, [])
        _examine_job(job, found, effects, sink, findings)
    unknown = [row for left in by_name.values() for row in left]
    findings.doubled += [f"job {row.id} ({row.task}): nobody sent it" for row in unknown]
    done = {row.id: _done(row) for row in rows if row.state == "succeeded"}
    for job_id, wait in waits(list(done.values()), hits, slots).items():
        name = done[job_id].queue.name
        note_wait(findings, name, f"{name} (job {job_id})", wait)
    _examine_files(effects, storage, findings)
    _examine_mails(rows, sink, hits, findings)
    return findings


def _name(row: Any) -> str:
    """What its sender calls it: the address of a registration, else its key."""
    return str(row.payload["email"] if row.queue == MAIL.name else row.idempotency_key)


def _examine_job(job: Job, found: list[Any], effects: Effects, sink: Sink, findings: Findings) -> None:
    about = f"{job.queue.name} {job.email or job.key}"
    if job.accepted_at is None:
        findings.stuck.append(f"{about}: no client was ever told that it was accepted ({job.repeats} repeats)")
        return
    if not found:
        findings.lost.append(f"{about}: accepted as {job.id}, and there is no such row")
        return
    if len(found) > 1:
        findings.doubled.append(f"{about}: {len(found)} jobs: {', '.join(row.id for row in found)}")
    row = found[0]
    if job.id not in (None, row.id):
        findings.lost.append(f"{about}: accepted as {job.id}, but its row is {row.id}")
    about = f"{about} (job {row.id}, {row.state}, attempt {row.attempt} of {row.attempts})"
    if row.state in OPEN:
        findings.stuck.append(f"{about}: {_how_it_stands(row)}")
        return
    findings.attempts[row.attempt] += 1
    if row.state != "succeeded":
        findings.failed.append(f"{about}: {row.error}")
        return
    findings.seconds[job.queue.name].append((row.finished_at - row.created_at).total_seconds())
    _compare(job, row, about, _effects_of(job, row, effects, sink), findings)


def note_wait(findings: Findings, queue: str, about: str, wait: Wait) -> None:
    """Keep how long one that was hit had to wait. Too long is stuck."""
    findings.after_hit[queue].append(wait)
    if wait.stuck:
        findings.stuck.append(
            f"{about}: ended only {wait.seconds:.0f} s after the last fault that touched it, "
            f"and for {wait.free:.0f} s of them a slot was free"
        )


def _done(row: Any) -> Done:
    times = (row.created_at, row.started_at, row.finished_at)
    return Done(row.id, BY_NAME[row.queue], *(moment.timestamp() for moment in times))


def _how_it_stands(row: Any) -> str:
    shown = ("published_at", "published_epoch", "missing_since", "lease_until", "not_before", "worker", "error")
    return ", ".join(f"{name} {_plain(getattr(row, name))}" for name in shown)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _effects_of(job: Job, row: Any, effects: Effects, sink: Sink) -> int:
    if job.queue is DATASET:
        whole = effects.datasets[row.id] == 1 and effects.claimed_rows[row.id] == effects.rows[row.id]
        return effects.rows[row.id] if whole else 0
    if job.queue is OPS_TRACE:
        return effects.actions[row.id]
    if job.queue is GENERATION:
        return len(effects.files.get(row.id, []))
    return min(1, len(sink.deliveries.get(row.result["message_id"], [])))  # repeats are examined apart


def _compare(job: Job, row: Any, about: str, found: int, findings: Findings) -> None:
    if found < job.effects:
        findings.lost.append(f"{about}: has {found} of {job.effects} effects")
    elif found > job.effects:
        findings.doubled.append(f"{about}: has {found} effects instead of {job.effects}")


def _read_effects(connection: Connection) -> Effects:
    made: dict[str, list[tuple[str, int]]] = {}
    query = select(files.c.job_id, files.c.storage_key, files.c.bytes).where(files.c.job_id.is_not(None))
    for row in connection.execute(query):
        made.setdefault(row.job_id, []).append((row.storage_key, row.bytes))
    claimed = connection.execute(select(datasets.c.id, datasets.c.rows))
    return Effects(
        datasets=_count(connection, datasets, "id"),
        rows=_count(connection, dataset_rows, "dataset_id"),
        claimed_rows={str(row.id): row.rows for row in claimed},
        actions=_count(connection, user_actions, "job_id"),
        files=made,
    )


def _count(connection: Connection, table: Table, column: str) -> Counter[str]:
    counted = select(table.c[column].label("key"), func.count().label("count")).group_by(table.c[column])
    return Counter({str(row.key): row.count for row in connection.execute(counted)})


def _examine_files(effects: Effects, storage: Path, findings: Findings) -> None:
    for job_id, made in effects.files.items():
        for key, size in made:
            path = storage / key
            if not path.is_file() or path.stat().st_size != size:
                findings.lost.append(f"generation (job {job_id}): {key} is not in storage with its {size} bytes")
    for dataset_id in effects.rows.keys() - effects.datasets.keys():
        findings.doubled.append(f"dataset rows of {dataset_id}, which is no dataset")


def _examine_mails(rows: Iterable[Any], sink: Sink, hits: Sequence[Hit], findings: Findings) -> None:
    """A mail cannot be taken back: one whose worker is hit between the server's 250 and our commit comes again."""
    known = {row.result["message_id"]: row.id for row in rows if row.queue == MAIL.name and row.result}
    for message_id, times in sink.deliveries.items():
        job_id = known.get(message_id)
        about = f"mail {message_id} (job {job_id or 'unknown'}): delivered {len(times)} times"
        explained = [any(_explains(hit, job_id, at) for hit in hits) for at in times[:-1]]
        if job_id is None or not all(explained):
            findings.doubled.append(f"{about}, at {times}, without a fault that explains it")
        elif len(times) > 1:
            findings.again.append(about)


def _explains(hit: Hit, job_id: str | None, at: float) -> bool:
    """Whether a mail that was delivered then may be sent again because of this fault.

    Of a worker that is hit all jobs are known. A supervisor takes every worker with it, also a job that has just begun.
    A PostgreSQL or Redis that is hit excuses nothing: the worker lives, and waits for them.
    """
    stops_the_worker = job_id in hit.jobs if hit.fault.kind is Kind.MAIL else hit.fault.kind is Kind.SUPERVISOR
    return stops_the_worker and hit.fault.act in SIGNALS and hit.began - NEAR <= at <= hit.ended + NEAR
