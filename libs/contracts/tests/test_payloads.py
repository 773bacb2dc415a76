"""What each task takes: the bounds of every field, at the bound."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock_contracts.dataset import ImportFile
from penstock_contracts.generation import Report
from penstock_contracts.mail import RegistrationConfirmation
from penstock_contracts.ops_trace import DEEPEST_DETAIL, MOST_ACTIONS, Prune, UserAction, UserActions
from penstock_contracts.webhook_url import LONGEST_URL, canonical

ACTION = {"user_id": "u", "action": "a", "at": "2026-01-01T00:00:00+08:00"}


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("contract", "right", "wrong"),
    [
        (ImportFile, {"file_id": str(uuid4()), "name": "x" * 200}, {"name": "x" * 201}),
        (ImportFile, {"file_id": str(uuid4()), "name": "x"}, {"name": ""}),
        (ImportFile, {"file_id": str(uuid4()), "name": "x"}, {"file_id": "no uuid"}),
        (Report, {"dataset_id": str(uuid4()), "title": "x" * 200}, {"title": "x" * 201}),
        (Report, {"dataset_id": str(uuid4()), "title": None}, {"title": ""}),
        (Report, {"dataset_id": str(uuid4()), "locale": "zh"}, {"locale": "fr"}),
        (RegistrationConfirmation, {"email": "x" * 254}, {"email": "x" * 255}),
        (RegistrationConfirmation, {"email": "a@b"}, {"email": "ab"}),
        (Prune, {"days": 1}, {"days": 0}),
        (Prune, {"days": 36500}, {"days": 36501}),
        (UserAction, ACTION | {"user_id": "x" * 200}, {"user_id": "x" * 201}),
        (UserAction, ACTION, {"user_id": "a\x00b"}),
        (UserAction, ACTION | {"action": "x" * 100}, {"action": "x" * 101}),
        (UserAction, ACTION | {"target": "x" * 500}, {"target": "x" * 501}),
        (UserAction, ACTION, {"at": "2026-01-01T00:00:00"}),
        (UserAction, ACTION | {"detail": nested(DEEPEST_DETAIL)}, {"detail": nested(DEEPEST_DETAIL + 1)}),
        (
            UserAction,
            ACTION | {"detail": {str(number): 1 for number in range(50)}},
            {"detail": {str(number): 1 for number in range(51)}},
        ),
        (UserActions, {"actions": [ACTION] * MOST_ACTIONS}, {"actions": [ACTION] * (MOST_ACTIONS + 1)}),
        (UserActions, {"actions": [ACTION]}, {"actions": []}),
    ],
)
def test_a_field_is_taken_up_to_its_bound_and_not_beyond(contract, right, wrong):
    assert contract.model_validate(right)
    with pytest.raises(ValidationError):
        contract.model_validate(right | wrong)


def test_an_actions_time_keeps_its_moment():
    assert UserAction.model_validate(ACTION).at == datetime(2025, 12, 31, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://Example.COM", "https://example.com/"),
        ("http://example.com:80/a b?q=é", "http://example.com/a%20b?q=%C3%A9"),
        ("https://例え.jp/", "https://xn--r8jz45g.jp/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
    ],
)
def test_a_webhooks_url_has_one_spelling(url, told):
    assert canonical(url) == told


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_canonical_form_of_a_url_is_its_own(host, path):
    try:
        once = canonical(f"https://{host}.example.com/{path}")
    except ValueError:
        return
    assert canonical(once) == once


@pytest.mark.parametrize(
    "url", ["ftp://example.com", "example.com", "https://", "", "https://anna:hunter2@example.com/", "javascript:1"]
)
def test_another_webhook_url_is_refused_without_being_repeated(url):
    with pytest.raises(ValueError, match="must") as refused:
        canonical(url)
    assert "hunter2" not in str(refused.value)


def test_a_webhooks_url_is_bounded_after_it_was_encoded():
    assert canonical("https://example.com/" + "x" * (LONGEST_URL - 20))
    with pytest.raises(ValueError, match="at most 2000 characters"):
        canonical("https://example.com/" + "é" * 700)
