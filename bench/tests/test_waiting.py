"""What an idle worker costs is that of its process and all below it, and is compared figure by figure."""

import subprocess
import sys

import psutil
import pytest
import redis
from bench.report import beside_stock
from bench.waiting import Crowd, Idle, Result, Waited, Wanted, cpu_ms, idle_costs
from bench.worker_run import Bench
from bench.worker_throughput import CELERY, PENSTOCK
from own_redis import own_redis
from processes import eventually

SIZE = 64

BURNS = """
import os
held = bytearray(os.urandom(1) * (64 * 2**20))
print("ready", flush=True)
while True:
    pass
"""
HAS_A_CHILD_THAT_BURNS = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {BURNS!r}], stdout=subprocess.PIPE)
print(child.stdout.readline(), flush=True)
child.wait()
"""
SLEEPS = "import time; print('ready', flush=True); time.sleep(120)"


@pytest.fixture
def process():
    started = []

    def start(program):
        one = psutil.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        started.append(one)
        assert b"ready" in one.stdout.readline()
        return psutil.Process(one.pid)

    yield start
    for one in started:
        for each in [*one.children(recursive=True), one]:
            each.kill()
        one.wait()
        one.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="PSS is Linux's")
def test_time_and_memory_of_a_child_are_counted(bench, process):
    processes = {"busy": process(HAS_A_CHILD_THAT_BURNS), "quiet": process(SLEEPS)}
    cpu = cpu_ms(processes, 0.5)
    busy, quiet = (idle_costs(bench, processes[name], 0.1, cpu[name]) for name in ("busy", "quiet"))
    assert quiet.cpu_ms < 20 < busy.cpu_ms
    assert quiet.own_mib <= quiet.pss_mib < SIZE < busy.own_mib <= busy.pss_mib < 2 * SIZE


def test_connections_and_commands_are_those_of_others(process, tmp_path):
    # Of its own: what other tests keep open would be counted.
    with own_redis(tmp_path) as server, redis.Redis.from_url(server.url, single_connection_client=True) as other:
        other.ping()
        server.client.close()
        bench = Bench(server.url, tmp_path)
        eventually(lambda: len(other.client_list()) == 2, "nobody else is there")
        costs = idle_costs(bench, process(SLEEPS), 0.2, 0.0)
        bench.client.close()
    assert costs.costs["connections"] == 1
    assert costs.sent == {}
    assert costs.executed == 0


def test_each_figure_is_held_against_stocks():
    def waited(idle):
        return Waited(idle, [1.0], Crowd(1, 1, 1, 1))

    ours = Idle(sent={"evalsha": 0.5, "ping": 0.5}, executed=18, connections=2, cpu_ms=1.5, pss_mib=50, own_mib=40)
    stock = Idle(sent={"brpop": 1.0}, executed=1, connections=3, cpu_ms=1.6, pss_mib=49.9, own_mib=40)
    result = Result(Wanted(1, 1, 1, 1), {}, {PENSTOCK: waited(ours), CELERY: waited(stock)})
    assert list(zip(ours.costs, beside_stock(result), strict=True)) == [
        ("commands/s sent", "at or below"),
        ("executed/s", "above stock's"),
        ("connections", "at or below"),
        ("CPU ms/s", "at or below"),
        ("PSS MiB", "above stock's"),
        ("USS MiB", "at or below"),
    ]
