"""Ceilings follow from what was measured, and lie where the costs of a command put them."""

import pytest
from bench.ceiling import LATE, asked, grown, highest, load, measure, neighbour
from bench.ceiling_report import drawn, told
from bench.costs import US, Costs, costs
from bench.growth import Result as Grown
from bench.growth import Table
from bench.growth import Wanted as GrownWanted
from bench.kept import keep
from bench.peers import latency, throughput
from bench.peers.lineup import PENSTOCK, PENSTOCK_PREFORK
from bench.peers.turn import Turn
from bench.peers.work import NOOP
from bench.running import Machine
from bench.sizes import PAYLOAD, Cost
from bench.sizes import Result as Sizes
from bench.sizes import Wanted as SizesWanted
from bench.worker_run import Run
from bench.worker_throughput import PENSTOCK as OURS
from rich.console import Console

MACHINE = Machine("a processor", 2, 8.0, "a system", "3.11", 0.0, "PostgreSQL", "Redis")
FEW = 1000


def test_what_was_not_measured_costs_what_the_documents_say(tmp_path):
    assert costs(tmp_path) == Costs()


def test_each_cost_is_from_the_newest_result_that_has_it(tmp_path):
    def turn(redis_us, commands):
        return [Turn(1.0, 1, 300.0, redis_us, {"evalsha": commands}, 1.0, [])]

    kinds = {NOOP: throughput.Kind({}, {}, {PENSTOCK: turn(30.0, 0.5), PENSTOCK_PREFORK: turn(120.0, 5.0)})}
    sent = latency.Result(latency.Wanted(1, 1, 1.0))
    sent.senders["Penstock"] = latency.Sender([1.0], [1.0], [20.0])
    long = Cost([Run(1.0, 1, 1.0, 500.0, {})])
    sizes = Sizes(SizesWanted(1, 1.0, 1, {}), {PAYLOAD: {OURS: {100: long, 100_000: long}}})
    ms = {
        "accept one": [1.0],
        "accept 100": [5.0],
        "claim": [2.0],
        "claim 25": [3.0],
        "finish": [1.0],
        "finish 25": [2.0],
    }
    found = {
        "peers": throughput.Result(1, 1.0, kinds),
        "latency": sent,
        "sizes": sizes,
        "growth": Grown(GrownWanted(1, 1, 1), [Table(1, 1, ms, ms)]),
    }
    for name, result in found.items():
        (tmp_path / name).mkdir()
        keep(tmp_path / name, name, result, MACHINE, {}, 1.0)
    assert costs(tmp_path) == Costs(
        push=20.0,
        turn=pytest.approx(1000.0),
        message=pytest.approx(20.0),
        task=300.0,
        payloads={100_000: 500.0},
        statements={"accept": (1.0, 5.0, 100), "claim": (2.0, 3.0, 25), "finish": (1.0, 2.0, 25)},
    )


def test_a_load_is_looked_for_by_halves():
    assert highest(1000.0, lambda rate: rate <= 300) == pytest.approx(300, abs=1)
    assert highest(1000.0, lambda rate: False) == 0


def test_full_turns_are_the_ceiling_and_waits_double_before_it():
    one = Costs()
    got = grown(lambda rate: [one.queue(rate, 20)], FEW)
    bound = 1 / ((one.push + one.message + one.turn / 100) * US)
    assert 0.5 * bound < got.ceiling <= 1.1 * bound
    assert 0 < got.doubles < got.ceiling
    assert got.loads[0].message[0] == pytest.approx((one.push + one.turn + one.message) * US, rel=0.01)
    assert [one.busy for one in got.loads] == pytest.approx(sorted(one.busy for one in got.loads), abs=0.05)


def test_a_lone_job_takes_the_statement_as_long_as_it_was_measured():
    got = load(Costs(statements={"claim": (2.0, 6.8, 25)}).ledger, 1.0, FEW)
    assert got.message[0] == pytest.approx(0.002)


def test_a_queue_bears_less_of_a_neighbour_whose_payloads_are_large():
    short, long = (
        neighbour(Costs(), characters, message, FEW) for characters, message in ((1_000, 41), (100_000, 733))
    )
    assert 0 < long.share < short.share < 1
    assert long.rate < short.rate


def test_commands_much_longer_than_the_bound_are_borne_for_a_hundredth_of_the_time():
    """Whoever meets one waits too long: that may be one of a hundred who come at any moment."""
    message = 100 * LATE / US
    assert neighbour(Costs(), 1_000_000, message, 20_000).share == pytest.approx(0.01, rel=0.6)


def test_a_thousand_queues_are_asked_for_three_figures_each_by_keda_and_the_autoscaler():
    [one] = [one for one in asked(Costs(push=50.0)) if (one.queues, one.poll) == (1_000, 5)]
    assert (one.questions, one.connections, one.objects) == (pytest.approx(800), 3_000, 4_000)
    assert one.share == pytest.approx(0.04)


def test_all_is_told_and_drawn(tmp_path):
    result = measure(Costs(payloads={100_000: 733.0}), 200, lambda line: None)
    console = Console(width=160, record=True)
    console.print(told(result))
    said = console.export_text()
    assert "the ledger, one statement at a time" in said
    assert "3,000" in said
    drawn(result, tmp_path / "ceiling.png")
    assert (tmp_path / "ceiling.png").stat().st_size > 10_000
