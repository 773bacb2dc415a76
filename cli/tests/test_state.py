"""The state folder belongs to one run at a time, and keeps its secrets to its owner."""

import os
import signal
import stat
from pathlib import Path

import pytest

from penstock_cli.local.interrupts import counted
from penstock_cli.local.state import Instance, StateError, locked, running, write_secret


def test_a_second_run_on_the_same_folder_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(StateError, match=rf"another penstock \(pid {os.getpid()}\) runs on"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StateError, match=r"file/state cannot be used: .*--state"), locked(tmp_path / "file" / "state"):
        pass


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    with locked(tmp_path) as state:
        made = state.secret("secret_key", lambda: "first")
        assert state.secret("secret_key", lambda: "second") == made == "first"
        assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_another_command_finds_the_suite_only_while_it_runs(tmp_path: Path) -> None:
    here = Instance(
        broker_url="redis://127.0.0.1:3/0",
        database_url="postgresql://postgres@127.0.0.1:1/postgres",
        storage_url="file:///files",
        api_url="http://127.0.0.1:2",
    )
    assert running(tmp_path / "none") is None
    with locked(tmp_path) as state:
        assert running(tmp_path) is None
        write_secret(state.instance_file, here.model_dump_json())
        assert running(tmp_path) == here
    assert running(tmp_path) is None


def test_signals_are_counted_and_the_third_is_heard_at_once() -> None:
    with counted() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts() == 2
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGHUP)
