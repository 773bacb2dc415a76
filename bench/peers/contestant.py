"""One who runs tasks: how its worker is started, how its queue is filled, and where Redis says what is left."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import redis
from bench.peers.results import Results

TOGETHER = "BENCH_TOGETHER"
"""Environment variable: how many jobs a sender hands over at once, where it can."""

Place = tuple[str, ...]
"""A command of Redis whose answer is how many tasks wait, or run, in one place: `("llen", "queue")`."""


@dataclass(frozen=True)
class Contestant:
    """settings: for people. worker: the command that runs. send: the command that sends, before an Order.

    fill: one that does the same faster, where there is one; it need not be the contestant's own way.
    places: together they are empty once each task has been acknowledged. sent: what tells that without a worker, where
    `places` do not.
    """

    name: str
    settings: str
    worker: tuple[str, ...]
    send: tuple[str, ...]
    places: tuple[Place, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    fill: tuple[str, ...] = ()
    results: Results | None = None
    sent: tuple[Place, ...] = ()

    def left(self, client: "redis.Redis") -> int:
        """Tasks that are not acknowledged yet, by what Redis holds."""
        answers: list[object] = [client.execute_command(*place) for place in self.places]  # type: ignore[no-untyped-call]
        return sum(map(_number, answers))

    def waiting(self, client: "redis.Redis") -> int:
        """Tasks that were sent, where no worker has been yet."""
        return replace(self, places=self.sent or self.places).left(client)

    def asked(self, times: int) -> Counter[str]:
        """The commands that so many looks at what is left took."""
        return Counter([place[0] for place in self.places] * times)


def _number(answer: object) -> int:
    # XPENDING answers with more than the number; the client makes a dict of it.
    return int(answer["pending"]) if isinstance(answer, dict) else int(str(answer))
