"""Memory is that of a process and all below it, and what they share counts once."""

import subprocess
import sys

import psutil
import pytest
from bench.pss import MIB, pss, sampling
from processes import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PSS is Linux's")

SIZE = 64

HOLD = f"""
import os, subprocess, sys, time
held = bytearray(os.urandom(1) * ({SIZE} * {MIB}))
{{more}}
print("ready", flush=True)
time.sleep(120)
"""

OWN_CHILD = (
    "child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE); child.stdout.readline()"
)
FORK = "if os.fork() == 0: time.sleep(120)"


@pytest.fixture
def holding():
    """A process that holds so much and does `more` before it is ready."""
    started = []

    def start(more=""):
        process = psutil.Popen([sys.executable, "-c", HOLD.format(more=more)], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process.pid

    yield start
    for process in started:
        for one in [*process.children(recursive=True), process]:
            one.kill()
        process.wait()
        process.stdout.close()


def test_what_a_child_takes_is_counted(holding):
    alone = holding()
    with_child = holding(OWN_CHILD.format(child=HOLD.format(more="")))
    assert SIZE <= pss(alone) / MIB < 1.5 * SIZE
    assert 2 * SIZE <= pss(with_child) / MIB < 2.5 * SIZE


def test_what_a_process_shares_with_its_child_is_counted_once(holding):
    pid = holding(FORK)
    eventually(lambda: psutil.Process(pid).children(), "it forks")
    assert SIZE <= pss(pid) / MIB < 1.5 * SIZE


def test_a_process_that_has_ended_is_an_error(holding):
    process = psutil.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(psutil.NoSuchProcess):
        pss(process.pid)


def test_samples_are_taken_until_the_block_ends(holding):
    pid = holding()
    with sampling(pid, every=0.01) as samples:
        eventually(lambda: len(samples.mib) > 3, "it looks")
    count = len(samples.mib)
    assert samples.peak >= SIZE
    assert samples.seconds == sorted(samples.seconds)
    assert len(samples.mib) == count
