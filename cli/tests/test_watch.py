"""`penstock jobs watch`, `submit --wait` and `queues --watch`, with a real API, whose streams last a second here."""

import json
import os
import pty
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Penstock, RunningApi
from processes import eventually

from penstock_contracts.queues import QUEUES

REPORT = '{"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}'
FAILED = """state = 'failed', error = '{"code"\\: "rejected", "message"\\: "no such dataset"}'"""
RUNNING = """state = 'running', progress = '{"done"\\: 500, "total"\\: 2000, "unit"\\: "rows"}'"""


@pytest.fixture
def start(penstock: Penstock) -> Callable[[], str]:
    """Start a job."""
    return lambda: penstock("jobs", "submit", "generation.report", REPORT).output.strip()


def test_watching_goes_on_after_the_stream_has_closed(
    penstock: Penstock, running_api: RunningApi, start: Callable[[], str], tmp_path: Path
) -> None:
    job_id = start()
    log = tmp_path / "watched"
    with log.open("wb") as into, penstock.begin("jobs", "watch", job_id, "--json", into=into) as watching:
        eventually(lambda: log.stat().st_size, "something is told")
        for state in ("running", "succeeded"):  # each in a stream of its own
            running_api.change(job_id, f"state = '{state}'")
            eventually(lambda state=state: f'"state": "{state}"' in log.read_text(), f"{state} is told")
        assert watching.wait(40) == 0
    assert json.loads(log.read_text().splitlines()[-1])["state"] == "succeeded"


def test_watching_jobs_of_which_one_failed_ends_with_a_status_of_its_own_and_the_reason(
    penstock: Penstock, running_api: RunningApi, start: Callable[[], str]
) -> None:
    lucky, unlucky = start(), start()
    running_api.change(lucky, "state = 'succeeded'")
    running_api.change(unlucky, FAILED)
    watched = penstock("jobs", "watch", lucky, unlucky)

    assert watched.status == 3
    assert f"{unlucky} failed rejected: no such dataset" in watched.output
    assert penstock("jobs", "watch", lucky).status == 0


def test_more_jobs_than_may_be_listened_to_at_once_are_watched_one_after_the_other(
    penstock: Penstock, running_api: RunningApi, start: Callable[[], str]
) -> None:
    ids = [start() for _ in range(4)]  # of which the tenant may listen to two
    for job_id in ids[2:]:
        running_api.change(job_id, "state = 'succeeded'")
    later = threading.Timer(1, lambda: [running_api.change(job_id, "state = 'succeeded'") for job_id in ids[:2]])
    later.start()
    watched = penstock("jobs", "watch", *ids, "--json")
    later.join()

    assert watched.status == 0
    ended = {job["id"] for job in map(json.loads, watched.output.splitlines()) if "result" in job}
    assert ended == {*ids}


def test_submitting_waits_for_the_end_and_tells_it_apart_from_what_it_prints(
    penstock: Penstock, running_api: RunningApi, start: Callable[[], str], tmp_path: Path
) -> None:
    job_id = start()
    running_api.change(job_id, f"{FAILED}, idempotency_key = 'k'")
    shown = penstock("jobs", "submit", "generation.report", REPORT, "--key", "k", "--wait")
    told = penstock("jobs", "submit", "generation.report", REPORT, "--key", "k", "--wait", "--json")

    assert (shown.status, told.status) == (3, 3)
    assert shown.output.strip() == job_id
    assert "failed rejected: no such dataset" in shown.told
    assert json.loads(told.output)["error"]["code"] == "rejected"


def test_on_a_terminal_there_is_a_bar_and_ctrl_c_leaves_the_job_alone(
    penstock: Penstock, running_api: RunningApi, start: Callable[[], str]
) -> None:
    job_id = start()
    running_api.change(job_id, RUNNING)
    screen, terminal = pty.openpty()
    shown = bytearray()
    narrow = Penstock(penstock.environment | {"COLUMNS": "80", "TERM": "xterm"})

    def says(words: str) -> bool:
        shown.extend(os.read(screen, 10_000))
        return words in shown.decode(errors="replace")

    with narrow.begin("jobs", "watch", job_id, into=terminal) as watching:
        eventually(lambda: says("500 of 2,000 rows"), "the progress is shown")
        assert "━" in shown.decode(errors="replace")
        watching.send_signal(signal.SIGINT)
        eventually(lambda: says("the jobs go on"), "that is told")
        assert watching.wait(40) == 130
    os.close(terminal)
    os.close(screen)
    assert json.loads(penstock("jobs", "show", job_id, "--json").output)["state"] == "running"


def test_queues_are_shown_again_and_again(penstock: Penstock, tmp_path: Path) -> None:
    log = tmp_path / "queues"
    with log.open("wb") as into, penstock.begin("queues", "--watch", "--json", into=into) as watching:
        eventually(lambda: len(log.read_bytes().splitlines()) >= 2, "they are shown twice")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(40) == 130
    for line in log.read_text().splitlines():
        assert [queue["queue"] for queue in json.loads(line)] == [queue.name for queue in QUEUES]
