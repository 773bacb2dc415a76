"""Rates: how often something may happen, in the notation of the library `limits`: `100/second`, `10/minute;100/day`."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from limits import parse_many
from pydantic import AfterValidator

UNLIMITED = "unlimited"
"""The rate of what is not counted."""


@dataclass(frozen=True)
class Limit:
    """So many in so many seconds."""

    most: int
    seconds: int


@lru_cache(maxsize=1024)
def read_rate(text: str) -> tuple[Limit, ...]:
    """The limits of a rate, all of which hold; none for `unlimited`. Raises ValueError, which does not repeat it."""
    if text.strip().lower() == UNLIMITED:
        return ()
    try:
        limits = tuple(Limit(item.amount, item.get_expiry()) for item in parse_many(text))
    except ValueError:
        limits = ()
    if not limits or any(limit.most < 1 or limit.seconds < 1 for limit in limits):
        raise ValueError(f"must be such as 10/minute;100/day, or {UNLIMITED}")
    return limits


def _checked(text: str) -> str:
    read_rate(text)
    return text


Rate = Annotated[str, AfterValidator(_checked)]
"""A setting or column that holds a rate."""
