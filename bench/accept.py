"""How many jobs a second are accepted and how long one takes: Penstock beside stock Celery behind the same endpoint."""

import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import redis
from bench.contestants import Contestant, contestants
from bench.guard import faults, messages, rows, settle
from bench.load import NUMBER, Load, Outcome, Shot, send
from bench.running import Ground, cpu_seconds

CONNECTIONS = 64

BODY = json.dumps(
    {
        "actions": [
            {
                "user_id": NUMBER,
                "action": "login",
                "at": "2026-05-01T08:30:00+08:00",
                "target": "web",
                "detail": {"method": "password"},
            }
        ]
    }
)


@dataclass(frozen=True)
class Wanted:
    """How much is measured: so many `rounds`, in each so many seconds of each kind, with so many processes.

    pause: seconds between two lone requests.
    """

    rounds: int
    seconds: float
    lone_seconds: float
    workers: int
    pause: float = 0.01


@dataclass
class Round:
    """One contestant's share of one round. Latencies are in milliseconds, CPU in microseconds a job.

    lone: with a pause after each. in_turn: each sent as soon as the one before was answered, on one connection.
    settled: seconds from the last answer until everything was in its place.
    """

    rate: float
    ms: list[float]
    lone_ms: list[float]
    in_turn_ms: list[float]
    cpu: dict[str, float]
    sender_busy: float
    settled: float
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """All rounds by contestant, the first of whom is Penstock."""

    wanted: Wanted
    rounds: dict[str, list[Round]]

    @property
    def parts(self) -> list[str]:
        """Whose CPU time is told."""
        return list(next(iter(self.rounds.values()))[0].cpu)

    @property
    def faults(self) -> list[str]:
        """What a contestant did not do that it was counted for."""
        return [fault for rounds in self.rounds.values() for one in rounds for fault in one.faults]

    def of(self, name: str, figure: Callable[[Round], float]) -> list[float]:
        """A figure of each round."""
        return [figure(one) for one in self.rounds[name]]

    def median(self, name: str, figure: Callable[[Round], float]) -> float:
        """The median round's."""
        return statistics.median(self.of(name, figure))


def measure(ground: Ground, wanted: Wanted, say: Callable[[str], None]) -> Result:
    """Start all contestants, warm them up, and let them take turns; whoever begins changes from round to round."""
    present = list(contestants(ground, wanted.workers))
    shot = Shot("/v1/user-actions", BODY, headers={"Authorization": f"Bearer {ground.key}"})
    for contestant in present:
        send(Load(contestant.port, (shot,), CONNECTIONS, requests=30 * CONNECTIONS))
        _clear(ground, contestant)
    result = Result(wanted, {contestant.name: [] for contestant in present})
    for number in range(wanted.rounds):
        first = number % len(present)
        for contestant in present[first:] + present[:first]:
            say(f"round {number + 1} of {wanted.rounds}: {contestant.name}")
            result.rounds[contestant.name].append(_round(ground, contestant, shot, wanted))
    return result


def _round(ground: Ground, contestant: Contestant, shot: Shot, wanted: Wanted) -> Round:
    parts = {
        "API": contestant.process,
        "PostgreSQL": ground.postgres_process,
        "Redis": contestant.redis_process,
    }
    before = {name: cpu_seconds(process) for name, process in parts.items()}
    crowd, settled, said = _turn(ground, contestant, Load(contestant.port, (shot,), CONNECTIONS, wanted.seconds))
    spent = {name: cpu_seconds(process) - before[name] for name, process in parts.items()}
    in_turn = Load(contestant.port, (shot,), 1, wanted.lone_seconds)
    apart, _, more = _turn(ground, contestant, replace(in_turn, pause=wanted.pause))
    close, _, most = _turn(ground, contestant, in_turn)
    return Round(
        rate=crowd.rate,
        ms=crowd.ms,
        lone_ms=apart.ms,
        in_turn_ms=close.ms,
        cpu={name: seconds / len(crowd.ms) * 1e6 for name, seconds in spent.items()},
        sender_busy=crowd.busy,
        settled=settled,
        faults=said + more + most,
    )


def _turn(ground: Ground, contestant: Contestant, load: Load) -> tuple[Outcome, float, list[str]]:
    """Send one load; see that all that was promised is there; and clear it away."""
    outcome = send(load)
    with redis.Redis.from_url(contestant.redis_url) as client:
        database = ground.database if contestant.ledger else None
        settled = settle(client, contestant.queue, len(outcome.jobs), database, seconds=30)
        places: dict[str, Iterable[tuple[str, str]]] = {"messages": messages(client, contestant.queue)}
        if database:
            places["rows"] = rows(database)
        said = faults(contestant.name, outcome.jobs, outcome.unexpected, places)
    _clear(ground, contestant)
    return outcome, settled, said


def _clear(ground: Ground, contestant: Contestant) -> None:
    with redis.Redis.from_url(contestant.redis_url) as client:
        client.delete(contestant.queue)
    with ground.database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("TRUNCATE jobs")
        # So that nobody's turn pays for the one before.
        connection.exec_driver_sql("CHECKPOINT")
