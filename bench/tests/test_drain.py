"""Queues are full of what is counted, and drained when each job has left what it was to leave."""

import threading
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import redis
from bench.drain import ROWS, Turn, Wanted, faults, fill, left_in, watch
from bench.large_import import AMOUNT
from processes import eventually
from sqlalchemy import delete, func, insert, select, update

from penstock_cli.local.processes import ProcessError
from penstock_contracts.dataset import IMPORT_FILE
from penstock_contracts.queues import DATASET, GENERATION, MAIL, OPS_TRACE, QUEUES
from penstock_runtime.schema import dataset_rows, jobs, user_actions

A_HUNDRED = Wanted(rounds=1, jobs=100)
NOW = datetime.now(UTC)


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def filled(redis_url, database_url, database):
    """But for the first import, which its upload makes."""
    fill(redis_url, database_url, A_HUNDRED, uuid4())
    return database


def finish(database, **values):
    with database.begin() as connection:
        connection.execute(update(jobs).values({"state": "succeeded", "finished_at": NOW} | values))


def test_full_queues_hold_a_message_for_each_job(filled, client):
    assert left_in(client) == {"dataset": 0, "generation": 0, "mail": 30, "ops_trace": 69}
    with filled.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(jobs)) == 99
        assert connection.scalar(select(func.count(jobs.c.payload["email"].astext.distinct()))) == 30


def test_what_is_in_flight_is_left_too(client):
    client.hset(MAIL.unacked_key, "tag", "message")
    assert left_in(client) == {"dataset": 0, "generation": 0, "mail": 1, "ops_trace": 0}


def test_it_is_over_when_the_ledger_says_so_too(filled, client):
    turn = Turn()
    watching = threading.Thread(target=watch, args=(client, filled, turn))
    watching.start()
    client.delete(*(name for queue in QUEUES for name in queue.list_names))
    eventually(lambda: [turn.left[queue.name][-3:] for queue in QUEUES] == [[0] * 3] * 4, "it looks again and again")
    assert watching.is_alive()
    finish(filled)
    watching.join(20)
    assert not watching.is_alive()
    assert [turn.left[queue.name][-1] for queue in QUEUES] == [0] * 4


def test_jobs_that_nobody_does_are_an_error(filled, client):
    with pytest.raises(ProcessError, match="99 jobs are left"):
        watch(client, filled, Turn(), patience=0.1)


def test_a_queue_is_empty_from_its_first_look_with_nothing_left_on():
    turn = Turn()
    for at, mails, actions in ((0, 2, 5), (1, 0, 4), (2, 1, 2), (3, 0, 1), (4, 0, 0)):
        turn.look(at, {MAIL.name: mails, OPS_TRACE.name: actions, DATASET.name: 0, GENERATION.name: 0})
    assert [turn.empty_after(queue.name) for queue in (DATASET, MAIL, OPS_TRACE)] == [0, 3, 4]
    assert turn.took == 4


def test_what_was_not_done_is_told(filled):
    one, dataset = {"queue": "dataset", "tenant": "default", "payload": {}, "attempts": 3}, uuid4()
    cells = [*[""] * AMOUNT, "2"]
    rows = [{"dataset_id": dataset, "number": number, "cells": cells} for number in range(1, ROWS + 1)]
    actions = [
        {"tenant": "default", "user_id": f"user-{number}", "action": "login", "at": NOW, "detail": {}, "job_id": "j"}
        for number in range(69)
    ]
    with filled.begin() as connection:
        connection.execute(insert(jobs), [one | {"id": "i", "task": IMPORT_FILE.name, "state": "queued"}])
        # The scheduler's own.
        connection.execute(insert(jobs), [one | {"id": "s", "task": "dataset.sweep_storage", "state": "queued"}])
        connection.execute(insert(dataset_rows), rows)
        connection.execute(insert(user_actions), actions)
    finish(filled)
    assert faults(filled, A_HUNDRED, 2 * ROWS) == []

    finish(filled, state="dead")
    with filled.begin() as connection:
        connection.execute(delete(user_actions).where(user_actions.c.user_id == "user-7"))
        connection.execute(update(dataset_rows).where(dataset_rows.c.number == 7).values(cells=[*[""] * AMOUNT, "3"]))
    assert [said.partition(":")[0] for said in faults(filled, A_HUNDRED, 2 * ROWS)] == [
        "jobs",
        "rows and sums of datasets",
        "actions",
    ]
