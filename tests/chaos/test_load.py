"""The clients of a run: each job is sent until somebody says that it is accepted."""

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest
from chaos import work
from chaos.load import Load, api_client
from processes import eventually

from penstock_contracts.queues import MAIL, OPS_TRACE


class Api(ThreadingHTTPServer):
    """Answers as a test says, and then 202. `answers`: statuses; 0 hangs up without one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.answers: list[int] = []
        self.asked: list[tuple[str, str | None, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Api

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.path, self.headers["idempotency-key"], body))
        status = self.server.answers.pop(0) if self.server.answers else 202
        if status:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"job_id": f"job {len(self.server.asked)}"}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def load(api: Api) -> Iterator[Callable[..., Load]]:
    made: list[Load] = []

    def make(*jobs: work.Job) -> Load:
        client = partial(api_client, api.url, "a key", [])
        made.append(Load(client, jobs, lambda queue, number: work.make(queue, number, "more", Random(1))))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.mark.parametrize("answers", [[503], [0], [503, 0, 503]], ids=str)
def test_a_job_is_repeated_in_the_same_words_until_it_is_accepted(
    answers: list[int], api: Api, load: Callable[..., Load]
) -> None:
    api.answers = list(answers)
    job = work.make(OPS_TRACE, 1, "run", Random(1))
    sending = load(job)
    sending.release()
    eventually(lambda: not sending.unanswered, "the job is accepted")
    assert (job.id, job.repeats) == (f"job {len(answers) + 1}", len(answers))
    assert api.asked == [api.asked[0]] * (len(answers) + 1)
    assert not any(answer.startswith("unexpected") for answer in sending.answers)


@pytest.mark.parametrize("status", [200, 400, 409, 422, 429, 500])
def test_an_answer_that_no_fault_excuses_is_kept(status: int, api: Api, load: Callable[..., Load]) -> None:
    api.answers = [status]
    sending = load(work.make(MAIL, 1, "run", Random(1)))
    sending.release()
    eventually(lambda: not sending.unanswered, "the job is accepted")
    assert [answer[:14] for answer in sending.answers] == [f"unexpected {status}"]


def test_what_is_released_of_a_queue_is_made_where_there_is_none_left(api: Api, load: Callable[..., Load]) -> None:
    only = work.make(MAIL, 1, "run", Random(1))
    sending = load(only)
    released = sending.release_of(MAIL, 3)
    eventually(lambda: not sending.unanswered, "the jobs are accepted")
    assert released[0] is only
    assert len({job.email for job in released}) == len(api.asked) == 3
    assert sending.released == released
