"""Peers count for what they ran, each number once, and for nothing else."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest
import redis
from bench.guard import marked
from bench.peers import latency, work
from bench.peers.contestant import Contestant
from bench.peers.lineup import (
    PENSTOCK,
    PENSTOCK_LEDGER,
    STOCK,
    STOCK_RESULTS,
    lineup,
    sender_of,
    senders,
    starters,
)
from bench.peers.report import start_verdicts, verdicts
from bench.peers.stage import stage
from bench.peers.throughput import Kind, Result, chosen
from bench.peers.turn import Turn, take
from bench.peers.work import BURN, KINDS, MOST, NOOP, SLEEP, Marks, Order
from bench.running import ROOT

from penstock_cli.local.processes import ProcessError

NOWHERE = "postgresql://nowhere.invalid/none"


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def marks(tmp_path):
    marks = Marks.create(tmp_path / "numbers", 3)
    yield marks
    marks.close()


@pytest.fixture
def installed(tmp_path):
    """A folder that looks as if the peers were in it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    return tmp_path


def scripted(code):
    """A contestant whose queue nobody fills, and whose worker is this script; the marks are `marks`."""
    head = "import time; from bench.peers.work import Marks; marks = Marks.of_environment()\n"
    return Contestant("scripted", "", (sys.executable, "-c", head + code), (sys.executable, "-c", ""), (("llen", "q"),))


def turn(rate, faults=()):
    return Turn(rate, 10, 1.0, 1.0, {}, 1.0, list(faults))


def test_a_mark_is_seen_by_every_process_that_maps_the_file(marks, tmp_path):
    code = "from pathlib import Path; from bench.peers.work import Marks; Marks(Path('numbers')).add(2)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)
    marks.add(3)
    assert marks.seen() == bytes([0, 0, 1, 1])
    assert marks.done() == 2


def test_a_number_that_ran_often_stays_at_the_most_that_is_counted(marks):
    for _ in range(MOST + 2):
        marks.add(1)
    assert marks.seen()[1] == MOST


def test_a_number_that_nobody_sent_fails_its_task(marks):
    with pytest.raises(IndexError):
        marks.add(4)
    assert marks.seen() == bytes(4)


def test_burning_takes_the_cpu_time_that_it_should():
    import time

    began = time.thread_time()
    work.burn()
    assert time.thread_time() - began >= work.BURN_SECONDS


def test_an_order_is_for_a_known_kind_only():
    order = Order.read([SLEEP, "2", "4", "0"])
    assert [number for number, _ in order.due()] == [2, 3, 4]
    assert Order.read(order.arguments) == order
    with pytest.raises(SystemExit, match="no task 'nap': one of noop, sleep, burn"):
        Order.read(["nap", "1", "3", "0"])


def test_numbers_are_due_at_fixed_times_however_long_sending_takes():
    due = Order(NOOP, 1, 3, rate=0.01).due()
    assert next(due) == (1, 0.0)
    (_, second), (_, third) = due
    assert 99 < second < 100
    assert 199 < third < 200


def test_what_a_task_has_waited_is_from_its_sending_to_its_first_run(marks):
    marks.sent(2)
    marks.add(2)
    waited = marks.waited(2)
    assert 0 <= waited < 60
    marks.add(2)
    assert marks.waited(2) == waited


def test_a_worker_that_ran_and_acknowledged_each_number_once_is_believed():
    assert marked("peer", bytes([0, 1, 1, 1]), left=0) == []


@pytest.mark.parametrize(
    ("seen", "left", "said"),
    [
        ([0, 1, 0, 1], 0, "peer: 1 of 3 tasks were not run"),
        ([0, 1, 2, 1], 0, "peer: 1 of 3 tasks ran more than once"),
        ([2, 1, 1, 1], 0, "peer: 2 tasks ran that nobody sent"),
        ([0, 1, 1, 1], 4, "peer: 4 tasks are left in Redis"),
    ],
    ids=["missing", "twice", "unsent", "unacknowledged"],
)
def test_a_worker_that_did_not_is_found_out(seen, left, said):
    assert marked("peer", bytes(seen), left) == [said]


