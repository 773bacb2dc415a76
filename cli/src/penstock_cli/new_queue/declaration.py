"""What a new queue is, and what follows from its name."""

import re
from dataclasses import dataclass
from keyword import iskeyword

from penstock_contracts.queues import Pool
from penstock_runtime.errors import PenstockError

LONGEST = 54 - len("penstock-worker-")
"""Characters of a name. The chart refuses a worker's name above 54, before which KEDA still puts its own."""

RESERVED = ("celery", "dead", "penstock", "unacked")
"""What other keys in Redis are called, or begin with; `celery` is also what app.py offers."""

WORDS_OF_YAML = ("false", "n", "no", "null", "off", "on", "true", "y", "yes")

_CONCURRENCY = {Pool.GEVENT: 20, Pool.PREFORK: 1}


class QueueRefused(PenstockError):
    """There can be no such queue, or not in this folder. Nothing was written."""

    code = "queue_refused"


@dataclass(frozen=True)
class NewQueue:
    """A queue that is to be. Raises QueueRefused where its name cannot be one."""

    name: str
    pool: Pool
    time_limit: int
    attempts: int

    def __post_init__(self) -> None:
        if reason := _fault(self.name):
            raise QueueRefused(f"the queue {self.name[:60]!r} cannot be called so: {reason}")

    @property
    def service(self) -> str:
        """The name of its folder, its image and its Deployment."""
        return f"worker-{self.key}"

    @property
    def key(self) -> str:
        """Its name among the chart's workers: Kubernetes takes no underscores."""
        return self.name.replace("_", "-")

    @property
    def package(self) -> str:
        return f"penstock_worker_{self.name}"

    @property
    def constant(self) -> str:
        """Its name in queues.py."""
        return self.name.upper()

    @property
    def task(self) -> str:
        """The name of its first task, in its contract."""
        return f"RUN_{self.constant}"

    @property
    def camel(self) -> str:
        """Its name within the names of classes."""
        return "".join(part.capitalize() for part in self.name.split("_"))

    @property
    def concurrency(self) -> int:
        return _CONCURRENCY[self.pool]


def _fault(name: str) -> str:
    if ":" in name:
        return "':' stands between a queue's name and a priority in the names of its lists; leave it out"
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name, re.ASCII):
        return (
            "it is made of small letters, digits and single underscores between them, and begins with a letter, "
            "such as monthly_invoices"
        )
    if len(name) > LONGEST:
        return (
            f"it has {len(name)} characters and may have {LONGEST}, so that its objects' names fit Kubernetes' bounds"
        )
    if iskeyword(name):
        return "it is a word of Python, and cannot be the name of its module; choose another one"
    if name in WORDS_OF_YAML:
        return "YAML, and so the chart, takes it for a truth value or for nothing; choose another one"
    if name in RESERVED:
        return "keys in Redis and parts of Celery are called so; choose another one"
    return ""
