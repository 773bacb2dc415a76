"""The three kinds of error a task's code raises, and the errors of the runtime itself.

Messages are read by the people who sent the job: they name the value and what to do, never a secret or a whole input.
"""


class PenstockError(Exception):
    """Whatever Penstock raises on purpose. `code` is stable and meant for programs, the message for people."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        # Both in args, so that the error survives the way from a child process to its parent.
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[type, tuple[str], dict[str, object]]:
        return (type(self), (self.message,), {"code": self.code})


class Rejected(PenstockError):
    """The job can never succeed as it stands: it fails at once, with this reason."""

    code = "rejected"


class Retryable(PenstockError):
    """The world is in the way (a server is down, a lock is held): the job runs again later, up to its attempts.

    after: seconds to wait at least, where the world said so; else the backoff decides.
    """

    code = "retryable"

    def __init__(self, message: str, *, code: str | None = None, after: float = 0) -> None:
        super().__init__(message, code=code)
        self.after = after

    def __reduce__(self) -> tuple[type, tuple[str], dict[str, object]]:
        return (type(self), (self.message,), {"code": self.code, "after": self.after})


class Cancelled(PenstockError):
    """Someone asked for this job to be cancelled. Raised by `Job.progress`; let it pass."""

    code = "cancelled"


class SettingsError(PenstockError):
    """A setting is missing or wrong. The message is one line that names it."""

    code = "settings"


class Unavailable(PenstockError):
    """PostgreSQL or object storage did not answer in time; whether the change was made may be unknown."""

    code = "unavailable"
