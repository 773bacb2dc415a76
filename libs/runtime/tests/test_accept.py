"""Accept: from here on the job is owed an end, so it is there once, whole, and under one id."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from penstock_contracts.mail import REGISTRATION_CONFIRMATION, RegistrationConfirmation
from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import Priority
from penstock_contracts.task import Message
from penstock_runtime.ledger import KeyReused, NewJob, Unstorable, accept, accept_all
from penstock_runtime.schema import NOW, relay

PRUNE_DAY = PRUNE.message(Prune(days=1))


def text(value) -> Message:
    return Message("mail.anything", "mail", {"text": value})


def test_twenty_who_accept_the_same_key_at_once_get_one_job(ledger, at_once):
    answers = at_once(20, lambda _: ledger.accept(PRUNE_DAY, idempotency_key="k"))
    assert len({answer.job_id for answer in answers}) == 1
    assert sum(answer.created for answer in answers) == 1
    assert ledger.count() == 1


def test_only_the_one_who_created_the_job_publishes_it(ledger, at_once):
    answers = at_once(8, lambda _: ledger.accept(PRUNE_DAY, idempotency_key="k"))
    assert [answer.publication is not None for answer in answers] == [answer.created for answer in answers]


def test_who_comes_second_waits_for_the_first_ones_commit_and_gets_its_job(ledger, database, in_background, eventually):
    with database.begin() as connection:
        first = accept(connection, PRUNE_DAY, tenant="default", idempotency_key="k")
        second = in_background(ledger.accept, PRUNE_DAY, idempotency_key="k")
        eventually(ledger.waiting)
    assert second.result().job_id == first.job_id
    assert not second.result().created


def test_who_comes_second_accepts_the_job_where_the_first_one_rolls_back(ledger, database, in_background, eventually):
    with database.connect() as connection:
        first = accept(connection, PRUNE_DAY, tenant="default", idempotency_key="k")
        second = in_background(ledger.accept, PRUNE_DAY, idempotency_key="k")
        eventually(ledger.waiting)
        connection.rollback()
    assert second.result().job_id != first.job_id
    assert second.result().created


def test_twenty_at_once_with_two_payloads_for_one_key_are_one_job_and_refusals(ledger, at_once):
    def accept_one(number):
        try:
            return ledger.accept(PRUNE.message(Prune(days=1 + number % 2)), idempotency_key="k").job_id
        except KeyReused:
            return "refused"

    answers = at_once(20, accept_one)
    assert answers.count("refused") == 10
    assert len(set(answers)) == 2
    assert ledger.count() == 1


def test_several_are_accepted_in_the_order_given_each_with_its_own_outcome(ledger):
    first = ledger.accept(PRUNE_DAY, idempotency_key="k")
    other = PRUNE.message(Prune(days=2))
    new = [NewJob(other, "default"), NewJob(PRUNE_DAY, "default", "k"), NewJob(other, "default", "k")]
    created, repeated, refused = ledger.do(accept_all, [*new])
    assert (created.job_id, created.created) == (new[0].id, True)
    assert (repeated.job_id, repeated.created) == (first.job_id, False)
    assert isinstance(refused, KeyReused)


def test_a_key_twice_among_those_accepted_together_is_one_job(ledger):
    first, second = ledger.do(accept_all, [NewJob(PRUNE_DAY, "default", "k") for _ in range(2)])
    assert first.job_id == second.job_id
    assert (first.created, second.created) == (True, False)
    assert ledger.count() == 1


def test_two_who_accept_the_same_keys_in_another_order_do_not_deadlock(ledger, at_once):
    keys = [str(number) for number in range(300)]

    def accept_them(number):
        order = keys if number else keys[::-1]
        return len(ledger.do(accept_all, [NewJob(PRUNE_DAY, "default", key) for key in order]))

    assert at_once(2, accept_them) == [300, 300]
    assert ledger.count() == 300


def test_a_key_with_another_payload_is_refused(ledger):
    ledger.accept(PRUNE_DAY, idempotency_key="k")
    with pytest.raises(KeyReused, match="another body; use a new key") as refused:
        ledger.accept(PRUNE.message(Prune(days=2)), idempotency_key="k")
    assert refused.value.code == "idempotency_key_reused"


def test_a_key_belongs_to_one_tenant_and_one_task(ledger):
    mail = REGISTRATION_CONFIRMATION.message(RegistrationConfirmation(email="anna@example.com"))
    ids = {
        ledger.accept(PRUNE_DAY, idempotency_key="k").job_id,
        ledger.accept(PRUNE_DAY, idempotency_key="k", tenant="other").job_id,
        ledger.accept(mail, idempotency_key="k").job_id,
    }
    assert len(ids) == 3


def test_without_a_key_equal_messages_are_two_jobs(ledger):
    assert ledger.accept(PRUNE_DAY).job_id != ledger.accept(PRUNE_DAY).job_id


def test_a_repeat_is_not_refused_for_the_order_of_its_payloads_fields(ledger):
    first = ledger.accept(Message("mail.anything", "mail", {"a": 1, "b": 2}), idempotency_key="k")
    assert ledger.accept(Message("mail.anything", "mail", {"b": 2, "a": 1}), idempotency_key="k") == type(first)(
        first.job_id, created=False, publication=None
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a\x00b", "NUL"),
        ("\\\x00", "NUL"),
        ("\ud800", "surrogate"),
        ({"deep": ["a\x00b"]}, "NUL"),
        ({"a key with \x00": 1}, "NUL"),
        ({"\udfff": 1}, "surrogate"),
        (float("nan"), "NaN"),
        ([float("-inf")], "infinite"),
    ],
)
def test_what_postgresql_cannot_store_is_refused_before_it_gets_there(value, reason):
    with pytest.raises(Unstorable, match=reason):
        accept(None, text(value), tenant="default")


def test_what_postgresql_can_store_comes_back_as_it_was(ledger):
    texts = ["", "\\u0000", "C:\\u0000\\", "\\\\u0000", "\ufffe", "😀", "\x1b\x7f\u2028"]
    for value in [*texts, 10**400, -0.0, 5e-324, {"": [None, True]}]:
        job = ledger.accept(text(value))
        assert ledger.row(job.job_id).payload == {"text": value}


def test_the_times_are_the_databases(ledger):
    before = ledger.do(lambda connection: connection.execute(select(NOW)).scalar_one())
    job = ledger.accept()
    after = ledger.do(lambda connection: connection.execute(select(NOW)).scalar_one())
    row = ledger.row(job.job_id)
    assert before <= row.published_at <= after
    assert before <= row.created_at <= after
    assert job.publication.stamp == row.published_at


def test_a_new_row_says_what_is_to_be_done_and_how_often_it_may_be_tried(ledger):
    job = ledger.accept(PRUNE.message(Prune(days=3), priority=Priority.BULK), tenant="t", request_id="r")
    row = ledger.row(job.job_id)
    assert (row.state, row.tenant, row.task, row.queue) == ("accepted", "t", "ops_trace.prune", "ops_trace")
    assert (row.priority, row.payload, row.request_id, row.origin) == (5, {"days": 3}, "r", "ledger")
    assert (row.attempt, row.attempts) == (0, 8)


def test_a_job_for_later_is_published_by_nobody_now(ledger):
    later = datetime.now(UTC) + timedelta(hours=1)
    job = ledger.accept(not_before=later)
    assert job.publication is None
    row = ledger.row(job.job_id)
    assert (row.not_before, row.published_at) == (later, None)


def test_a_row_names_the_newest_epoch_that_redis_is_known_to_have_had(ledger):
    ledger.do(lambda connection: connection.execute(update(relay).values(epoch=9, confirmed=7)))
    assert ledger.row(ledger.accept().job_id).published_epoch == 7


def test_ids_are_uuids_in_the_order_of_acceptance(ledger):
    ids = [ledger.accept().job_id for _ in range(5)]
    assert ids == sorted(ids)
    assert {UUID(job_id).version for job_id in ids} == {7}
