"""A mail counts for the time from when it was due, a missing one for a bound, and a contestant for what it did."""

import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from math import inf
from uuid import uuid4

import httpx
import pytest
from bench.large_import import AMOUNT
from bench.mail_backlog import Result, Turn, Wanted, import_faults, mail_faults, post
from bench.running import ROOT
from bench.suite_report import mailed
from bench.whole_suite import SHARED, SPLIT, STOCK
from rich.console import Console
from sqlalchemy import insert, update

from penstock_contracts.dataset import IMPORT_FILE
from penstock_runtime.schema import dataset_rows, jobs

A, B = "a@example.com", "b@example.com"
DONE = {A: "succeeded", B: "succeeded"}

MANY = 20


class Api(BaseHTTPRequestHandler):
    """Takes registrations, but for one, and answers the first ones only once many have come."""

    came: list[float]
    many: threading.Event

    def do_POST(self):
        self.came.append(time.monotonic())
        if len(self.came) == MANY:
            self.many.set()
        refused = B.encode() in self.rfile.read(int(self.headers["Content-Length"]))
        answered = self.many.wait(30) and not refused
        self.send_response(202 if answered else 503)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def api():
    handler = type("Api", (Api,), {"came": [], "many": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", timeout=60, trust_env=False) as client:
        yield client, handler.came
    server.shutdown()
    thread.join()
    server.server_close()


def test_mails_are_posted_at_fixed_times_whatever_the_answers(api):
    client, came = api
    due, faults = post(client, [A] * MANY, rate=50)
    assert faults == []
    assert [at - due[0] for at in due] == pytest.approx([number / 50 for number in range(MANY)])
    assert all(at >= since for at, since in zip(sorted(came), due, strict=True))


def test_a_registration_that_is_not_accepted_is_told(api):
    client, _ = api
    addresses = [A, B, *[A] * (MANY - 2)]
    assert post(client, addresses, rate=100)[1] == [f"1 of {MANY} registrations were not accepted"]


def test_a_mail_that_has_not_come_has_waited_until_the_end():
    turn = Turn()
    turn.note([100.0, 101.0, 102.0], [100.5, inf, 103.0], deadline=110.0)
    assert (turn.waited, turn.missing) == ([0.5, 9.0, 1.0], [False, True, False])


def test_a_figure_is_a_bound_where_a_mail_that_has_not_come_is_among_those_below_it():
    turn = Turn(waited=[1.0, 2.0, 5.0, 9.0], missing=[False, False, True, False])
    assert [turn.is_bound(seconds) for seconds in (1.0, 2.0, 5.0, 9.0)] == [False, False, True, True]


def test_the_table_tells_bounds_and_the_ratio():
    wanted = Wanted(rounds=1, imports=2, rows=3, rate=10, seconds=0.4, patience=120)
    turns = {
        SPLIT: [Turn(waited=[0.02] * 4, missing=[False] * 4)],
        SHARED: [Turn(waited=[1.0] * 4, missing=[False] * 4)],
        STOCK: [Turn(waited=[1.0, 123.0, 124.0, 125.0], missing=[False, True, True, True])],
    }
    console = Console(width=200, file=StringIO())
    console.print(mailed(Result(wanted, turns)))
    text = console.file.getvalue()
    assert f"{SHARED}: the median mail waits 50 × as long" in text
    assert f"{STOCK}: the median mail waits ≥ 6,200 × as long" in text
    assert (text.count("misses 100 ×"), text.count("reaches 100 ×")) == (1, 1)
    [line] = (line for line in text.splitlines() if line.startswith(f"  {STOCK} "))
    assert line.split()[3:] == [
        "4",
        "3",
        "≥",
        "124.000",
        "124.000",
        "–",
        "124.000",
        "≥",
        "125.000",
        "≥",
        "125.000",
        "0",
    ]


def test_mails_that_all_came_once_are_believed():
    assert mail_faults([A, B], {A: [1.0], B: [2.0]}, DONE) == []
    assert mail_faults([A, B], {A: [1.0]}, {A: "succeeded", B: "queued"}) == []


@pytest.mark.parametrize(
    ("got", "states", "said"),
    [
        ({A: [1.0, 2.0], B: [2.0]}, DONE, "1 mails came more than once"),
        (
            {A: [1.0], B: [2.0], "c@example.com": [1.0]},
            DONE | {"c@example.com": "succeeded"},
            "1 mails came to somebody",
        ),
        ({A: [1.0]}, DONE, "1 mails did not come, but their jobs have succeeded"),
        ({A: [1.0], B: [1.0]}, DONE | {B: "queued"}, "1 mails came, but their jobs have not succeeded"),
        ({A: [1.0]}, DONE | {B: "dead"}, "1 jobs of mails failed"),
        ({A: [1.0]}, {A: "succeeded"}, "1 mails have no job"),
    ],
)
def test_mails_that_did_not_are_found_out(got, states, said):
    [fault] = mail_faults([A, B], got, states)
    assert fault.startswith(said)


def test_an_import_that_ended_has_all_of_its_rows(database):
    wanted = Wanted(rounds=1, imports=2, rows=2, rate=10, seconds=1, patience=1)
    done, waiting = uuid4(), uuid4()

    def job(identity, state):
        return {
            "id": str(identity),
            "tenant": "default",
            "task": IMPORT_FILE.name,
            "queue": IMPORT_FILE.queue.name,
            "payload": {},
            "state": state,
            "attempts": 3,
        }

    rows = [{"dataset_id": done, "number": number, "cells": [*[""] * AMOUNT, "10"]} for number in (1, 2)]
    with database.begin() as connection:
        connection.execute(insert(jobs), [job(done, "succeeded"), job(waiting, "queued")])
        connection.execute(insert(dataset_rows), rows)
    assert import_faults(database, wanted, 20) == []
    assert import_faults(database, wanted, 21) == ["the dataset's sum of quantities: 20 instead of 21"]
    with database.begin() as connection:
        connection.execute(update(jobs).where(jobs.c.id == str(waiting)).values(state="dead"))
        connection.execute(insert(jobs), [job(uuid4(), "running")])
    assert import_faults(database, wanted, 20) == ["3 imports instead of 2", "an import is dead"]


def test_the_stock_suite_has_all_tasks_and_celerys_own_transport(redis_url, database_url):
    program = """
import bench.stock_suite
from kombu.transport.redis import Transport
from penstock_contracts.tasks import TASKS
celery = bench.stock_suite.celery
assert type(celery.connection().transport) is Transport
assert celery.conf.worker_consumer == "celery.worker.consumer:Consumer"
assert celery.conf.worker_prefetch_multiplier == 4
assert {task.name for task in TASKS} <= celery.tasks.keys()
"""
    environment = {"CELERY_BROKER_URL": redis_url, "PENSTOCK_DATABASE_URL": database_url}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)
