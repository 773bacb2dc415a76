"""URLs as they are shown, and errors as they travel."""

import pickle

import pytest

from penstock_runtime.errors import Rejected, Retryable
from penstock_runtime.urls import without_password

LEDGER = "postgresql://anna:hunter2@db:5432/jobs"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (LEDGER, "postgresql://anna:**@db:5432/jobs"),
        ("redis://:hunter2@cache:6379/1", "redis://:**@cache:6379/1"),
        ("redis://cache:6379/1", "redis://cache:6379/1"),
        ("redis://anna@cache", "redis://anna@cache"),
        ("rediss://a:hunt%2Fer2@[::1]:1/0", "rediss://a:**@[::1]:1/0"),
        ("redis://:p/hunter2#@cache/1", "redis://:**@cache/1"),
        ("sentinel://:hunter2@a:1;sentinel://:hunter2@b:1", "sentinel://:**@a:1;sentinel://:**@b:1"),
        ("postgresql://db/jobs?user=a&password=hunter2", "postgresql://db/jobs?user=a&password=**"),
    ],
)
def test_a_url_is_shown_without_its_password(url, shown):
    assert without_password(url) == shown


def test_an_error_survives_the_way_from_a_child_process():
    rejected = pickle.loads(pickle.dumps(Rejected("no", code="why")))
    assert (rejected.message, rejected.code, type(rejected)) == ("no", "why", Rejected)
    retryable = pickle.loads(pickle.dumps(Retryable("later", after=5)))
    assert (retryable.message, retryable.code, retryable.after) == ("later", "retryable", 5)
