"""The quick part of `make compat`: kombu's own tests of how messages are published and addressed, on our transport."""

from pathlib import Path

import pytest
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
