"""What will be done to which process, drawn from a seed before anything runs: the same seed draws the same faults."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from penstock_contracts.queues import BY_NAME, Queue


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
    WIPE = "wipe"
    COPY = "copy"
    RESTORE = "restore"


SIGNALS = (Act.KILL, Act.STOP, Act.TERM)
CELLS = tuple((kind, act) for kind in Kind for act in SIGNALS)
"""Each must have been hit at least once while its job ran, or the run proves nothing about it."""

COPY_AHEAD = 8
"""How many faults lie between the copy of Redis's files and the moment they are put back."""


@dataclass(frozen=True)
class Fault:
    """One act on one kind of process."""

    kind: Kind
    act: Act


@dataclass(frozen=True)
class Wanted:
    """How much is to be done. `cells`: what must be hit at least once; `replicas`: workers of each queue.

    Raises ValueError where there are fewer faults than cells.
    """

    jobs: int
    faults: int
    wipes: int
    restores: int
    replicas: int
    cells: tuple[tuple[Kind, Act], ...]

    def __post_init__(self) -> None:
        if self.faults < len(self.cells):
            raise ValueError(f"--faults: at least {len(self.cells)} are needed, one for each process and signal")

    @property
    def hits(self) -> int:
        """What must be done in all; a copy of Redis's files is no hit."""
        return self.faults + self.wipes + self.restores


SHORT_CELLS = tuple(
    (kind, Act.KILL)
    for kind in (Kind.DATASET, Kind.GENERATION_CHILD, Kind.MAIL, Kind.OPS_TRACE, Kind.REDIS, Kind.POSTGRES)
)
SHORT = Wanted(jobs=40, faults=len(SHORT_CELLS), wipes=1, restores=0, replicas=1, cells=SHORT_CELLS)
"""For a run of less than a minute: a worker of each queue and both servers are killed, and Redis is emptied."""


def draw(random: Random, wanted: Wanted) -> list[Fault]:
    """All cells as often as they fit, then any of them at random, in a random order; wipes and restores in between."""
    full_rounds, rest = divmod(wanted.faults, len(wanted.cells))
    # What the supervisor gets hits everything else as well, and takes the longest to come back from.
    single = [cell for cell in wanted.cells if cell[0] is not Kind.SUPERVISOR]
    faults = [Fault(*cell) for cell in (*(wanted.cells * full_rounds), *random.choices(single, k=rest))]
    faults += [Fault(Kind.REDIS, Act.WIPE)] * wanted.wipes
    random.shuffle(faults)
    for _ in range(wanted.restores):
        place = random.randint(min(COPY_AHEAD, len(faults)), len(faults))
        faults.insert(place, Fault(Kind.REDIS, Act.RESTORE))
        faults.insert(max(0, place - COPY_AHEAD), Fault(Kind.REDIS, Act.COPY))
    return faults
