"""Clocks that are apart: of this process, Redis and PostgreSQL."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from penstock_runtime.doctor.codes import Code
from penstock_runtime.doctor.sight import Clock
from penstock_runtime.findings import Finding, Level

FIX = "let each machine keep its time (chrony, systemd-timesyncd): timedatectl says whether it does"


def apart(clocks: Sequence[Clock], *, most: float) -> Iterator[Finding]:
    """The pairs that are further apart than `most` seconds for certain."""
    for one, other in combinations([Clock("this process", 0.0, 0.0), *clocks], 2):
        ahead = other.ahead - one.ahead
        if abs(ahead) - one.error - other.error > most:
            way = "ahead of" if ahead > 0 else "behind"
            what = f"the clock of {other.of} is {abs(ahead):.1f} s {way} that of {one.of}, and {most:g} s are borne"
            yield Finding(Code.CLOCKS, "clocks", what, FIX, Level.WARNING)
