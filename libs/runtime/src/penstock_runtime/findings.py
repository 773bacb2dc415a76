"""What is wrong, and what to do about it: one line each, for people and for programs."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """An error keeps jobs from being done, or may lose some. A warning is to be known, or will be an error."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    code: stable, for programs, such as `redis_evicts`. about: whom it concerns, such as `Redis` or `queue mail`.
    what: what was seen, with the value. fix: what to do, as a command where there is one. Neither holds a secret.
    """

    code: str
    about: str
    what: str
    fix: str
    level: Level = Level.ERROR
