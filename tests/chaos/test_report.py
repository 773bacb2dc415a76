"""A run that did not do what it was to do has failed, as has one that found something."""

import io
from collections import Counter
from dataclasses import replace

import pytest
from chaos.__main__ import options
from chaos.faults import Hit
from chaos.plan import CELLS, SHORT, Act, Bare, Fault, Kind, Wanted
from chaos.record import Findings
from chaos.report import Report, beside, show
from rich.console import Console


def hits(*faults: tuple[Kind, Act]) -> list[Hit]:
    return [Hit(Fault(*fault), fault[0].value, frozenset({"a job"}), 0, 1) for fault in faults]


GOOD = Report(
    command="chaos --seed 7",
    seed=7,
    seconds=100,
    hits=hits(*CELLS, (Kind.REDIS, Act.COPY), (Kind.REDIS, Act.RESTORE), (Kind.REDIS, Act.WIPE)),
    missed=[],
    wanted=Wanted(jobs=40, faults=59, wipes=1, restores=1, replicas=1, cells=CELLS),
    findings=Findings(seconds={"mail": [1, 2, 3], "dataset": [1], "generation": []}, attempts=Counter({1: 3, 2: 1})),
    answers=Counter({"503": 4, "ReadTimeout": 2}),
    accepted=40,
    repeated=6,
)


def shown(report: Report) -> str:
    console = Console(file=io.StringIO(), width=110)
    show(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_run_that_hit_everything_and_found_nothing_is_good() -> None:
    assert GOOD.failures == []
    said = shown(GOOD)
    assert "FAILED" not in said
    assert "all: 59" in said
    assert "chaos --seed 7" in said


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell[0]} {cell[1]}")
def test_a_cell_that_was_never_hit_fails_the_run_however_many_others_were(cell: tuple[Kind, Act]) -> None:
    others = [hit for hit in GOOD.hits if (hit.fault.kind, hit.fault.act) != cell]
    report = replace(GOOD, hits=[*others, *others])
    assert report.failures == [f"never hit: {cell[0]} {cell[1]}"]
    assert f"FAILED: never hit: {cell[0]} {cell[1]}" in shown(report)


@pytest.mark.parametrize("act", [Act.WIPE, Act.RESTORE])
def test_a_fault_that_could_not_be_done_fails_the_run(act: Act) -> None:
    report = replace(GOOD, hits=[hit for hit in GOOD.hits if hit.fault.act is not act])
    assert report.failures == ["1 of 61 faults not done"]


@pytest.mark.parametrize("kind", ["lost", "stuck", "doubled", "failed"])
def test_a_finding_fails_the_run_and_is_shown(kind: str) -> None:
    report = replace(GOOD, findings=Findings(**{kind: ["job 17 [x]: why"]}))
    assert report.failures == [f"1 {kind}"]
    assert f"{kind}: job 17 [x]: why" in shown(report)


def test_a_mail_that_had_to_come_again_is_counted_and_fails_nothing() -> None:
    report = replace(GOOD, findings=Findings(again=["mail 17"]))
    assert report.failures == []
    assert "again: mail 17" in shown(report)


def test_an_answer_that_no_fault_excuses_fails_the_run() -> None:
    assert replace(GOOD, answers=Counter({"unexpected 500: oops": 1})).failures == ["unexpected 500: oops"]


def test_the_command_that_is_printed_asks_for_the_same_run() -> None:
    several = (["--jobs", "50", "--faults", "60", "--wipes", "0", "--seed", "9"], ["--short"], [], ["--pool", "gevent"])
    for given in (*several, ["--bare", "stock", "--bare", "penstock", "--pool", "prefork"]):
        for chosen in options(given):
            words = chosen.command.split()
            assert words[:4] == ["PYTHONPATH=tests", ".venv/bin/python", "-m", "chaos"]
            assert options(words[4:]) == [chosen]


def test_both_transports_get_the_same_faults_and_are_shown_side_by_side() -> None:
    stock, ours = options(["--bare", "stock", "--bare", "penstock", "--seed", "3"])
    assert replace(stock.wanted, bare=Bare.OURS) == ours.wanted
    lost = replace(
        GOOD, wanted=stock.wanted, findings=Findings(lost=["one", "another"], attempts=Counter({1: 3, 2: 4}))
    )
    console = Console(file=io.StringIO(), width=110)
    console.print(beside([lost, replace(GOOD, wanted=ours.wanted)]))
    assert isinstance(console.file, io.StringIO)
    rows = [line.replace("│", " ").split() for line in console.file.getvalue().splitlines()]
    figures = {" ".join(row[:-2]): row[-2:] for row in rows if len(row) > 2}
    assert figures["lost: no effect, and nowhere in Redis"] == ["2", "0"]
    assert figures["run more than once"] == ["4", "1"]


def test_a_run_without_a_seed_draws_another_each_time() -> None:
    assert len({options([])[0].seed for _ in range(5)}) > 1


def test_a_short_run_is_the_one_of_make_test() -> None:
    assert options(["--short", "--seed", "1"])[0].wanted is SHORT


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--faults", "58"], "at least 59 are needed"),
        (["--bare", "stock", "--wipes", "1"], "not with --bare"),
        (["--bare", "stoc"], "invalid Bare value"),
        (["--jobs", "-1"], "must not be negative"),
        (["--replicas", "0"], "--replicas at least 1"),
        (["--seed", "x"], "invalid int value"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_starts(
    given: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        options(given)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
