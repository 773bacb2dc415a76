"""Children are started together, watched, started again, and stopped stage by stage."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from penstock_cli.local.processes import Phase, ProcessError, Program
from penstock_cli.local.state import locked
from penstock_cli.local.supervisor import Bounds, Interrupted, Supervisor

READY = "import time; print('ready', flush=True);"
SLEEPS = READY + "time.sleep(600)"


@dataclass
class Run:
    """A supervisor, what it said, and how often its end was asked for."""

    supervisor: Supervisor
    said: list[str] = field(default_factory=list)
    interrupts: Callable[[], int] = lambda: 0

    def watch_until(self, is_so: Callable[[], bool]) -> None:
        """Let it look at its children until it is so. The test's own time limit is the deadline."""
        while not is_so():
            self.supervisor.pause()


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    made: list[Run] = []
    with locked(tmp_path / "state") as state:

        def make(*, start: float = 30, stop: float = 30, restarts: int = 0, log_bytes: int = 100_000) -> Run:
            supervisor = Supervisor(
                state,
                Bounds(start=start, stop=stop, restarts=restarts, log_bytes=log_bytes),
                say=lambda sentence: run.said.append(sentence),
                show=lambda: None,
                interrupts=lambda: run.interrupts(),
            )
            run = Run(supervisor)
            made.append(run)
            return run

        yield make
        for run in made:
            for child in run.supervisor.children:
                child.kill()


def python(name: str, source: str) -> Program:
    """A program of a line of Python, which is ready when it says so."""
    return Program(name, f"is {name}", [sys.executable, "-c", source], ready=lambda said: b"ready" in said)


def is_alive(pid: int) -> bool:
    """Whether a process of this id runs and is not merely waiting to be reaped."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_a_child_that_dies_before_it_is_ready_is_named_with_its_status_and_its_last_lines(
    make_run: Callable[..., Run],
) -> None:
    run = make_run()
    source = "import sys; print('one'); print('no such queue: mial'); sys.exit(3)"
    with pytest.raises(ProcessError) as raised:
        run.supervisor.start(run.supervisor.add([python("worker-mail", source)]))
    assert "worker-mail ended with status 3" in raised.value.message
    assert "logs/worker-mail.log" in raised.value.message
    assert raised.value.message.endswith("    one\n    no such queue: mial")


def test_a_command_that_does_not_exist_is_named(make_run: Callable[..., Run]) -> None:
    run = make_run()
    missing = Program("api", "answers", ["/no/such/program"], ready=lambda said: True)
    with pytest.raises(ProcessError, match=r"api could not be started: .*/no/such/program"):
        run.supervisor.start(run.supervisor.add([missing]))


def test_a_child_that_does_not_get_ready_in_time_is_named(make_run: Callable[..., Run]) -> None:
    run = make_run(start=0.3)
    with pytest.raises(ProcessError, match=r"^api was not ready within 0.3 s; log: .*/logs/api\.log$"):
        run.supervisor.start(run.supervisor.add([python("api", "import time; time.sleep(600)")]))


def test_a_child_that_is_killed_starts_again_and_that_is_said(make_run: Callable[..., Run]) -> None:
    run = make_run(restarts=2)
    (child,) = run.supervisor.add([python("worker-mail", SLEEPS)])
    run.supervisor.start([child])
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    run.watch_until(lambda: child.phase is Phase.RESTARTING)
    run.watch_until(lambda: child.phase is Phase.READY)
    assert child.pid != first
    assert "worker-mail was ended by SIGKILL" in run.said[0]
    assert "it starts again in 0.5 s (1 of 2)" in run.said[0]
    assert run.said[1] == f"worker-mail is ready again, pid {child.pid}"


def test_a_child_that_dies_more_often_than_allowed_ends_the_run(make_run: Callable[..., Run]) -> None:
    run = make_run(restarts=1)
    (child,) = run.supervisor.add([python("worker-mail", READY + "time.sleep(0.3); print('the disk is full')")])
    run.supervisor.start([child])
    with pytest.raises(ProcessError, match=r"(?s)the disk is full.*it died 2 times in a row: giving up"):
        run.watch_until(lambda: False)
    assert "starts again in 0.5 s (1 of 1)" in run.said[0]


def test_the_last_stage_stops_first(make_run: Callable[..., Run], tmp_path: Path) -> None:
    run = make_run()
    tells = (
        "import signal, sys, time\n"
        "def stop(*_):\n"
        "    time.sleep(0.3); open({order!r}, 'a').write({name!r} + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    order = tmp_path / "order"
    for names in (["redis", "postgres"], ["api"]):
        stage = [python(name, tells.format(order=str(order), name=name)) for name in names]
        run.supervisor.start(run.supervisor.add(stage))
    run.supervisor.stop()
    stopped = order.read_text(encoding="utf-8").split()
    assert stopped[0] == "api"
    assert sorted(stopped[1:]) == ["postgres", "redis"]
    assert run.said == []


IGNORES = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPS


def test_a_child_that_does_not_stop_in_time_is_killed(make_run: Callable[..., Run]) -> None:
    run = make_run(stop=0.3)
    (child,) = run.supervisor.add([python("worker-dataset", IGNORES)])
    run.supervisor.start([child])
    run.supervisor.stop()
    assert run.said == ["worker-dataset is killed: it did not stop within 0.3 s"]
    assert child.phase is Phase.STOPPED
    assert not is_alive(child.pid or 0)


def test_another_interrupt_while_stopping_kills_at_once(make_run: Callable[..., Run]) -> None:
    run = make_run()
    (child,) = run.supervisor.add([python("worker-dataset", IGNORES)])
    run.supervisor.start([child])
    run.interrupts = lambda: 1
    with pytest.raises(Interrupted):
        run.supervisor.pause()
    looks = iter([1, 1])
    run.interrupts = lambda: next(looks, 2)  # the second comes while it stops
    run.supervisor.stop()
    assert run.said == ["worker-dataset is killed: at once, as asked"]


def test_what_a_dead_child_leaves_of_its_group_is_killed(make_run: Callable[..., Run], tmp_path: Path) -> None:
    run = make_run(restarts=1)
    pid_file = tmp_path / "grandchild"
    source = (
        "import subprocess, sys, time;"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        f"open({str(pid_file)!r}, 'w').write(str(child.pid)); {SLEEPS}"
    )
    (child,) = run.supervisor.add([python("worker-generation", source)])
    run.supervisor.start([child])
    grandchild = int(pid_file.read_text(encoding="utf-8"))
    os.kill(child.pid or 0, signal.SIGKILL)
    run.watch_until(lambda: child.phase is Phase.RESTARTING)
    run.watch_until(lambda: not is_alive(grandchild))


def test_a_log_above_its_bound_is_cut_and_the_older_part_kept_once(make_run: Callable[..., Run]) -> None:
    run = make_run(log_bytes=10_000)
    (child,) = run.supervisor.add(
        [python("api", READY + "\nfor _ in range(3000): print('x' * 99, flush=True)\n" + SLEEPS)]
    )
    run.supervisor.start([child])
    older = child.log.with_name("api.log.1")
    run.watch_until(older.exists)
    run.watch_until(lambda: child.log.stat().st_size <= 10_000)
    assert sorted(path.name for path in child.log.parent.iterdir()) == ["api.log", "api.log.1"]
