"""The names of a queue's keys in Redis."""

import json
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

UNACKED = "unacked:{queue}"
"""The hash of what is in flight; `{queue}` stands for the queue's name. Its index is called after it, as kombu's is."""


@dataclass(frozen=True)
class QueueKeys:
    """One queue: its lists, most urgent first, and what is kept beside them."""

    queue: str
    lists: tuple[str, ...]
    unacked: str
    index: str
    watch: str
    waiting: str
    dead: str
    dead_index: str
    steps: tuple[int, ...] = field(repr=False)

    @classmethod
    def of(
        cls, queue: str, *, prefix: str, separator: str, steps: Sequence[int], unacked: str = UNACKED
    ) -> "QueueKeys":
        """prefix: kombu's `global_keyprefix`. steps: the priorities that have a list, ascending."""
        in_flight = prefix + unacked.replace("{queue}", queue)
        return cls(
            queue=queue,
            lists=tuple(prefix + (f"{queue}{separator}{step}" if step else queue) for step in steps),
            unacked=in_flight,
            index=f"{in_flight}_index",
            watch=f"{prefix}penstock:watch:{queue}",
            waiting=f"{prefix}penstock:waiting:{queue}",
            dead=f"{prefix}dead:{queue}",
            dead_index=f"{prefix}dead:{queue}_index",
            steps=tuple(steps),
        )

    def entry(self, raw: bytes) -> bytes:
        """A message of this queue as it stands in flight."""
        return b'[%s,"",%s]' % (raw, self.name_as_json)

    def message_of(self, entry: bytes) -> bytes:
        """What `entry` was made of."""
        return entry[1 : -len(self.entry(b"")) + 1]

    @cached_property
    def name_as_json(self) -> bytes:
        """The queue's name as it stands in an entry."""
        return json.dumps(self.queue).encode()

    def list_for(self, priority: object) -> str:
        """The list of messages of that priority, which is rounded down to a step as kombu does."""
        number = priority if isinstance(priority, int) else 0
        return self.lists[max(bisect(self.steps, number) - 1, 0)]
