"""PostgreSQL dies at the worst moment: between two statements, and between a statement and its answer."""

import socket
import threading
from contextlib import suppress
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, make_url, select

from penstock_contracts.ops_trace import PRUNE, Prune, Pruned
from penstock_runtime.delivery import Delivery
from penstock_runtime.errors import Unavailable
from penstock_runtime.schema import accounts
from penstock_runtime.worker import Skipped, Worker, serve


class Wire:
    """The connections to one server, to be cut."""

    def __init__(self, host, port):
        self._server = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._ends = []
        self._awaited, self._refusals = None, 0
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_the_answer_to(self, statement, *, then_refuse):
        """Let a statement through, and cut all connections when its answer comes back."""
        self._awaited, self._refusals = statement, then_refuse

    def cut(self, *, then_refuse):
        """`then_refuse` is how many connections are refused after that."""
        self._awaited, self._refusals = None, then_refuse
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    @property
    def is_cut(self):
        return self._awaited is None

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self.is_cut and self._refusals:
                    self._refusals -= 1
                    client.close()
                    continue
                server = socket.create_connection(self._server)
                self._ends += [client, server]
                answer_is_next = threading.Event()
                for ways in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(*ways, client, answer_is_next), daemon=True).start()

    def _pass_on(self, source, target, client, answer_is_next):
        with suppress(OSError):
            while data := source.recv(65536):
                if source is client and self._awaited and self._awaited in data:
                    answer_is_next.set()
                elif answer_is_next.is_set():
                    self.cut(then_refuse=self._refusals)
                    return
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.cut(then_refuse=0)
        for end in (self._listening, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def wire(database_url):
    url = make_url(database_url)
    made = Wire(url.host, url.port)
    yield made
    made.close()


@pytest.fixture
def work(quick):
    """A worker on a database: `work(url)(handler, job_id)` returns the result, or "skipped"."""
    made = []

    def on(url, **named):
        worker = Worker(quick(database_url=url, **named), "a worker")
        made.append(worker)

        def run(handler, job_id):
            try:
                return worker.run(serve(PRUNE, handler), Delivery(job_id, uuid4(), {}, known=True))
            except Skipped:
                return "skipped"

        return run

    yield on
    for worker in made:
        worker.database.dispose()


def has_an_effect(payload, job):
    job.connection.execute(insert(accounts).values(email=f"{uuid4()}@example.com"))
    return Pruned(deleted=job.attempt)


def has_none(payload, job):
    return Pruned(deleted=job.attempt)


def effects(ledger):
    return ledger.do(lambda connection: connection.execute(select(func.count()).select_from(accounts)).scalar_one())


@pytest.mark.parametrize("refused", [0, 3])
def test_a_job_whose_commit_was_not_answered_has_succeeded_and_its_sender_is_told(
    ledger, wire, work, database_url, refused
):
    job_id = ledger.accept(PRUNE.message(Prune())).job_id
    run = work(str(make_url(database_url).set(port=wire.port)))
    wire.lose_the_answer_to(b"COMMIT\0", then_refuse=refused)
    assert run(has_an_effect, job_id) == {"deleted": 1}
    assert wire.is_cut
    row = ledger.row(job_id)
    assert (row.state, row.attempt, effects(ledger)) == ("succeeded", 1, 1)


@pytest.mark.parametrize("statement", [b"attempt=CASE", b"result="], ids=["claim", "finish"])
def test_a_statement_that_was_not_answered_is_repeated_and_counts_once(ledger, wire, work, database_url, statement):
    job_id = ledger.accept(PRUNE.message(Prune())).job_id
    run = work(str(make_url(database_url).set(port=wire.port)))
    wire.lose_the_answer_to(statement, then_refuse=1)
    assert run(has_none, job_id) == {"deleted": 1}
    assert wire.is_cut
    row = ledger.row(job_id)
    assert (row.state, row.attempt) == ("succeeded", 1)


def test_an_outage_at_the_finish_that_lasts_longer_than_the_workers_patience_is_no_fault_of_the_job(
    ledger, wire, work, database_url
):
    job_id = ledger.accept(PRUNE.message(Prune())).job_id
    run = work(str(make_url(database_url).set(port=wire.port)), outage_patience=0)

    def handler(payload, job):
        wire.cut(then_refuse=1)
        return has_none(payload, job)

    with pytest.raises(Unavailable):
        run(handler, job_id)
    row = ledger.row(job_id)
    assert (row.state, row.error) == ("running", None)


@pytest.mark.parametrize(("handler", "attempts"), [(has_none, 1), (has_an_effect, 2)])
def test_postgresql_is_killed_between_a_handlers_work_and_the_finish(
    own_postgres, own_ledger, work, in_background, handler, attempts
):
    """Without effects the finish is written when it is back; with effects the job runs again, and has them once."""
    job_id = own_ledger.accept(PRUNE.message(Prune())).job_id
    run, done, told = work(own_postgres.server.url), threading.Event(), "skipped"

    def first(payload, job):
        result = handler(payload, job)
        if job.attempt == 1:
            done.set()
            killed.wait(20)
        return result

    killed = threading.Event()
    running = in_background(run, first, job_id)
    done.wait(20)
    own_postgres.kill()
    killed.set()
    own_postgres.start()
    told = running.result()
    if told == "skipped":
        told = run(first, job_id)
    assert told == {"deleted": attempts}
    row = own_ledger.row(job_id)
    assert (row.state, row.attempt) == ("succeeded", attempts)
    assert effects(own_ledger) == (1 if handler is has_an_effect else 0)
