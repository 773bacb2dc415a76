"""The load sends what it says, counts what is answered, and tells what went wrong."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from bench.load import NUMBER, Load, Run, Shot, send

BODY = json.dumps({"user": NUMBER})
JOB = Shot("/jobs", BODY, headers={"X-Key": "k"})
MISSING = Shot("/missing", method="GET", status=404)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["X-Key"], json.loads(body)["user"]))
        if len(self.server.got) in self.server.cut:
            self.close_connection = True
            return
        self._answer(202, {"job_id": f"job {json.loads(body)['user']}"})

    def do_GET(self):
        self._answer(404, {})

    def _answer(self, status, said):
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        # In two pieces, as networks do.
        self.wfile.write(content[:3])
        self.wfile.flush()
        self.wfile.write(content[3:])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.cut = [], ()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_as_many_requests_are_sent_as_are_wanted_each_with_its_own_number(server):
    outcome = Run(Load(server.server_port, (JOB,), connections=3, requests=10))()
    assert sorted(server.got) == [("/jobs", "k", f"{number:012}") for number in range(1, 11)]
    assert outcome.jobs == {str(number): f"job {number:012}" for number in range(1, 11)}
    assert (len(outcome.ms), outcome.counted, outcome.unexpected) == (10, 10, {})


def test_no_more_connections_are_opened_than_there_are_requests(server):
    outcome = Run(Load(server.server_port, (JOB,), connections=8, requests=2))()
    assert len(outcome.jobs) == len(server.got) == 2


def test_shots_are_sent_in_turn_and_each_has_a_status_of_its_own(server):
    outcome = Run(Load(server.server_port, (JOB, MISSING), connections=1, requests=5))()
    assert (len(outcome.jobs), len(outcome.ms), outcome.unexpected) == (3, 5, {})


def test_an_answer_with_another_status_is_told_and_is_no_job(server):
    wrong = Shot("/jobs", BODY, status=200)
    outcome = Run(Load(server.server_port, (JOB, wrong), connections=1, requests=4))()
    assert outcome.unexpected == {"POST /jobs: 202 instead of 200": 2}
    assert outcome.jobs.keys() == {"1", "3"}


def test_a_connection_that_is_cut_is_told_and_its_request_is_no_job(server):
    server.cut = (2,)
    outcome = Run(Load(server.server_port, (JOB,), connections=1, requests=5))()
    assert outcome.unexpected == {"connection cut": 1}
    assert outcome.jobs.keys() == {"1"}


def test_in_a_process_of_its_own_it_tells_the_same_and_what_it_cost(server):
    outcome = send(Load(server.server_port, (JOB,), connections=2, seconds=0.2))
    assert len(outcome.jobs) == len(outcome.ms) == len(server.got)
    assert 0 < outcome.counted <= len(outcome.ms)
    assert outcome.rate == outcome.counted / 0.2
    assert outcome.busy > 0
