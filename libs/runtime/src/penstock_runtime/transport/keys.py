"""The names of a queue's keys in Redis."""

import json
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

UNACKED = "unacked:{queue}"
"""The hash of what is in flight; `{queue}` stands for the queue's name. Its index is called after it, as kombu's is."""


PAUSED = "penstock:paused:"
"""Begins the name of the key that pauses a queue while it holds anything."""


@dataclass(frozen=True)
class QueueKeys:
    """One queue: the lists that are read, most urgent first, those that are written to, and what is kept beside."""

    queue: str
    lists: tuple[str, ...]
    own: tuple[str, ...] = field(repr=False)
    unacked: str
    index: str
    watch: str
    waiting: str
    paused: str
    dead: str
    dead_index: str
    steps: tuple[int, ...] = field(repr=False)

    @classmethod
    def of(
        cls,
        queue: str,
        *,
        prefix: str,
        separator: str,
        steps: Sequence[int],
        unacked: str = UNACKED,
        also: tuple[str, Sequence[int]] = ("", ()),
    ) -> "QueueKeys":
        """prefix: kombu's `global_keyprefix`. steps: the priorities that have a list, ascending. also: separator and
        steps of other names, of lists that are only read."""
        in_flight = prefix + unacked.replace("{queue}", queue)
        own = {name_of(queue, separator, step): step for step in steps}
        read = {name_of(queue, also[0], step): step for step in also[1]} | own
        return cls(
            queue=queue,
            lists=tuple(prefix + name for name in sorted(read, key=lambda name: (read[name], name not in own))),
            own=tuple(prefix + name for name in own),
            unacked=in_flight,
            index=f"{in_flight}_index",
            watch=f"{prefix}penstock:watch:{queue}",
            waiting=f"{prefix}penstock:waiting:{queue}",
            paused=f"{prefix}{PAUSED}{queue}",
            dead=f"{prefix}dead:{queue}",
            dead_index=f"{prefix}dead:{queue}_index",
            steps=tuple(steps),
        )

    def __hash__(self) -> int:
        # Asked for with each settlement, where that of all fields takes longer than the rest.
        return hash(self.queue)

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

    @cached_property
    def heeded(self) -> frozenset[bytes]:
        """The keys whose change may be a reason to claim."""
        return frozenset(name.encode() for name in (self.paused, *self.lists))

    def list_for(self, priority: object) -> str:
        """The list of messages of that priority, which is rounded down to a step as kombu does."""
        number = priority if isinstance(priority, int) else 0
        return self.own[max(bisect(self.steps, number) - 1, 0)]


def name_of(queue: str, separator: str, step: int) -> str:
    """kombu's name of the list of a step."""
    return f"{queue}{separator}{step}" if step else queue
