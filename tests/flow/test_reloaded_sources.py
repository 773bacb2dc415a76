"""`skaffold dev` copies changed sources into a running pod and sends its worker SIGHUP: it begins anew with them."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import Running, eventually

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import Pool
from penstock_runtime.ledger import JobView
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.submit import Submitter

CELERY = (str(Path(sys.executable).with_name("penstock-celery")),)
"""As the chart starts it: what restarts itself must know its own name."""

SOURCE = """
from penstock_contracts.ops_trace import PRUNE, Pruned
from penstock_runtime.broker import make_app
from penstock_runtime.worker import serve

app = make_app([serve(PRUNE, lambda payload, job: Pruned(deleted={number}))])
"""


@pytest.mark.parametrize("pool", [Pool.PREFORK, Pool.GEVENT])
def test_a_worker_that_gets_sighup_stays_the_same_process_and_runs_the_changed_source(
    pool: Pool,
    worker: Callable[..., Running],
    job: Callable[[str], JobView],
    settings: RuntimeSettings,
    tmp_path: Path,
) -> None:
    source = tmp_path / "synced.py"
    source.write_text(SOURCE.format(number=1))
    run = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    running = worker("ops_trace", module="synced", pool=pool, program=CELERY, **run)

    def deletes() -> int:
        submitter = Submitter(settings)
        job_id = str(submitter.submit(PRUNE.message(Prune(days=1)), tenant="default").job_id)
        submitter.close()
        ended = eventually(lambda: (one := job(job_id)).finished_at and one, "the job ends")
        return int(ended.result["deleted"])

    assert deletes() == 1
    source.write_text(SOURCE.format(number=2))
    running.process.send_signal(signal.SIGHUP)
    eventually(lambda: running.text().count(" ready.") == 2, "the worker is ready again", seconds=80)
    assert deletes() == 2
    assert running.process.poll() is None
