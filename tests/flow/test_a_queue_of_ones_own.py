"""docs/adding-a-queue.md, followed to the letter in a copy of the contracts, makes a worker that does its job."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
import redis_users
from celery import Celery
from documents.reading import blocks_of
from processes import Running, eventually

from penstock_runtime.ledger import JobView

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "libs/contracts/src/penstock_contracts"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder of packages in which the recipe was followed."""
    document = (ROOT / "docs/adding-a-queue.md").read_text(encoding="utf-8")
    declaration, contract, tasks, process, _ = [block.text for block in blocks_of(document) if block.kind == "python"]
    contracts, service = tmp_path / "penstock_contracts", tmp_path / "penstock_worker_billing"
    shutil.copytree(CONTRACTS, contracts)
    service.mkdir()

    queues = (contracts / "queues.py").read_text(encoding="utf-8")
    known = "QUEUES = ("
    assert known in queues
    (contracts / "queues.py").write_text(queues.replace(known, f"{declaration}\n{known}BILLING, "), encoding="utf-8")
    (contracts / "billing.py").write_text(contract, encoding="utf-8")
    every = (contracts / "tasks.py").read_text(encoding="utf-8")
    every = re.sub(
        r"^(TASKS: .* = \()", r"from penstock_contracts.billing import INVOICE\n\1INVOICE, ", every, flags=re.M
    )
    assert "(INVOICE, " in every
    (contracts / "tasks.py").write_text(every, encoding="utf-8")

    # What the recipe leaves to its reader: the work.
    assert tasks.rstrip().endswith("...")
    (service / "tasks.py").write_text(
        tasks.rstrip().removesuffix("...") + "return Invoiced(file_id=payload.order_id)\n"
    )
    (service / "app.py").write_text(process, encoding="utf-8")
    return tmp_path


def test_a_queue_that_was_added_as_the_recipe_says_does_its_job(
    copy: Path, start: Callable[..., Running], redis_url: str, job: Callable[[str], JobView]
) -> None:
    broker = redis_users.as_services(redis_url, "billing")
    command = re.search(
        r"celery (-A penstock_worker_billing\.app worker [^`]+)`", (copy / "penstock_worker_billing/app.py").read_text()
    )
    assert command is not None
    start(*command[1].split(), "--loglevel", "INFO", until=" ready.", PYTHONPATH=str(copy))

    order = str(uuid4())
    client = Celery("someone", broker=broker, set_as_current=False)
    job_id = client.send_task("billing.invoice", kwargs={"order_id": order}, queue="billing").id
    client.close()
    ended = eventually(lambda: _ended(job, job_id), "the job has ended")

    assert (ended.queue, ended.state, ended.result) == ("billing", "succeeded", {"file_id": order})


def _ended(job: Callable[[str], JobView], job_id: str) -> JobView | None:
    try:
        found = job(job_id)
    except AssertionError:  # not adopted yet
        return None
    return found if found.state == "succeeded" else None
