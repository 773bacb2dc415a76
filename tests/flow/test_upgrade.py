"""While an upgrade rolls out, the API accepts jobs that the workers of yesterday do not know."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import Running, eventually

from penstock_contracts.ops_trace import USER_ACTIONS, UserActions
from penstock_runtime.ledger import JobView
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.submit import Submitter

ACTION = {"user_id": "u", "action": "opened", "at": "2026-01-01T00:00:00Z"}
QUICK = {"PENSTOCK_PUBLISH_TIMEOUT": "2", "PENSTOCK_REDIS_TIMEOUT": "0.6"}


@pytest.fixture
def submitter(settings: RuntimeSettings) -> Iterator[Submitter]:
    submitter = Submitter(settings)
    yield submitter
    submitter.close()


def test_a_job_whose_task_no_worker_knows_is_published_again_until_one_does(
    scheduler: Callable[..., Running],
    worker: Callable[..., Running],
    submitter: Submitter,
    job: Callable[[str], JobView],
    tmp_path: Path,
) -> None:
    scheduler(**QUICK)
    yesterday = worker("ops_trace", module="probe", PROBE_FOLDER=str(tmp_path))  # which knows another task only
    message = USER_ACTIONS.message(UserActions.model_validate({"actions": [ACTION]}))
    job_id = submitter.submit(message, tenant="default").job_id
    refused = '"event": "unknown_task"'
    eventually(lambda: yesterday.log.read_text(errors="replace").count(refused) >= 2, "it is published again")
    assert (job(job_id).finished_at, job(job_id).attempt) == (None, 0)
    yesterday.kill()
    worker("ops_trace")
    eventually(lambda: job(job_id).state == "succeeded", "a worker that knows the task does it")
