"""What is wanted of Penstock and what was seen, point by point, from the newest raw results that are kept.

The thresholds are those of the reports.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench import growth, kept, mail_backlog, waiting
from bench.growth_report import MOST, ROWS, SUBJECTS, WAITING, subject
from bench.peers import latency, throughput
from bench.peers.lineup import PENSTOCK, STOCK
from bench.peers.report import SEND_WANTED, START_WANTED, WANTED, Target, send_ratio, start_medians
from bench.suite_report import WANTED as MAIL_WANTED
from bench.suite_report import bound, shown
from bench.tables import titled
from bench.whole_suite import SHARED, SPLIT
from bench.whole_suite import STOCK as STOCK_SUITE
from bench.worker_throughput import CELERY
from bench.worker_throughput import PENSTOCK as OURS
from rich.table import Table


@dataclass(frozen=True)
class Seen:
    """reached: None where it was measured at a smaller size than what is wanted is meant for."""

    text: str
    reached: bool | None


@dataclass(frozen=True)
class Point:
    """look: what a result of this measure tells; None where it does not have what is asked for."""

    what: str
    wanted: str
    measure: str
    look: Callable[[Any], Seen | None]


@dataclass(frozen=True)
class Row:
    """What came of a point. measured_at: nothing where it was not measured. short: in a run for a first look."""

    what: str
    wanted: str
    measure: str
    seen: str = "not measured"
    reached: bool | None = None
    measured_at: str = ""
    short: bool = False

    @property
    def verdict(self) -> str:
        """In a word, where there is one."""
        words = {True: "reached", False: "missed", None: "too small to tell" if self.measured_at else ""}
        return words[self.reached]

    def when(self, began: datetime) -> str:
        """When it was measured, for who began now."""
        if not self.measured_at:
            return ""
        at = datetime.fromisoformat(self.measured_at)
        return ("this run" if at >= began else f"{at:%Y-%m-%d}") + (", short" if self.short else "")


def judge(results: Path) -> list[Row]:
    """A row for each point, from the newest result that has what it asks for, at the wanted size if one has."""
    wanted = points()
    found = {name: list(kept.read(results, name)) for name in {one.measure for one in wanted}}
    return [_row(one, found[one.measure]) for one in wanted]


def _row(point: Point, found: list[tuple[dict[str, Any], Any]]) -> Row:
    rows = []
    for raw, result in found:
        if seen := point.look(result):
            text, reached = seen.text, seen.reached
            if result.faults:
                text, reached = f"{text}; but not all that was counted was done", False
            short = bool(raw.get("arguments", {}).get("short"))
            rows.append(Row(point.what, point.wanted, point.measure, text, reached, raw["measured_at"], short))
    told = [row for row in rows if row.reached is not None] or rows
    return told[0] if told else Row(point.what, point.wanted, point.measure)


def points() -> list[Point]:
    """All that is wanted."""
    return [*map(_rate, WANTED), *_starting(), *_mails(), *_growing(), *_idle()]


def _rate(target: Target) -> Point:
    def look(result: throughput.Result) -> Seen | None:
        ratio = target.ratio(result)
        return None if ratio is None else Seen(f"{ratio:.2f} ×", ratio >= target.wanted)

    stretch = " (the stretch)" if target.stretch else ""
    return Point(f"{target.kind}: {target.name}", f"≥ {target.wanted:g} × {target.who}{stretch}", "peers", look)


def _starting() -> Iterator[Point]:
    def sends(result: latency.Result) -> Seen | None:
        ratio = send_ratio(result)
        return None if ratio is None else Seen(f"{ratio:.2f} ×", ratio >= SEND_WANTED)

    def beside(result: latency.Result, most: float, best: bool) -> Seen | None:
        medians = start_medians(result)
        if not medians:
            return None
        other = min(medians, key=lambda name: medians[name]) if best else STOCK[0]
        ratio = medians[PENSTOCK] / medians[other]
        text = f"{ratio:.2f} ×: {medians[PENSTOCK]:.2f} ms beside {medians[other]:.2f} of {other}"
        return Seen(text, ratio <= most if best else ratio < most)

    start = f"median from sent to started, {latency.LOW:g} tasks/s"
    yield Point(start, f"less than {STOCK[0]}", "latency", partial(beside, most=1, best=False))
    yield Point(start, f"≤ {START_WANTED:g} × the best", "latency", partial(beside, most=START_WANTED, best=True))
    yield Point("tasks that one process sends a second", f"≥ {SEND_WANTED:g} × stock's `.delay()`", "latency", sends)


def _mails() -> Iterator[Point]:
    def look(result: mail_backlog.Result, name: str) -> Seen | None:
        if not {SPLIT, name} <= result.turns.keys():
            return None
        ratio, (own, others) = result.ratio(name), (_waits(result, who) for who in (SPLIT, name))
        return Seen(f"{bound(result, name)}{ratio:,.0f} ×: {own} beside {others}", ratio >= MAIL_WANTED)

    for name in (SHARED, STOCK_SUITE):
        what = "a mail behind imports, beside a worker for each queue"
        yield Point(what, f"a median ≥ {MAIL_WANTED:g} × as long, {name}", "mail", partial(look, name=name))


def _waits(result: mail_backlog.Result, name: str) -> str:
    return f"{' / '.join(shown(result, name, result.median(name, share)) for share in (0.5, 0.99))} s (p50 / p99)"


def _growing() -> Iterator[Point]:
    def look(result: growth.Result, about: str) -> Seen | None:
        ratios = {name: result.worst(name) for name in result.operations if subject(name) == about}
        if not ratios:
            return None
        worst, late = max(ratios, key=lambda name: ratios[name]), sum(ratio > MOST for ratio in ratios.values())
        text = f"at most {ratios[worst]:.2f} × ({worst}); {len(ratios) - late} of {len(ratios)} within"
        if result.wanted.rows < ROWS or result.wanted.waiting < WAITING:
            return Seen(f"{text}, with {result.wanted.rows:,} jobs and {result.wanted.waiting:,} that wait", None)
        return Seen(text, not late)

    for about in SUBJECTS:
        what = f"{about}, {ROWS:,} jobs and {WAITING:,} that wait"
        wanted = f"≤ {MOST:g} × a table of {growth.SMALLEST:,}"
        yield Point(what, wanted, "growth", partial(look, about=about))


def _idle() -> Iterator[Point]:
    def look(result: waiting.Result, cost: str) -> Seen | None:
        if not {OURS, CELERY} <= result.waited.keys():
            return None
        ours, stock = (result.waited[name].idle.costs[cost] for name in (OURS, CELERY))
        return Seen(f"{ours:.2f} beside {stock:.2f}", ours <= stock)

    for cost in ("CPU ms/s", "commands/s sent", "connections", "PSS MiB"):
        yield Point(f"an idle worker: {cost}", "at or below stock's", "waiting", partial(look, cost=cost))


def table(rows: list[Row], began: datetime) -> Table:
    """For a terminal."""
    shown = titled("wanted and seen", *_COLUMNS)
    for column in shown.columns:
        column.justify = "left"
    for row in rows:
        style = {True: "green", False: "bold red", None: "dim"}[row.reached]
        *cells, verdict, measure, when = _cells(row, began)
        shown.add_row(*cells, f"[{style}]{verdict}[/]", measure, when)
    return shown


def write(rows: list[Row], began: datetime, folder: Path) -> None:
    """Into a run's folder: for programs, and as a table in Markdown."""
    (folder / "verdict.json").write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    lines = [_COLUMNS, ["---"] * len(_COLUMNS), *(_cells(row, began) for row in rows)]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    (folder / "verdict.md").write_text(text, encoding="utf-8")


_COLUMNS = ["", "wanted", "seen", "", "measure", "measured"]


def _cells(row: Row, began: datetime) -> list[str]:
    return [row.what, row.wanted, row.seen, row.verdict, row.measure, row.when(began)]