def test_what_is_left_is_counted_in_all_places(client):
    client.lpush("waiting", 1, 2)
    client.zadd("running", {"3": 1})
    client.xgroup_create("stream", "group", id="0", mkstream=True)
    client.xadd("stream", {"number": 4})
    client.xreadgroup("group", "one", {"stream": ">"})
    places = (("llen", "waiting"), ("zcard", "running"), ("xpending", "stream", "group"), ("llen", "nothing"))
    one = Contestant("peer", "", (), (), places)
    assert one.left(client) == 4
    assert one.asked(3) == {"llen": 6, "zcard": 3, "xpending": 3}


@pytest.mark.parametrize("kind", KINDS)
def test_each_contestant_has_a_name_settings_and_an_application_of_its_own(kind, installed):
    field = lineup(kind, NOWHERE, installed)
    assert field[0].name == PENSTOCK
    assert len({one.name for one in field}) == len(field)
    assert all(one.settings and one.places for one in field)
    modules = [(one.fill or one.send)[-1].rpartition(".")[2] for one in field]
    assert all((ROOT / "bench" / "peers" / f"{module}.py").exists() for module in modules)


def test_threads_are_many_where_tasks_sleep(installed):
    def settings(kind):
        return {one.name: one.settings for one in lineup(kind, NOWHERE, installed)}["dramatiq, threads"]

    assert [settings(kind) for kind in (NOOP, SLEEP, BURN)] == [
        f"dramatiq -p 1 -t {threads}" for threads in (8, 100, 8)
    ]


def test_who_has_not_installed_the_peers_is_told_how(tmp_path):
    with pytest.raises(ProcessError, match="`make bench` does that first"):
        lineup(NOOP, NOWHERE, tmp_path)


def test_a_name_that_nobody_has_is_refused(installed):
    field = lineup(NOOP, NOWHERE, installed)
    assert [one.name for one in chosen(field, ["arq"])] == ["arq"]
    assert chosen(field, []) == field
    with pytest.raises(SystemExit, match="nobody is called carq"):
        chosen(field, ["arq", "carq"])


def test_the_ratio_is_of_the_median_rounds():
    kind = Kind({}, turns={PENSTOCK: [turn(10.0), turn(400.0), turn(20.0)], "peer": [turn(5.0)]})
    assert kind.ratio("peer") == pytest.approx(4)
    assert Kind({}, turns={"peer": [turn(5.0)]}).ratio("peer") is None


def test_faults_of_turns_that_are_not_counted_are_told_too():
    kind = Kind({}, first={"peer": turn(1.0, ["one missing"])}, turns={"peer": [turn(1.0), turn(1.0, ["one twice"])]})
    assert sorted(Result(2, 1.0, {NOOP: kind}).faults) == ["one missing", "one twice"]


def test_stock_celery_runs_and_acknowledges_each_number(bench, installed):
    [stock] = chosen(lineup(NOOP, NOWHERE, installed), ["Celery, threads"])
    got = take(bench, stock, NOOP, 200)
    assert (got.count, got.faults) == (200, [])
    assert min(got.rate, got.mib) > 0
    assert got.commands.keys() == {"brpop", "multi", "exec", "zadd", "hset", "zrem", "hdel"}


def test_a_worker_that_runs_tasks_twice_is_found_out(bench):
    code = "[marks.add(number) for number in (1, 2, 2, 3)]; time.sleep(60)"
    assert take(bench, scripted(code), NOOP, 3).faults == ["scripted: 1 of 3 tasks ran more than once"]


@pytest.mark.parametrize("code", ["", "marks.add(1); time.sleep(0.2)"], ids=["before", "between"])
def test_a_worker_that_ends_before_all_is_done_is_told_with_its_status(bench, code):
    with pytest.raises(ProcessError, match="scripted ended with status 0"):
        take(bench, scripted(code), NOOP, 3)


