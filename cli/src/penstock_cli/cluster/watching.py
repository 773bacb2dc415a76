"""Waiting until an installation is there, and not longer than there is hope."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from penstock_cli.cluster.checks.controllers import of_controllers
from penstock_cli.cluster.checks.keda import of_scaled_objects
from penstock_cli.cluster.checks.pods import of_pods
from penstock_cli.cluster.connection import Cluster
from penstock_cli.cluster.rollout import Part, parts
from penstock_cli.cluster.snapshot import Snapshot, take
from penstock_runtime.findings import Finding, Level

EVERY = 1.0
"""Seconds between two looks."""

FORGOTTEN = 20.0
"""Seconds after which a trouble that was not seen again is over: what crashes runs for a while each time."""


@dataclass
class Troubles:
    """Errors by when they were first and last seen."""

    first: dict[tuple[str, str], float] = field(default_factory=dict)
    last: dict[tuple[str, str], float] = field(default_factory=dict)
    found: dict[tuple[str, str], Finding] = field(default_factory=dict)

    def note(self, findings: Iterable[Finding], now: float) -> None:
        """Take in what was seen at `now`, in seconds."""
        for one in findings:
            if one.level is Level.ERROR:
                key = (one.code, one.about)
                self.first.setdefault(key, now)
                self.last[key], self.found[key] = now, one
        for key in [key for key, seen in self.last.items() if now - seen > FORGOTTEN]:
            del self.first[key], self.last[key], self.found[key]

    def standing(self, now: float, seconds: float) -> list[Finding]:
        """Those that are there since `seconds` or longer."""
        return [self.found[key] for key, since in self.first.items() if now - since >= seconds]


async def until_there(
    cluster: Cluster,
    release: str,
    under_way: "asyncio.Task[int]",
    show: Callable[[list[Part], list[Finding]], None],
    *,
    seconds: float,
    patience: float,
) -> list[Finding]:
    """Show how a release comes up until all of it is there; then empty, else what keeps it from it.

    under_way: what Helm does; nothing is there before it has ended. patience: seconds to wait for one trouble to end.
    Raises ClusterError, and what `under_way` raises.
    """
    troubles, until = Troubles(), time.monotonic() + seconds
    while True:
        seen = await asyncio.to_thread(take, cluster, release)
        now = time.monotonic()
        troubles.note(await asyncio.to_thread(_wrong, cluster, seen), now)
        found = parts(seen)
        show(found, list(troubles.found.values()))
        if under_way.done():
            under_way.result()
            if found and all(part.done for part in found):
                return []
        if standing := troubles.standing(now, patience):
            return standing
        if now > until:
            return list(troubles.found.values()) or [_late(found, seconds)]
        await asyncio.wait([under_way], timeout=EVERY) if not under_way.done() else await asyncio.sleep(EVERY)


def _wrong(cluster: Cluster, seen: Snapshot) -> list[Finding]:
    return [*of_controllers(cluster, seen), *of_pods(cluster, seen), *of_scaled_objects(seen)]


def _late(found: list[Part], seconds: float) -> Finding:
    left = "; ".join(f"{part.name}: {part.says}" for part in found if not part.done) or "Helm has not ended"
    return Finding(
        "not_in_time",
        "the installation",
        f"after {seconds:.0f} s it is not all there: {left}",
        "it goes on by itself: look with `penstock doctor`, or wait longer with --timeout",
    )
