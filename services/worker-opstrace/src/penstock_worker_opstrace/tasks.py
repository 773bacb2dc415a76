"""The tasks of the ops_trace queue."""

import ssl
import time
from typing import Any

from penstock_contracts.ops_trace import (
    PRUNE,
    USER_ACTIONS,
    WEBHOOK,
    Prune,
    Pruned,
    Stored,
    Told,
    UserActions,
    Webhook,
)
from penstock_runtime.errors import Rejected
from penstock_runtime.job import Job
from penstock_runtime.ledger import read_job
from penstock_runtime.links import signing_key, webhook_secret
from penstock_runtime.settings import load_or_exit
from penstock_runtime.worker import Served, serve
from penstock_worker_opstrace import store, webhook
from penstock_worker_opstrace.delivery import deliver
from penstock_worker_opstrace.post import Call
from penstock_worker_opstrace.settings import OpsTraceSettings


def served() -> list[Served[Any, Any]]:
    """What this worker serves. To be called at a process's edge: a wrong setting ends it with one line."""
    settings = load_or_exit(OpsTraceSettings)
    return [user_actions(), prune(settings), tell(settings)]


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


def tell(settings: OpsTraceSettings) -> Served[Webhook, Told]:
    """Tell a URL how a job of the same tenant ended. A worker that dies after the call and before its own write calls
    again, under the same webhook-id."""
    tls = ssl.create_default_context()

    def handle(payload: Webhook, job: Job) -> Told:
        with job.database.connect() as connection:
            ended = read_job(connection, payload.job_id, tenant=job.tenant)
        if ended is None:
            raise Rejected("the job is no longer in the ledger", code="webhook_job_gone")
        if ended.finished_at is None or (payload.ended_at or ended.finished_at) != ended.finished_at:
            return Told(status=None)  # it has started over, and tells its next end by a call of its own
        secret = webhook_secret(job.tenant, signing_key(settings.secret_key, job.database))
        content = webhook.body(ended)
        headers = webhook.headers(job.id, int(time.time()), content, secret)
        return Told(status=deliver(Call(payload.url, headers, content), settings, tls))

    return serve(WEBHOOK, handle)
