"""`penstock queues`, and the commands that show, list and steer jobs, with a real API."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from command_line import Penstock, RunningApi

from penstock_contracts.queues import QUEUES
from penstock_runtime.scopes import Scope

REPORT = '{"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}'
FAILED = """state = 'failed', error = '{"code"\\: "rejected", "message"\\: "no such dataset"}', finished_at = now()"""


@pytest.fixture
def job_id(penstock: Penstock) -> str:
    """A job that waits."""
    return penstock("jobs", "submit", "generation.report", REPORT).output.strip()


def test_a_job_is_shown_cancelled_and_started_over(penstock: Penstock, job_id: str) -> None:
    shown = penstock("jobs", "show", job_id)
    cancelled = penstock("jobs", "cancel", job_id, "--json")
    retried = penstock("jobs", "retry", job_id, "--json")

    assert (shown.status, cancelled.status, retried.status) == (0, 0, 0)
    assert job_id in shown.output
    assert json.loads(cancelled.output)["state"] == "cancelled"
    assert json.loads(retried.output)["state"] == "accepted"
    assert penstock("jobs", "retry", job_id).status == 1


def test_a_job_is_shown_with_its_reason_its_times_and_its_result(
    penstock: Penstock, running_api: RunningApi, job_id: str
) -> None:
    running_api.change(job_id, f"{FAILED}, started_at = now() - interval '90 seconds', result = '{{\"rows\"\\: 17}}'")
    shown = penstock("jobs", "show", job_id).output

    for words in ("failed", "rejected: no such dataset", "0 of 3", "90.0 s after its last start", '"rows": 17'):
        assert words in shown


def test_several_jobs_are_steered_at_once_and_told_as_one_line_each(penstock: Penstock, job_id: str) -> None:
    other = penstock("jobs", "submit", "generation.report", REPORT).output.strip()
    told = penstock("jobs", "cancel", job_id, other, "--json").output.splitlines()

    assert [(job["id"], job["state"]) for job in map(json.loads, told)] == [
        (job_id, "cancelled"),
        (other, "cancelled"),
    ]


def test_jobs_are_listed_by_queue_task_and_state(penstock: Penstock, running_api: RunningApi, job_id: str) -> None:
    def listed(*filters: str) -> list[str]:
        return [job["id"] for job in json.loads(penstock("jobs", "list", "--json", *filters).output)]

    running_api.change(job_id, FAILED)
    assert listed() == [job_id]
    assert listed("--queue", "generation", "--task", "generation.report", "--in", "failed") == [job_id]
    assert listed("--queue", "mail") == listed("--task", "dataset.import_file") == listed("--in", "running") == []
    assert "rejected: no such dataset" in penstock("jobs", "list").output

    refused = penstock("jobs", "list", "--in", "lost")
    assert refused.status == 1
    assert refused.told.startswith("query.state: ")


def test_a_list_goes_on_where_it_ended_and_ids_are_never_cut(penstock: Penstock, tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text(f"{REPORT}\n" * 205)
    ids = penstock("jobs", "submit", "generation.report", "--lines", str(file)).output.split()
    assert len(ids) == 205

    first = penstock("jobs", "list", "--limit", "203", COLUMNS="80")
    cursor = first.told.strip().rpartition("--cursor ")[2]
    rest = penstock("jobs", "list", "--cursor", cursor, "--json")
    shown = [line.split()[0] for line in first.output.splitlines()[1:]]
    assert {*shown, *(job["id"] for job in json.loads(rest.output))} == {*ids}
    assert rest.told == ""


def test_the_webhook_secret_is_shown_to_a_key_made_for_it(
    penstock: Penstock, running_api: RunningApi, tenant: str
) -> None:
    told = penstock("webhook-secret", PENSTOCK_API_KEY=running_api.key(tenant, Scope.SECRETS))
    refused = penstock("webhook-secret")

    assert told.output.startswith("whsec_")
    assert (refused.status, refused.output) == (1, "")
    assert "this key lacks the scope secrets; " in refused.told


def test_queues_are_shown_with_units(penstock: Penstock) -> None:
    shown = penstock("queues").output
    told = json.loads(penstock("queues", "--json").output)

    for words in ("ops_trace", "in flight", "done/min", "run (median)"):
        assert words in shown
    assert [queue["in_flight"] for queue in told] == [0] * len(QUEUES)


def test_a_problem_is_told_with_its_code_and_request_id(penstock: Penstock) -> None:
    unknown = [penstock("jobs", verb, "never-issued") for verb in ("show", "cancel", "retry", "watch")]
    for refused in unknown:
        assert refused.status == 1
        assert "there is no such job (not_found, request " in refused.told


def test_a_key_that_is_unknown_or_does_not_allow_it_is_told(
    penstock: Penstock, running_api: RunningApi, tenant: str, job_id: str
) -> None:
    reads = running_api.key(tenant, Scope.READ)
    wrong = penstock("jobs", "list", PENSTOCK_API_KEY=reads[:-1] + ("A" if reads[-1] != "A" else "B"))
    lacks = penstock("jobs", "cancel", job_id, PENSTOCK_API_KEY=reads)

    assert (wrong.status, lacks.status) == (1, 1)
    assert "this key is unknown, expired or revoked (unauthorized, request " in wrong.told
    assert "this key lacks the scope write; " in lacks.told
    assert reads not in wrong.told + lacks.told


def test_an_api_that_cannot_work_just_now_is_waited_for_as_long_as_one_likes(
    penstock: Penstock, running_api: RunningApi, job_id: str
) -> None:
    running_api.gate.refuse()
    try:
        impatient = penstock("jobs", "show", job_id, PENSTOCK_API_PATIENCE="0")
    finally:
        running_api.gate.let_through()

    assert impatient.status == 4
    assert "(unavailable, request " in impatient.told
    assert penstock("jobs", "show", job_id).status == 0


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({}, 1, "PENSTOCK_API_URL: is not set"),
        ({"PENSTOCK_API_URL": "http://127.0.0.1:1"}, 1, "PENSTOCK_API_KEY: is not set"),
        (
            {"PENSTOCK_API_URL": "http://127.0.0.1:1", "PENSTOCK_API_KEY": "pk_"},
            4,
            "nothing answers at http://127.0.0.1:1: ",
        ),
        ({"PENSTOCK_API_URL": "127.0.0.1:1", "PENSTOCK_API_KEY": "pk_"}, 1, "PENSTOCK_API_URL: "),
        ({"PENSTOCK_API_URL": "http://[", "PENSTOCK_API_KEY": "pk_"}, 1, "PENSTOCK_API_URL: this is no URL"),
    ],
)
def test_what_is_missing_is_told(given: dict[str, str], status: int, words: str, tmp_path: Path) -> None:
    refused = Penstock({})("queues", "--state", str(tmp_path), **given)
    assert refused.status == status
    assert refused.told.startswith(words)


@pytest.mark.parametrize("status", [200, 404])
def test_a_server_that_is_no_penstock_api_is_told(penstock: Penstock, status: int) -> None:
    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<p>Welcome</p>")

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Site) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        refused = penstock("queues", "--api", f"http://127.0.0.1:{site.server_port}")
        site.shutdown()

    assert refused.status == 1
    assert "Penstock API" in refused.told
