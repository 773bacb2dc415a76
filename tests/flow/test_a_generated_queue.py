"""`penstock queues new` in a copy of the repository: all that compares, checks and tests there is content at once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis_users
from celery import Celery
from chart.binaries import binary
from command_line import Penstock
from processes import Running, eventually

from penstock_cli.new_queue.declaration import LONGEST
from penstock_runtime.ledger import JobView

ROOT = Path(__file__).resolve().parents[2]
LONG = ("monthly_invoices_of_2026_" + "x" * LONGEST)[:LONGEST]

BIN = Path(sys.executable).parent
CHECKS = ("ruff check --no-cache", "ruff format --check --no-cache", "mypy", "lint-imports --no-cache")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository with two queues more: one as usual, and one with the longest name that there may be."""
    binary("helm4")
    root = tmp_path / "repository"
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "results"))
    (root / ".tools").symlink_to(ROOT / ".tools")
    penstock = Penstock({})
    for arguments in (["billing"], [LONG, "--pool", "prefork", "--time-limit", "3600", "--attempts", "3"]):
        added = penstock("queues", "new", *arguments, "--root", str(root))
        assert added.status == 0, added.told
        assert f"new services/worker-{arguments[0].replace('_', '-')}/README.md\n" in added.output
    return root


@pytest.fixture
def sources(copy: Path) -> str:
    """The packages of the copy, which come before those that are installed."""
    folders = [*copy.glob("*/*/src"), copy / "cli/src", copy / "tests"]
    return os.pathsep.join(map(str, folders))


@pytest.fixture
def runs(copy: Path, sources: str) -> Callable[..., None]:
    """Run a program of the environment in the copy, and expect that it has nothing to say against it."""

    def run(program: str, *arguments: str) -> None:
        environment = os.environ | {"PYTHONPATH": sources, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [str(BIN / program), *arguments]
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    return run


@pytest.mark.timeout(900)
def test_what_checks_and_compares_the_repository_is_content_and_the_new_worker_does_its_job(
    copy: Path, sources: str, runs: Callable[..., None], does_its_job: Callable[[str], None]
) -> None:
    for check in CHECKS:
        runs(*check.split())
    new_ones = [f"services/worker-{name.replace('_', '-')}" for name in ("billing", LONG)]
    compared = ["tests/declaration", "tests/kustomize/test_rendered.py", "tests/chart/test_declaration.py"]
    runs("pytest", "-q", *new_ones, *compared, "libs/contracts")
    does_its_job(sources)

    before = (copy / "skaffold.yaml").read_bytes()
    again = Penstock({})("queues", "new", "billing", "--root", str(copy))
    assert "queues.py declares it already" in again.told
    assert (copy / "skaffold.yaml").read_bytes() == before


@pytest.fixture
def does_its_job(start: Callable[..., Running], redis_url: str, job: Callable[[str], JobView]) -> Callable[[str], None]:
    """Start the new worker out of these sources, and have it do what a Celery client sends."""

    def ended(job_id: str) -> JobView | None:
        try:
            return found if (found := job(job_id)).state == "succeeded" else None
        except AssertionError:  # not adopted yet
            return None

    def check(sources: str) -> None:
        broker = redis_users.as_services(redis_url, "billing")
        command = ["-A", "penstock_worker_billing.app", "worker", "-P", "gevent", "-c", "2", "-Q", "billing"]
        start(*command, "--loglevel", "INFO", until=" ready.", PYTHONPATH=sources)
        with Celery("someone", broker=broker, set_as_current=False) as client:
            job_id = client.send_task("billing.run", kwargs={"subject": "图书"}, queue="billing").id
        assert eventually(lambda: ended(job_id), "the job has ended").result == {"characters": 2}

    return check
