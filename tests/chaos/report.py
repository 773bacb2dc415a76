"""What people read at the end of a run."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from chaos.faults import Hit
from chaos.plan import NETWORK, SIGNALS, Act, Fault, Kind, Wanted
from chaos.record import Findings, sentences
from chaos.shop import QUEUE
from rich.console import Console
from rich.table import Table

SHOWN = 50
"""Findings that are printed at the most."""

SHOWN_ACTS = (*SIGNALS, *NETWORK, Act.CUT, Act.FAILOVER)


@dataclass(frozen=True)
class Report:
    """One run. `command`: what runs its seed again. `missed`: faults whose state was not seen in time."""

    command: str
    seed: int
    seconds: float
    hits: Sequence[Hit]
    missed: Sequence[Fault]
    wanted: Wanted
    findings: Findings
    answers: Counter[str]
    accepted: int
    repeated: int

    @property
    def zeros(self) -> list[str]:
        """The required cells that were never hit."""
        done = {(hit.fault.kind, hit.fault.act) for hit in self.hits}
        return [f"{kind} {act}" for kind, act in self.wanted.cells if (kind, act) not in done]

    @property
    def undone(self) -> int:
        """How many of the faults that were wanted were not done, however often they were tried."""
        return self.wanted.hits - sum(hit.fault.act is not Act.COPY for hit in self.hits)

    @property
    def faults_in_answers(self) -> list[str]:
        """Answers of the API that no fault excuses."""
        return [answer for answer in self.answers if answer.startswith("unexpected")]

    @property
    def failures(self) -> list[str]:
        """Why the run has failed; empty: it has not."""
        found = self.findings
        named = {"lost": found.lost, "stuck": found.stuck, "doubled": found.doubled, "failed": found.failed}
        counted = [f"{len(sentences)} {name}" for name, sentences in named.items() if sentences]
        if self.undone > 0:
            counted.append(f"{self.undone} of {self.wanted.hits} faults not done")
        return counted + [f"never hit: {cell}" for cell in self.zeros] + self.faults_in_answers


def show(report: Report, console: Console) -> None:
    """Print all of it. Needs 110 columns."""
    console.print(_kills(report))
    console.print(_jobs(report))
    console.print(_summary(report))
    for sentence in sentences(report.findings)[:SHOWN]:
        console.print(sentence, markup=False, soft_wrap=True)
    for failure in report.failures:
        console.print(f"FAILED: {failure}", markup=False, style="red", soft_wrap=True)
    console.print(f"the same faults again: {report.command}", markup=False, soft_wrap=True)


def beside(reports: Sequence[Report]) -> Table:
    """What became of the same tasks on each transport."""
    table = Table(title="an ordinary Celery application, without the ledger")
    for column in ("", *(str(report.wanted.bare) for report in reports)):
        table.add_column(column, justify="right" if column else "left")
    rows: dict[str, Callable[[Report], object]] = {
        "tasks sent": lambda report: report.accepted,
        "faults": lambda report: len(report.hits),
        "lost: no effect, and nowhere in Redis": lambda report: len(report.findings.lost),
        "waiting at the end, on a list": lambda report: _stuck(report, waiting=True),
        "stuck: held by nobody who runs it, or for a minute": lambda report: _stuck(report, waiting=False),
        "begun again while they ran": lambda report: len(report.findings.doubled),
        "run more than once": lambda report: sum(n for runs, n in report.findings.attempts.items() if runs > 1),
    }
    for name, read in rows.items():
        table.add_row(name, *(f"{read(report)}" for report in reports))
    return table


def _stuck(report: Report, *, waiting: bool) -> int:
    return sum(sentence.endswith(f": lies in {QUEUE}") is waiting for sentence in report.findings.stuck)


def _kills(report: Report) -> Table:
    table = Table(title="hits, each while a job (for the api also a request) was seen running")
    for column in ("process", *SHOWN_ACTS, "jobs running", "needed SIGKILL", "put off"):
        shown = column.removeprefix("SIG").replace(" ", "\n")
        table.add_column(shown, justify="left" if column == "process" else "right", no_wrap=True)
    for kind in Kind:
        mine = [hit for hit in report.hits if hit.fault.kind is kind and hit.fault.act in SHOWN_ACTS]
        counts = [str(sum(hit.fault.act is act for hit in mine)) for act in SHOWN_ACTS]
        running, late = sum(len(hit.jobs) for hit in mine), sum(hit.late for hit in mine)
        missed = sum(fault.kind is kind for fault in report.missed)
        table.add_row(kind, *counts, str(running), str(late), str(missed))
    kills = sum(hit.fault.act in SHOWN_ACTS for hit in report.hits)
    totals = [str(sum(hit.fault.act is act for hit in report.hits)) for act in SHOWN_ACTS]
    table.add_section()
    table.add_row(f"all: {kills}", *totals, "", "", str(len(report.missed)))
    return table


def _jobs(report: Report) -> Table:
    table = Table(title="jobs that succeeded, seconds from accepted to ended")
    for column in ("queue", "jobs", "median", "99 %", "longest", "hit", "longest after the last hit", "of it free"):
        table.add_column(column, justify="left" if column == "queue" else "right")
    for queue, seconds in report.findings.seconds.items():
        after = report.findings.after_hit.get(queue, [])
        shown = ["", "", ""]
        if len(seconds) > 1:
            figures = (median(seconds), quantiles(seconds, n=100, method="inclusive")[-1], max(seconds))
            shown = [f"{figure:.1f}" for figure in figures]
        longest = (max(wait.seconds for wait in after), max(wait.free for wait in after)) if after else ()
        table.add_row(queue, str(len(seconds)), *shown, str(len(after)), *(f"{figure:.1f}" for figure in longest))
    return table


def _summary(report: Report) -> Table:
    found = report.findings
    acts = Counter(hit.fault.act for hit in report.hits)
    table = Table(title=f"seed {report.seed}, {report.seconds:.0f} s", show_header=False)
    rows: dict[str, object] = {
        "jobs accepted": report.accepted,
        "faults done, of those wanted": f"{report.wanted.hits - report.undone} of {report.wanted.hits}",
        "lost": len(found.lost),
        "doubled": len(found.doubled),
        "stuck": len(found.stuck),
        "failed or dead": len(found.failed),
        "mails sent again (worker hit between 250 and commit)": len(found.again),
        "broker emptied": acts[Act.WIPE],
        "Redis put back to an older state": acts[Act.RESTORE],
        "requests repeated": report.repeated,
        "answers that made them repeat": ", ".join(f"{count} {name[:40]}" for name, count in report.answers.items()),
        "jobs by attempts": ", ".join(f"{jobs} took {number}" for number, jobs in sorted(found.attempts.items())),
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table
