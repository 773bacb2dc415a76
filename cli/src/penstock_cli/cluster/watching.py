"""Waiting until an installation is there, and not longer than there is hope."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from penstock_cli.cluster.checks.controllers import of_controllers
from penstock_cli.cluster.checks.keda import of_scaled_objects
from penstock_cli.cluster.checks.pods import of_pods
from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import Cluster
from penstock_cli.cluster.rollout import Part, parts
from penstock_cli.cluster.snapshot import Snapshot, name_of, take
from penstock_runtime.findings import Finding, Level

EVERY = 1.0
"""Seconds between two looks."""

MIGRATION = "migration"
"""What the advice of a pod names that waits for the tables."""

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

    def stand(self, now: float, seconds: float) -> bool:
        """Whether one is there for so long."""
        return any(now - since >= seconds for since in self.first.values())


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
        wrong = await asyncio.to_thread(_wrong, cluster, seen)
        troubles.note([one for one in wrong if _matters(one, seen)], now)
        found = parts(seen)
        show(found, list(troubles.found.values()))
        if under_way.done():
            under_way.result()
            if found and all(part.done for part in found):
                return []
        if troubles.stand(now, patience):
            return list(troubles.found.values())
        if now > until:
            return [*wrong, _late(found, seconds)]
        await asyncio.wait([under_way], timeout=EVERY) if not under_way.done() else await asyncio.sleep(EVERY)


def _wrong(cluster: Cluster, seen: Snapshot) -> list[Finding]:
    return [*of_controllers(cluster, seen), *of_pods(cluster, seen), *of_scaled_objects(seen)]


def _matters(one: Finding, seen: Snapshot) -> bool:
    """That pods wait for servers which come up beside them, or are being migrated, is how it goes."""
    if one.code != Code.POD_WAITS:
        return True
    done = {part.name: part.done for part in parts(seen)}
    beside = [*seen.statefulsets, *(seen.newest_job if MIGRATION in one.fix else [])]
    return all(done[name_of(server)] for server in beside)


def _late(found: list[Part], seconds: float) -> Finding:
    left = "; ".join(f"{part.name}: {part.says}" for part in found if not part.done) or "Helm has not ended"
    return Finding(
        Code.NOT_IN_TIME,
        "the installation",
        f"after {seconds:.0f} s it is not all there: {left}",
        "it goes on by itself: look with `penstock doctor`, or wait longer with --timeout",
    )
