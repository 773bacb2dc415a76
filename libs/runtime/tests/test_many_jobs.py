"""However many jobs there are, a look reads those that it is after, and few others."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from penstock_contracts.queues import Priority
from penstock_runtime.ledger import list_jobs, lost
from penstock_runtime.ledger.figures import read_figures
from penstock_runtime.ledger.publish import take_due
from penstock_runtime.schema import FINISHED, OPEN

MANY = 5000
FEW = 5
MOST_READ = 200
"""Rows. Some are read twice, and one page of an index may be read to its end."""

NEXT_YEAR = datetime.now(UTC) + timedelta(days=365)


@pytest.fixture
def read(ledger):
    """What a step returns, and how many rows it has read: `read(step, …)`."""
    count = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'jobs'"

    def run(step, *arguments, **named):
        with ledger.engine.begin() as connection:
            before = connection.exec_driver_sql(count).scalar_one()
            found = step(connection, *arguments, **named)
            return found, connection.exec_driver_sql(count).scalar_one() - before

    return run


@pytest.fixture
def jobs_that(ledger):
    """Make so many jobs in a state, with other columns as SQL has them."""

    def make(count, state, **columns):
        values = {"state": f"'{state}'", "published_at": "NULL", "created_at": "now() - n * interval '1 ms'"} | columns
        row = {"id": "gen_random_uuid()", "tenant": "'a'", "task": "'mail.x'", "queue": "'mail'", "priority": "0"}
        row |= {"payload": "'{}'", "attempts": "3"} | values
        rows = f"SELECT {', '.join(row.values())} FROM generate_series(1, {count}) AS n"
        ledger.execute(f"INSERT INTO jobs ({', '.join(row)}) {rows}", "ANALYZE jobs")

    return make


BEFORE, LATER = "now() - interval '1 minute'", "now() + interval '1 day' + n * interval '1 s'"
DUE = partial(take_due, most=2 * FEW, publish_timeout=10)
LATE = partial(lost.pass_deadlines, most=2 * FEW)
OVER = partial(lost.expire_leases, most=2 * FEW, until=NEXT_YEAR)
OLD = partial(lost.forget_finished, days=30, most=2 * FEW)
UNSTARTED = partial(lost.end_unstarted, published=3, most=2 * FEW)


@pytest.mark.parametrize(
    ("step", "state", "those", "others"),
    [
        (DUE, "accepted", {"not_before": BEFORE}, {"not_before": LATER}),
        (LATE, "accepted", {"deadline": BEFORE}, {"deadline": LATER}),
        (LATE, "queued", {"deadline": BEFORE}, {"deadline": LATER}),
        (OVER, "running", {"lease_until": BEFORE}, {"lease_until": LATER}),
        (UNSTARTED, "accepted", {"publications": "3"}, {"publications": "2"}),
        (OLD, "failed", {"finished_at": "now() - interval '31 days'"}, {"finished_at": BEFORE}),
    ],
    ids=["due", "too late", "too late in a queue", "leases", "never started", "too old"],
)
def test_the_relay_reads_what_it_is_after(read, jobs_that, step, state, those, others):
    jobs_that(FEW, state, **those)
    jobs_that(MANY, state, **others)
    found, rows = read(step)
    assert (found if isinstance(found, int) else len(found)) == FEW
    assert rows < MOST_READ


def test_the_relay_reads_what_a_list_cannot_hold(read, jobs_that):
    jobs_that(FEW, "queued", published_at=BEFORE)
    jobs_that(MANY, "queued", published_at="now()")
    which = lost.absent("mail", Priority.NORMAL, None, publish_timeout=10)
    found, rows = read(lost.absent_ids, which, most=2 * FEW)
    assert len(found) == FEW
    assert rows < MOST_READ


def test_rates_are_read_of_what_finished_lately_and_of_whom_a_lease_holds(read, jobs_that):
    jobs_that(FEW, "running", lease_until=LATER, worker="'w' || n")
    jobs_that(MANY, "running", lease_until=BEFORE)
    jobs_that(FEW, "failed", finished_at="now()")
    jobs_that(MANY, "failed", finished_at="now() - interval '1 hour'")
    figures, rows = read(read_figures)
    [mail] = [one for one in figures if one.queue == "mail"]
    assert (mail.workers, mail.windows[1].per_minute["failed"]) == (FEW, FEW)
    assert rows < MOST_READ


@pytest.mark.parametrize("state", [*FINISHED, "accepted", "queued", "running"])
@pytest.mark.parametrize("by", ["state", "queue", "task", "queue and state", "task and state"])
def test_a_page_is_read_without_the_jobs_that_are_not_shown(read, jobs_that, by, state):
    ended = {"finished_at": BEFORE} if state in FINISHED else {}
    jobs_that(FEW, state, task="'dataset.y'", queue="'dataset'", created_at="now() - interval '1 day'", **ended)
    jobs_that(MANY, "queued" if state in FINISHED else "succeeded", finished_at=BEFORE)
    having = {"state": state, "queue": "dataset", "task": "dataset.y"}
    page, rows = read(list_jobs, tenant="a", limit=50, **{name: having[name] for name in by.split(" and ")})
    assert len(page) == FEW
    assert rows < MOST_READ


@pytest.mark.parametrize("state", [*FINISHED, "accepted", "queued", "running"])
def test_a_page_of_all_jobs_is_read_to_its_end_and_no_further(read, jobs_that, state):
    jobs_that(MANY, state)
    jobs_that(MANY, "queued" if state in FINISHED else "succeeded", created_at="now() - n * interval '1 day'")
    page, rows = read(list_jobs, tenant="a", limit=50)
    assert {job.state for job in page} == {state}
    assert rows < MOST_READ


def test_until_its_end_a_job_is_in_no_index_of_those_that_have_ended_but_of_ids_and_keys(ledger, jobs_that):
    for state in (*OPEN, "succeeded"):
        jobs_that(1, state, **({"finished_at": BEFORE} if state == "succeeded" else {}))
    query = """
        SELECT indexrelid::regclass::text, coalesce(pg_get_expr(indpred, indrelid), 'true') FROM pg_index
        WHERE indrelid = 'jobs'::regclass
        """
    with ledger.engine.connect() as connection:
        indexes = connection.exec_driver_sql(query).all()

        def holding(state):
            found = (
                connection.exec_driver_sql(f"SELECT {which} FROM jobs WHERE state = '{state}'") for _, which in indexes
            )
            return {name for (name, _), row in zip(indexes, found, strict=True) if row.scalar_one()}

        for state in OPEN:
            assert holding(state) & holding("succeeded") == {"pk_jobs", "uq_jobs_tenant_task_idempotency_key"}


def test_a_page_is_planned_for_its_tenant_and_not_for_an_average_one(read, jobs_that):
    jobs_that(FEW, "queued", task="'dataset.y'", created_at="now() - interval '1 day'")
    jobs_that(MANY, "queued")
    jobs_that(MANY, "queued", tenant="'t' || n")
    for _ in range(
        12
    ):  # a statement is prepared the sixth time, and PostgreSQL may keep one plan of it five times later
        page, rows = read(list_jobs, tenant="a", limit=50, task="dataset.y")
    assert len(page) == FEW
    assert rows < MOST_READ
