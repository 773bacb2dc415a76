"""The quick part of `make compat`: kombu's own tests of how messages are published and addressed, on our transport."""

from pathlib import Path

import pytest
from compat.peers import QUEUE, Line
from compat.sources import ENVIRONMENT, SourceError
from compat.suites import BY_NAME, run


def test_kombus_tests_of_publishing_and_addressing_pass_on_our_transport(redis_url: str, tmp_path: Path) -> None:
    if not (ENVIRONMENT / ".installed").exists():
        pytest.skip("`make compat` installs what their tests need")
    try:
        outcome = run(BY_NAME["kombu-unit"], redis_url, tmp_path)
    except SourceError as error:
        pytest.skip(str(error))
    assert outcome.whole
    assert outcome.failures == []


def test_a_stock_worker_that_shares_a_queue_is_told_where_ours_keep_what_is_in_flight(
    redis_url: str, tmp_path: Path
) -> None:
    line = Line(redis_url, tmp_path)
    options = line.options
    assert (options["unacked_key"], options["unacked_index_key"]) == (QUEUE.unacked_key, f"{QUEUE.unacked_key}_index")
    assert (line.ran(), line.left()) == (0, 0)
