"""Nothing outlives the process that started it, and a next start cleans up what did."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from penstock_cli.local.orphans import record, sweep

SUPERVISES = """
import sys, time
from pathlib import Path
from penstock_cli.local.processes import Program
from penstock_cli.local.state import locked
from penstock_cli.local.supervisor import Bounds, Supervisor

with locked(Path(sys.argv[1])) as state:
    bounds = Bounds(start=30, stop=30, restarts=0, log_bytes=100_000)
    supervisor = Supervisor(state, bounds, say=print, show=lambda: None, interrupts=lambda: 0)
    sleeps = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(600)"]
    supervisor.start(supervisor.add([Program("api", "sleeps", sleeps, ready=lambda said: b"ready" in said)]))
    print(supervisor.children[0].pid, flush=True)
    time.sleep(600)
"""


def wait_for(is_so: Callable[[], bool]) -> None:
    """Return once it is so; fail after 20 s."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_supervisor_killed_with_sigkill_leaves_no_child(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUPERVISES, str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = psutil.Process(int(supervisor.stdout.readline()))
        supervisor.kill()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_sweep_kills_the_group_that_an_earlier_run_left(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as left:
        record(tmp_path / "children.json", [left.pid])
        assert sweep(tmp_path / "children.json", seconds=0.1) == [left.pid]
        assert left.wait(20) == -signal.SIGKILL
    assert not (tmp_path / "children.json").exists()


def test_a_sweep_spares_a_stranger_that_got_the_number_of_a_dead_child(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as stranger:
        born = psutil.Process(stranger.pid).create_time()
        (tmp_path / "children.json").write_text(json.dumps({stranger.pid: born - 3600}), encoding="utf-8")
        assert sweep(tmp_path / "children.json", seconds=0.1) == []
        assert stranger.poll() is None
        stranger.kill()


def test_a_sweep_kills_the_members_of_a_group_whose_leader_has_died(tmp_path: Path) -> None:
    source = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print(child.pid, flush=True); sys.stdin.read()"
    )
    leader = subprocess.Popen(
        [sys.executable, "-c", source],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with leader:
        assert leader.stdout is not None
        member = int(leader.stdout.readline())
        record(tmp_path / "children.json", [leader.pid])
    assert sweep(tmp_path / "children.json", seconds=0.1) == [leader.pid]
    wait_for(lambda: not psutil.pid_exists(member) or psutil.Process(member).status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize("content", ["", "[]", '{"x": 1}', "\x00"])
def test_a_broken_record_is_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "children.json").write_text(content, encoding="utf-8")
    assert sweep(tmp_path / "children.json", seconds=0) == []
