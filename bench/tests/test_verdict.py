"""Each point is judged by the newest raw result that tells of it, and no measure that fails costs another."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from bench import growth, mail_backlog, verdict, waiting
from bench.kept import MINUTES, keep, minutes
from bench.one_run import take_all
from bench.peers import latency, throughput
from bench.peers.lineup import DRAMATIQ, PENSTOCK, PENSTOCK_LEDGER, PENSTOCK_PREFORK, STOCK, STOCK_RESULTS
from bench.peers.turn import Turn
from bench.peers.work import NOOP, SLEEP
from bench.running import Machine
from bench.whole_suite import SHARED, SPLIT
from bench.worker_app import Setup
from bench.worker_throughput import CELERY
from bench.worker_throughput import PENSTOCK as OURS
from rich.console import Console
from rich.text import Text

MACHINE = Machine("a processor", 2, 8.0, "a system", "3.11", 0.0, "PostgreSQL", "Redis")


def rates(**by_kind):
    def turns(named):
        return {name: [Turn(rate, 10, 1.0, 1.0, {"llen": 1.0}, 1.0, [])] for name, rate in named.items()}

    return throughput.Result(
        1, 1.0, {kind: throughput.Kind(dict.fromkeys(named, ""), {}, turns(named)) for kind, named in by_kind.items()}
    )


def all_rates(ours=580.0):
    noop = dict.fromkeys((*STOCK, *STOCK_RESULTS), 100.0)
    noop |= {PENSTOCK: ours, PENSTOCK_LEDGER: 290.0, PENSTOCK_PREFORK: 200.0, DRAMATIQ: 500.0}
    return rates(**{NOOP: noop, SLEEP: {PENSTOCK: 800.0, STOCK[0]: 100.0}})


def starts():
    result = latency.Result(latency.Wanted(1, 1, 1.0))
    result.senders = {"Penstock": latency.Sender([210.0]), "Celery": latency.Sender([100.0])}
    result.waits = {name: latency.Waits(1, [ms]) for name, ms in ((PENSTOCK, 1.6), (STOCK[0], 2.0), ("arq", 1.0))}
    return result


def mails():
    own = mail_backlog.Turn(waited=[0.1, 0.2, 0.3], missing=[False] * 3)
    shared = mail_backlog.Turn(waited=[5.0, 60.0, 60.0], missing=[False, True, True])
    return mail_backlog.Result(mail_backlog.Wanted(1, 1, 1, 10.0, 1.0, 1.0), {SPLIT: [own], SHARED: [shared]})


def grown(rows=10_000_000, waiting=1_000_000, claim=1.4):
    ms = {"claim": [1.0], "claim 25": [claim], "the relay's pass": [1.6], "finish 25": [9.0], "big: queued": [1.2]}
    table = growth.Table(rows, waiting, ms, {name: [1.0] for name in ms})
    return growth.Result(growth.Wanted(rows, waiting, 1), [table])


def idle():
    def waited(commands, pss):
        costs = waiting.Idle({"ping": commands}, 1.0, 2, 1.0, pss, 40.0)
        return waiting.Waited(costs, [1.0], waiting.Crowd(1.0, 1.0, 1.0, 1.0))

    setups = {OURS: Setup("penstock", flags=("--without-mingle",)), CELERY: Setup("stock")}
    return waiting.Result(waiting.Wanted(1.0, 1, 1, 1), setups, {OURS: waited(1.0, 59.3), CELERY: waited(1.0, 49.4)})


@pytest.fixture
def kept(tmp_path):
    """Keeps a result as a run would."""

    def keep_one(name, result, **arguments):
        folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        keep(folder, name, result, MACHINE, {"short": False} | arguments, 90.0)

    return keep_one


def judged(results, measure):
    return [(row.seen, row.verdict) for row in verdict.judge(results) if row.measure == measure]


def test_nothing_is_told_of_what_was_not_measured(tmp_path):
    rows = verdict.judge(tmp_path)
    assert {row.measure for row in rows} == {"peers", "latency", "mail", "growth", "waiting"}
    assert {(row.seen, row.verdict, row.when(datetime.now(UTC))) for row in rows} == {("not measured", "", "")}


def test_each_point_is_told_with_what_was_seen(kept, tmp_path):
    for name, result in (
        ("peers", all_rates()),
        ("latency", starts()),
        ("mail", mails()),
        ("growth", grown()),
        ("waiting", idle()),
    ):
        kept(name, result)
    assert judged(tmp_path, "peers") == [
        ("5.80 ×", "reached"),
        ("5.80 ×", "missed"),
        ("1.16 ×", "reached"),
        ("8.00 ×", "reached"),
        ("2.90 ×", "missed"),
        ("2.00 ×", "reached"),
    ]
    assert judged(tmp_path, "latency") == [
        (f"0.80 ×: 1.60 ms beside 2.00 of {STOCK[0]}", "reached"),
        ("1.60 ×: 1.60 ms beside 1.00 of arq", "missed"),
        ("2.10 ×", "reached"),
    ]
    assert judged(tmp_path, "mail") == [
        ("≥ 300 ×: 0.200 / 0.300 s (p50 / p99) beside ≥ 60.000 / ≥ 60.000 s (p50 / p99)", "reached"),
        ("not measured", ""),
    ]
    assert judged(tmp_path, "growth") == [
        ("at most 1.40 × (claim 25); 2 of 2 within", "reached"),
        ("at most 1.60 × (the relay's pass); 0 of 1 within", "missed"),
        ("at most 1.20 × (big: queued); 1 of 1 within", "reached"),
    ]
    assert judged(tmp_path, "waiting") == [
        ("1.00 beside 1.00", "reached"),
        ("1.00 beside 1.00", "reached"),
        ("2.00 beside 2.00", "reached"),
        ("59.30 beside 49.40", "missed"),
    ]


def test_the_newest_result_that_has_what_is_asked_for_counts(kept, tmp_path):
    kept("peers", all_rates(ours=100.0))
    kept("peers", all_rates(ours=700.0))
    kept("peers", rates(**{SLEEP: {PENSTOCK: 300.0, STOCK[0]: 100.0}}))
    assert judged(tmp_path, "peers")[0] == ("7.00 ×", "reached")
    assert judged(tmp_path, "peers")[3] == ("3.00 ×", "missed")


def test_a_smaller_table_tells_only_where_no_large_one_was_measured(kept, tmp_path):
    kept("growth", grown(rows=100_000, claim=1.0))
    assert judged(tmp_path, "growth")[0] == (
        "at most 1.00 × (claim); 2 of 2 within, with 100,000 jobs and 1,000,000 that wait",
        "too small to tell",
    )
    kept("growth", grown(claim=3.0))
    kept("growth", grown(rows=100_000, claim=1.0))
    assert judged(tmp_path, "growth")[0] == ("at most 3.00 × (claim 25); 1 of 2 within", "missed")


def test_who_did_not_do_what_was_counted_has_missed(kept, tmp_path):
    result = starts()
    result.faults.append("Penstock: 1 task is missing")
    kept("latency", result)
    assert judged(tmp_path, "latency")[-1] == ("2.10 ×; but not all that was counted was done", "missed")


def test_what_another_version_has_kept_is_passed_over(kept, tmp_path):
    kept("waiting", idle())
    (tmp_path / "newer").mkdir()
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    (tmp_path / "newer" / "waiting.json").write_text(json.dumps({"measured_at": later, "waited": 1}))
    assert judged(tmp_path, "waiting")[0] == ("1.00 beside 1.00", "reached")


def test_a_row_says_when_it_was_measured_and_how_much(kept, tmp_path):
    before = datetime.now(UTC)
    kept("latency", starts(), short=True)
    [row, *_] = [row for row in verdict.judge(tmp_path) if row.measure == "latency"]
    assert row.when(before) == "this run, short"
    assert row.when(before + timedelta(days=1)) == f"{datetime.now().astimezone():%Y-%m-%d}, short"


def test_the_table_is_written_for_programs_and_for_people(kept, tmp_path):
    kept("peers", all_rates())
    rows, began = verdict.judge(tmp_path), datetime.now(UTC)
    verdict.write(rows, began, tmp_path)
    assert json.loads((tmp_path / "verdict.json").read_text())[0]["reached"] is True
    written = (tmp_path / "verdict.md").read_text().splitlines()
    assert len(written) == len(rows) + 2
    assert written[2].startswith(f"| noop: {PENSTOCK} | ≥ 5 × the fastest stock Celery | 5.80 × | reached | peers | ")
    said = StringIO()
    Console(width=200, file=said).print(verdict.table(rows, began))
    assert "reached" in said.getvalue()


def test_a_measure_takes_about_as_long_as_the_last_time(kept, tmp_path):
    kept("growth", grown(), jobs=10)
    assert minutes(tmp_path, "growth", {"short": False, "jobs": 10}) == 1.5
    assert minutes(tmp_path, "growth", {"short": False, "jobs": 20}) == MINUTES["growth"][0]
    assert minutes(tmp_path, "growth", {"short": True}) == MINUTES["growth"][1]


@dataclass
class Found:
    figure: int
    faults: list[str] = field(default_factory=list)


def test_a_measure_that_fails_costs_no_other_and_is_told(tmp_path):
    def breaks(*_):
        raise RuntimeError("nothing answers")

    def refuses(*_):
        raise SystemExit("nobody is called carq")

    said = StringIO()
    measures = {
        "broken": breaks,
        "refused": refuses,
        "sound": lambda *_: (Found(7, ["one is missing"]), Text("seven")),
    }
    given = {"what": list(measures), "judged": True, "short": True}
    told = take_all(measures, given, tmp_path, datetime.now(UTC), Console(width=200, file=said), {"refused"})
    assert told == [
        "broken failed: nothing answers (all of it: broken.error.txt)",
        "refused failed: nobody is called carq (all of it: refused.error.txt)",
        "sound: not what was counted: one is missing",
    ]
    [folder] = tmp_path.iterdir()
    assert "RuntimeError" in (folder / "broken.error.txt").read_text()
    sound = json.loads((folder / "sound.json").read_text())
    assert (sound["figure"], sound["arguments"]) == (7, {"short": True})
    assert "about how many minutes" in said.getvalue()
    assert "seven" in said.getvalue()
    assert (folder / "verdict.md").exists()
