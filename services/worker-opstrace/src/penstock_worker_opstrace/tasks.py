"""The tasks of the ops_trace queue."""

from typing import Any

from penstock_contracts.ops_trace import PRUNE, USER_ACTIONS, Prune, Pruned, Stored, UserActions
from penstock_runtime.job import Job
from penstock_runtime.settings import load_or_exit
from penstock_runtime.worker import Served, serve
from penstock_worker_opstrace import store
from penstock_worker_opstrace.settings import OpsTraceSettings


def served() -> list[Served[Any, Any]]:
    """What this worker serves. To be called at a process's edge: a wrong setting ends it with one line."""
    return [user_actions(), prune(load_or_exit(OpsTraceSettings))]


def user_actions() -> Served[UserActions, Stored]:
    """Keep a batch of actions under the job's tenant, all or none."""

    def handle(payload: UserActions, job: Job) -> Stored:
        store.copy_actions(job.connection, payload.actions, tenant=job.tenant, job_id=job.id)
        return Stored(stored=len(payload.actions))

    return serve(USER_ACTIONS, handle)


def prune(settings: OpsTraceSettings) -> Served[Prune, Pruned]:
    """Delete old actions of every tenant: the schedule sends it for all of them."""

    def handle(payload: Prune, job: Job) -> Pruned:
        before = store.days_ago(job.connection, payload.days)
        deleted = 0
        for tenant in store.tenants(job.connection):
            while most := min(settings.ops_trace_prune_batch, settings.ops_trace_prune_rows - deleted):
                job.progress(deleted, unit="actions")
                gone = store.delete_actions(job.connection, tenant, before=before, most=most)
                deleted += gone
                if gone < most:
                    break
        return Pruned(deleted=deleted)

    return serve(PRUNE, handle)
