"""What will be done to which process, drawn from a seed before anything runs: the same seed draws the same faults."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from penstock_contracts.queues import BY_NAME, QUEUES, Pool, Queue


class Kind(StrEnum):
    """The processes that faults hit. A prefork worker is two: its parent and the child that runs the job."""

    API = "api"
    API_CHILD = "api child"
    SCHEDULER = "scheduler"
    DATASET = "dataset parent"
    DATASET_CHILD = "dataset child"
    GENERATION = "generation parent"
    GENERATION_CHILD = "generation child"
    MAIL = "mail"
    OPS_TRACE = "ops_trace"
    REDIS = "redis"
    RABBITMQ = "rabbitmq"
    POSTGRES = "postgres"
    SUPERVISOR = "supervisor"

    @property
    def queue(self) -> Queue | None:
        """Whose worker it is."""
        return BY_NAME.get(self.value.partition(" ")[0])

    @property
    def is_child(self) -> bool:
        return self.value.endswith(" child")


class Act(StrEnum):
    """What is done. STOP lasts longer than a lease. The last three are for Redis: emptied, copied, put back older."""

    KILL = "SIGKILL"
    STOP = "SIGSTOP"
    TERM = "SIGTERM"
    CUT = "CLIENT KILL"
    FAILOVER = "failover"
    HOLE = "black hole"
    DELAY = "delay"
    DROP = "drop"
    WIPE = "wipe"
    COPY = "copy"
    RESTORE = "restore"


SIGNALS = (Act.KILL, Act.STOP, Act.TERM)
NETWORK = (Act.HOLE, Act.DELAY, Act.DROP)
"""On the way from a process to Redis; with the kind REDIS, on everybody's."""

ON_FILES = (Act.WIPE, Act.COPY, Act.RESTORE)
TALKERS = (Kind.API, Kind.SCHEDULER, Kind.DATASET, Kind.GENERATION, Kind.MAIL, Kind.OPS_TRACE, Kind.REDIS)
CELLS = (
    *((kind, act) for kind in Kind if kind is not Kind.RABBITMQ for act in SIGNALS),
    *((kind, act) for kind in TALKERS for act in NETWORK),
    (Kind.REDIS, Act.CUT),
    (Kind.REDIS, Act.FAILOVER),
)
"""Each must have been hit at least once while its job ran, or the run proves nothing about it."""

RABBITMQ_CELLS = (
    *(cell for cell in CELLS if cell[0] is not Kind.REDIS),
    *((Kind.RABBITMQ, act) for act in (Act.KILL, Act.STOP, *NETWORK)),
)
"""The same, where RabbitMQ is in the place of Redis."""

COPY_AHEAD = 8
"""How many faults lie between the copy of Redis's files and the moment they are put back."""


class Bare(StrEnum):
    """The transports that a Celery application without the ledger can be on."""

    STOCK = "stock"
    OURS = "penstock"


@dataclass(frozen=True)
class Fault:
    """One act on one kind of process."""

    kind: Kind
    act: Act


@dataclass(frozen=True)
class Wanted:
    """How much is to be done. `cells`: what must be hit at least once; `replicas`: workers of each queue.

    pool: only the queues of this pool get jobs; None: all do. bare: an ordinary Celery application without the ledger,
    with one queue, on this transport; None: the whole of Penstock. rabbitmq: instead of Redis.

    Raises ValueError where there are fewer faults than cells.
    """

    jobs: int
    faults: int
    wipes: int
    restores: int
    replicas: int
    cells: tuple[tuple[Kind, Act], ...]
    pool: Pool | None = None
    bare: Bare | None = None
    rabbitmq: bool = False

    def __post_init__(self) -> None:
        if self.faults < len(self.cells):
            raise ValueError(
                f"--faults: at least {len(self.cells)} are needed, one for each process and what is done to it"
            )

    @property
    def queues(self) -> Sequence[Queue]:
        """Those that get jobs."""
        return queues_of(self.pool, one=self.bare is not None)

    @property
    def hits(self) -> int:
        """What must be done in all; a copy of Redis's files is no hit."""
        return self.faults + self.wipes + self.restores


def queues_of(pool: Pool | None, *, one: bool) -> Sequence[Queue]:
    """The queues of a pool, or of all; only the first of them where one is enough."""
    found = [queue for queue in QUEUES if pool in (None, queue.pool)]
    return found[:1] if one else found


def cells_of(pool: Pool | None, *, bare: bool = False, rabbitmq: bool = False) -> tuple[tuple[Kind, Act], ...]:
    """What there is to hit where only queues of this pool have jobs; None: all of it.

    Bare: neither PostgreSQL, in which the application keeps its effects, nor what costs Redis a part of its memory.
    """
    queues = queues_of(pool, one=bare)
    kinds = {kind for kind in Kind if kind.queue in queues or (kind.queue is None and not bare)} | {Kind.REDIS}
    cells = RABBITMQ_CELLS if rabbitmq else CELLS
    return tuple(cell for cell in cells if cell[0] in kinds and not (bare and cell[1] is Act.FAILOVER))


SHORT_CELLS = (
    *((kind, Act.KILL) for kind in (Kind.DATASET, Kind.GENERATION_CHILD, Kind.MAIL, Kind.OPS_TRACE, Kind.POSTGRES)),
    *((Kind.REDIS, act) for act in (Act.KILL, Act.CUT, Act.FAILOVER)),
    *zip((Kind.MAIL, Kind.OPS_TRACE, Kind.DATASET), NETWORK, strict=True),
)
SHORT = Wanted(jobs=40, faults=len(SHORT_CELLS), wipes=1, restores=0, replicas=1, cells=SHORT_CELLS)
"""For a run of about a minute: a worker of each queue and both servers are killed, Redis is emptied, its way is cut."""


def draw(random: Random, wanted: Wanted) -> list[Fault]:
    """All cells as often as they fit, then any of them at random, in a random order; wipes and restores in between."""
    full_rounds, rest = divmod(wanted.faults, len(wanted.cells))
    # What the supervisor gets hits everything else as well, and takes the longest to come back from.
    single = [cell for cell in wanted.cells if cell[0] is not Kind.SUPERVISOR]
    faults = [Fault(*cell) for cell in (*(wanted.cells * full_rounds), *random.choices(single, k=rest))]
    faults += [Fault(Kind.RABBITMQ if wanted.rabbitmq else Kind.REDIS, Act.WIPE)] * wanted.wipes
    random.shuffle(faults)
    for _ in range(wanted.restores):
        place = random.randint(min(COPY_AHEAD, len(faults)), len(faults))
        faults.insert(place, Fault(Kind.REDIS, Act.RESTORE))
        faults.insert(max(0, place - COPY_AHEAD), Fault(Kind.REDIS, Act.COPY))
    return faults
