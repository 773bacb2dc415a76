"""A call as data: a task names what it takes and returns, and makes messages that can be stored and sent."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from penstock_contracts.queues import Priority, Queue


class Contract(BaseModel):
    """What every payload and result is: immutable, and without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_bytes="base64")


# Classic type variables: the class syntax would infer a frozen dataclass as covariant and accept any payload.
P = TypeVar("P", bound=Contract)
R = TypeVar("R", bound=Contract)


@dataclass(frozen=True)
class Message:
    """One call of one task, ready to be stored and published. The payload is plain JSON."""

    task: str
    queue: str
    payload: dict[str, Any]
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True)
class Task(Generic[P, R]):
    """A task's written-out name, its queue, and the models of what it takes and returns.

    The payload's fields are the task's Celery keyword arguments, so that any Celery client can send it.

    Raises ValueError where the name does not begin with the queue's.
    """

    name: str
    queue: Queue
    payload: type[P]
    result: type[R]

    def __post_init__(self) -> None:
        if not self.name.startswith(f"{self.queue.name}."):
            raise ValueError(f"task {self.name!r} must be named {self.queue.name}.<what it does>")

    def message(self, payload: P, *, priority: Priority = Priority.NORMAL) -> Message:
        """The call of this task with `payload`, as data."""
        return Message(self.name, self.queue.name, payload.model_dump(mode="json"), priority)
