"""Group commit: callers that come while a group is under way share the next one.

A lone caller never waits: it is a group of one. There is no thread and no timer; one of the callers leads each group.
The scheme is that of group commit in databases (DeWitt et al., Implementation Techniques for Main Memory Database
Systems, SIGMOD 1984), with leadership handed on as in flat combining.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from penstock_runtime.errors import Unavailable

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass(eq=False)
class _Ticket(Generic[Item, Outcome]):
    item: Item
    called: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    outcome: list[Outcome] = field(default_factory=list)
    error: BaseException | None = None


class Grouped(Generic[Item, Outcome]):
    """`work` for many callers: it gets up to `most` items, and returns an outcome for each in their order.

    It does all or nothing, and raises Unavailable where it cannot tell: then all callers of the group get that.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Outcome]], *, most: int) -> None:
        self._work = work
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[_Ticket[Item, Outcome]] = []
        self._busy = False

    def __call__(self, item: Item) -> Outcome:
        """The outcome of one item. Raises what `work` raises for it."""
        ticket: _Ticket[Item, Outcome] = _Ticket(item)
        try:
            self._stand_in_line(ticket)
            if ticket.leads:
                self._lead(ticket)
        except BaseException:
            # A caller that is interrupted leaves the line; one that leads, or was to, must not leave the others alone.
            with self._lock:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
            if ticket.leads:
                self._hand_on(ticket)
            raise
        if ticket.error is not None:
            raise ticket.error
        return ticket.outcome[0]

    def _stand_in_line(self, ticket: _Ticket[Item, Outcome]) -> None:
        with self._lock:
            self._waiting.append(ticket)
            ticket.leads = not self._busy
            self._busy = True
        if not ticket.leads:
            ticket.called.wait()

    def _lead(self, own: _Ticket[Item, Outcome]) -> None:
        with self._lock:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            self._run(group)
        except BaseException:
            for ticket in group:
                if not ticket.outcome and ticket is not own:
                    ticket.error = Unavailable("the caller that led this group was interrupted; the outcome is unknown")
            raise
        finally:
            self._hand_on(own)
            for ticket in group:
                ticket.called.set()

    def _run(self, group: list[_Ticket[Item, Outcome]]) -> None:
        try:
            for ticket, outcome in zip(group, self._work([ticket.item for ticket in group]), strict=True):
                ticket.outcome.append(outcome)
        except Unavailable as error:
            for ticket in group:
                ticket.error = error
        except Exception as error:  # noqa: BLE001 - raised again, to each caller
            if len(group) > 1:
                # One bad item must not fail its neighbours. Nothing of the group was done, so each is done alone.
                for ticket in group:
                    self._run([ticket])
            else:
                group[0].error = error

    def _hand_on(self, leader: _Ticket[Item, Outcome]) -> None:
        with self._lock:
            self._busy = bool(self._waiting)
            if self._busy:
                self._waiting[0].leads = True
                self._waiting[0].called.set()
            leader.leads = False
