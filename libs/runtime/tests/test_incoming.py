"""Messages that anybody may have sent: what is read of them, and what is refused before Celery stumbles over it."""

import json
from datetime import UTC, datetime

import pytest
from celery.exceptions import InvalidTaskError
from kombu.exceptions import ContentDisallowed, DecodeError
from kombu.message import Message

from penstock_contracts.queues import Priority
from penstock_runtime.incoming import LONGEST_ID, Identity, hide_arguments, identify, priority_of, read_call

SECRET = "a token"
V2 = {"id": "an id", "task": "mail.words"}


def message(body, headers=None, **more):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {"content_type": "application/json", "content_encoding": "utf-8", "accept": {"application/json"}} | more
    return Message(text, headers=headers, delivery_info={"routing_key": "mail"}, properties={"priority": 5}, **kind)


def test_a_call_is_read_from_either_protocol():
    after = {"callbacks": [{"task": "next"}], "chain": None, "errbacks": None, "chord": None}
    times = {"eta": "2026-01-02T03:04:05+02:00", "expires": "2026-01-02T00:00:00"}
    second = read_call(message([[1], {"a": 2}, after], V2 | times | {"root_id": "r"}))
    first = read_call(message(V2 | times | after | {"args": [1], "kwargs": {"a": 2}, "root_id": "r"}))
    assert first == second
    assert (second.args, second.kwargs, second.priority) == ([1], {"a": 2}, Priority.BULK)
    assert second.eta == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert second.expires == datetime(2026, 1, 2, tzinfo=UTC)
    assert (second.embed["callbacks"], second.embed["root_id"]) == ([{"task": "next"}], "r")


def test_a_call_after_which_nothing_follows_embeds_nothing():
    assert read_call(message([[], {}, {"callbacks": None}], V2 | {"root_id": "r"})).embed is None
    assert read_call(message([[], {}, None], V2)).embed is None


@pytest.mark.parametrize("body", [5, "text", [], [[], {}], [[], {}, {}, {}], [5, {}, {}], [[], [], {}], [[], {}, 5]])
def test_a_body_that_is_no_call_is_refused(body):
    with pytest.raises(InvalidTaskError):
        read_call(message(body, dict(V2)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 5},
        {"id": ""},
        {"id": "a\x00b"},
        {"id": "\ud800"},
        {"id": "x" * (LONGEST_ID + 1)},
        {"eta": SECRET},
        {"eta": 5},
        {"eta": "9999-12-31T23:59:59-12:00"},
        {"expires": SECRET},
        {"timelimit": [1]},
        {"timelimit": [SECRET, None]},
        {"timelimit": 5},
        {"shadow": [SECRET]},
        {"stamped_headers": 5},
        {"retries": SECRET},
    ],
)
def test_a_header_that_celery_would_stumble_over_is_refused_without_its_value(wrong):
    with pytest.raises(InvalidTaskError) as refused:
        read_call(message([[], {}, {}], V2 | wrong))
    assert SECRET not in str(refused.value)


def test_the_longest_id_is_taken():
    assert read_call(message([[], {}, {}], V2 | {"id": "x" * LONGEST_ID}))


def test_a_body_that_cannot_be_decoded_is_told_from_one_that_may_not():
    with pytest.raises(DecodeError):
        read_call(message(b"{broken", dict(V2)))
    with pytest.raises(ContentDisallowed):
        read_call(message(b"x", dict(V2), content_type="application/x-python-serialize"))
    with pytest.raises(DecodeError):
        read_call(message([], dict(V2), content_encoding=5))


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (message([], V2 | {"penstock": {}}), Identity("an id", "mail.words", "mail", known=True)),
        (message(V2), Identity("an id", "mail.words", "mail", known=False)),
        (message(b"{broken", {"id": "an id"}), Identity("an id", "", "mail", known=False)),
        (message(b"{broken"), Identity(None, "", "mail", known=False)),
        (message(5, {"id": ["x"], "task": {}}), Identity(None, "", "mail", known=False)),
    ],
)
def test_what_a_message_says_of_itself_is_read_whatever_else_is_wrong(sent, seen):
    assert identify(sent) == seen


def test_a_log_line_shows_no_more_of_a_name_than_fits():
    about = Identity("an id", "t" * 201, "q" * 201, known=False).about()
    assert (len(about["task"]), len(about["queue"])) == (200, 200)


@pytest.mark.parametrize(
    ("given", "taken"), [(None, 0), (0, 0), (4, 0), (5, 5), (9, 5), ("high", 0), (-1, 0), ([9], 0)]
)
def test_any_priority_is_one_of_two(given, taken):
    assert priority_of(given) == taken


def test_what_a_sender_shows_of_the_arguments_is_taken_out():
    shown = message([[], {}, {}], V2 | {"argsrepr": SECRET, "kwargsrepr": SECRET})
    hide_arguments(shown)
    assert SECRET not in str(shown.headers)
