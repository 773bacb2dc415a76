"""The statuses that `penstock` ends with. Scripts rely on them."""

from enum import IntEnum

from penstock_runtime.errors import PenstockError


class Status(IntEnum):
    """What a status means. 2 is also what is given for options that do not exist."""

    DONE = 0
    REFUSED = 1
    NOT_UNDERSTOOD = 2
    UNSUCCESSFUL = 3
    UNAVAILABLE = 4
    INTERRUPTED = 130


LATER = ("lost", "unavailable", "cluster_unreachable")
"""Codes of errors after which the same command may succeed later."""


def status_of(error: PenstockError) -> Status:
    """The status of a command that ended with this error."""
    return Status.UNAVAILABLE if error.code in LATER else Status.REFUSED
