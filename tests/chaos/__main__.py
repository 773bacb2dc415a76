"""Kill the suite under load, and compare what was promised with what there is: `PYTHONPATH=tests python -m chaos`.

Ends with status 1 where the promise was not kept, or where something that was to be hit was not, and with 2 where what
is asked for cannot be done.
"""

import argparse
import secrets
import sys
from collections.abc import Sequence

from chaos.driver import Options, run
from chaos.plan import CELLS, SHORT, Wanted
from chaos.report import show
from chaos.screen import Screen
from rich.console import Console

FEWEST_COLUMNS = 110


def options(arguments: Sequence[str]) -> Options:
    """What is asked for. A mistake ends the process with a line that names it, and status 2."""
    parser = argparse.ArgumentParser(
        prog="chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, help="what is drawn; default: another one each time")
    parser.add_argument("--jobs", type=int, default=2000, help="over all queues (default 2000)")
    parser.add_argument("--faults", type=int, default=110, help="signals to processes (default 110)")
    parser.add_argument("--wipes", type=int, default=5, help="times that Redis is emptied (default 5)")
    parser.add_argument("--restores", type=int, default=2, help="times that Redis is put back to an older state")
    parser.add_argument("--replicas", type=int, default=2, help="workers of each queue, and schedulers (default 2)")
    parser.add_argument("--quiet-within", type=float, default=180, help="seconds after the last fault (default 180)")
    parser.add_argument("--within", type=float, default=2400, help="seconds for all faults (default 2400)")
    parser.add_argument("--short", action="store_true", help="less than a minute, as in `make test`")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data of a good run too")
    given = parser.parse_args(arguments)
    seed = secrets.randbelow(100_000) if given.seed is None else given.seed
    if given.short:
        return Options(SHORT, seed, given.quiet_within, given.within, command=f"{COMMAND} --short --seed {seed}")
    if min(given.jobs, given.wipes, given.restores, given.replicas - 1) < 0:
        parser.error("numbers must not be negative, and --replicas at least 1")
    try:
        wanted = Wanted(given.jobs, given.faults, given.wipes, given.restores, given.replicas, CELLS)
    except ValueError as error:
        parser.error(str(error))
    counts = f"--jobs {given.jobs} --faults {given.faults} --wipes {given.wipes} --restores {given.restores}"
    command = f"{COMMAND} {counts} --replicas {given.replicas} --seed {seed}"
    return Options(wanted, seed, given.quiet_within, given.within, command=command, keep=given.keep)


COMMAND = "PYTHONPATH=tests .venv/bin/python -m chaos"


def main() -> int:
    chosen = options(sys.argv[1:])
    console = Console()
    console.width = max(console.width, FEWEST_COLUMNS)
    console.print(f"seed {chosen.seed}: {chosen.command}", markup=False, highlight=False, soft_wrap=True)
    with Screen(console) as screen:
        report = run(chosen, screen)
    show(report, console)
    return 1 if report.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
