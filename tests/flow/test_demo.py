"""`penstock demo`, as a newcomer types it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pypdf import PdfReader

from penstock_contracts.queues import QUEUES

DEMO = [sys.executable, "-c", "from penstock_cli.main import main; main()", "demo", "--state"]


@pytest.fixture
def state(servers_folder: Path) -> Path:
    return servers_folder / "demo state"


@pytest.fixture
def demo(state: Path) -> Iterator["subprocess.Popen[str]"]:
    """A demo that was started with no settings, and that leaves nothing behind."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PENSTOCK_", "CELERY_"))}
    with subprocess.Popen(
        [*DEMO, str(state)], env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        yield process
        process.send_signal(signal.SIGTERM)


def of_this_state(state: Path) -> list[str]:
    """The processes that name the state folder or were started with it."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        if str(state) in " ".join([process.info["cwd"] or "", *(process.info["cmdline"] or [])]):
            found.append(" ".join(process.info["cmdline"]))
    return found


def test_one_command_brings_a_job_through_every_queue_and_leaves_its_results(
    demo: "subprocess.Popen[str]", state: Path
) -> None:
    shown, _ = demo.communicate(timeout=150)
    assert demo.returncode == 0, shown
    for queue in QUEUES:
        assert f"queue {queue.name}" in shown
    assert "2000 rows, 11 columns, gb18030" in shown
    (report,) = (state / "demo").glob("图书*.pdf")
    assert "图书借阅" in PdfReader(report).pages[0].extract_text()
    assert len(list((state / "mail").glob("*.eml"))) == 2
    assert of_this_state(state) == []
