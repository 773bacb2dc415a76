"""The end of a job is told, by the processes that do it in earnest."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from processes import Running, eventually
from sqlalchemy import Engine, select

from penstock_contracts.ops_trace import PRUNE, WEBHOOK, Prune
from penstock_runtime.ledger import JobView
from penstock_runtime.links import webhook_secret
from penstock_runtime.schema import jobs
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.submit import Submitter
from penstock_worker_opstrace.webhook import headers


class Hook(ThreadingHTTPServer):
    """A receiver that has a bad moment at first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.calls: list[tuple[int, dict[str, str], bytes]] = []


class _Answers(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status = 200 if self.server.calls else 500
        self.server.calls.append((status, dict(self.headers), body))
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_job_with_a_webhook_ends_with_exactly_one_successful_call(
    scheduler: Callable[..., Running],
    worker: Callable[..., Running],
    hook: Hook,
    settings: RuntimeSettings,
    database: Engine,
    job: Callable[[str], JobView],
) -> None:
    scheduler()
    worker("ops_trace", PENSTOCK_WEBHOOK_ALLOWED_NETWORKS="127.0.0.1", PENSTOCK_RETRY_FIRST="0.2")
    submitter = Submitter(settings, database)
    url = f"http://127.0.0.1:{hook.server_port}/hook"
    job_id = submitter.submit(PRUNE.message(Prune()), tenant="acme", webhook=url).job_id

    def told() -> JobView | None:
        with database.connect() as connection:
            ids = connection.execute(select(jobs.c.id).where(jobs.c.task == WEBHOOK.name)).scalars().all()
        assert len(ids) <= 1
        return next((row for row in map(job, ids) if row.state == "succeeded"), None)

    telling = eventually(told, "the webhook's job ends")
    submitter.close()
    assert telling.attempt == 2
    assert [status for status, _, _ in hook.calls] == [500, 200]
    for _, sent, body in hook.calls:
        notice = json.loads(body)
        assert (notice["type"], notice["job"]["id"]) == ("job.succeeded", job_id)
        assert notice["job"]["result"] == {"deleted": 0}
        secret = webhook_secret("acme", settings.secret_key.get_secret_value())
        expected = headers(telling.id, int(sent["webhook-timestamp"]), body, secret)
        assert sent.items() >= expected.items()