def test_a_queue_that_cannot_be_filled_is_told_with_what_was_said(bench):
    one = Contestant("peer", "", (), (sys.executable, "-c", "raise SystemExit('no such queue')"), ())
    with pytest.raises(ProcessError, match="peer: not all could be sent: no such queue"):
        take(bench, one, NOOP, 3)


@pytest.mark.parametrize("name", [PENSTOCK_LEDGER, STOCK_RESULTS[0]])
def test_who_keeps_results_is_asked_for_each_of_them(bench, installed, database_url, name):
    [one] = chosen(lineup(NOOP, database_url, installed), [name])
    assert one.results is not None
    got = take(bench, one, NOOP, 40)
    assert (got.count, got.faults) == (40, [])
    assert one.results.faults("one", 41) == [
        f"one: {one.results.table} has 40 rows, 40 of them of success, for 41 tasks"
    ]
    one.results.forget()
    assert one.results.faults("one", 0) == []


def test_what_is_sent_lies_in_redis_and_waits_until_it_is_started(bench, installed, database_url):
    [one] = chosen(lineup(NOOP, database_url, installed), [PENSTOCK])
    with stage(bench, one, 21) as on:
        took = on.sent(on.sender(Order(NOOP, 1, 21, 0)))
        assert (took.count, one.waiting(bench.client)) == (20, 21)
        assert took.cpu_seconds > 0
        with on.worker() as child:
            assert on.wait_for_all(child) == 21
        assert min(on.marks.waited(number) for number in range(1, 22)) > 0
        assert on.faults() == []


def test_each_way_to_send_is_one_sender(installed):
    names = [one.name for one in senders(NOWHERE, installed)]
    assert len(set(names)) == len(names)
    assert {sender_of(one.name) for one in starters(NOWHERE, installed)} <= set(names)


def test_a_worker_that_is_named_has_its_sender_beside_it(installed):
    field = senders(NOWHERE, installed), starters(NOWHERE, installed)
    sending, starting = latency.named(*field, ["Celery, gevent", "arq", "taskiq"])
    assert [one.name for one in sending] == ["Celery", "arq", "taskiq"]
    assert [one.name for one in starting] == ["Celery, gevent", "arq", "taskiq"]
    assert latency.named(*field, []) == field
    with pytest.raises(SystemExit, match="nobody is called carq"):
        latency.named(*field, ["carq"])


def test_what_is_reached_is_told_of_what_was_measured():
    kind = Kind({}, turns={name: [turn(rate)] for name, rate in zip(STOCK, (100.0, 50.0, 80.0), strict=True)})
    kind.turns[PENSTOCK] = [turn(490.0)]
    assert verdicts(Result(1, 1.0, {NOOP: kind})) == [
        f"noop: {PENSTOCK}, 4.90 × the fastest stock Celery (misses 5)",
        f"noop: {PENSTOCK}, 4.90 × the fastest stock Celery (misses 6, the stretch)",
    ]


def test_what_is_reached_of_sending_and_starting():
    result = latency.Result(latency.Wanted(1, 1, 1.0))
    result.senders = {"Penstock": latency.Sender([200.0]), "Celery": latency.Sender([100.0])}
    result.waits = {name: latency.Waits(1, [ms]) for name, ms in ((PENSTOCK, 1.6), (STOCK[0], 2.0), ("arq", 1.0))}
    assert json.loads(json.dumps(asdict(result)))["waits"]["arq"]["low"] == [1.0]
    assert start_verdicts(result) == [
        "sends 2.00 × stock's `.delay()` (reaches 2)",
        "starts after 0.80 × stock's median (reaches less than 1), 1.60 × the best one's (misses 1.5)",
    ]


@pytest.mark.parametrize("name", ["dramatiq, threads", "dramatiq, gevent", "arq", "saq", "taskiq", "huey", "rq"])
def test_each_peer_runs_and_acknowledges_each_number(bench, name):
    [peer] = chosen(lineup(NOOP, NOWHERE), [name])
    got = take(bench, peer, NOOP, 50)
    assert (got.count, got.faults) == (50, [])
