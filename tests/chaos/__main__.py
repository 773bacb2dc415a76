"""Kill the suite under load, and compare what was promised with what there is: `PYTHONPATH=tests python -m chaos`.

Ends with status 1 where the promise was not kept, or where something that was to be hit was not, and with 2 where what
is asked for cannot be done.
"""

import argparse
import secrets
import sys
from collections.abc import Sequence

from chaos.driver import Options, run
from chaos.plan import SHORT, Bare, Wanted, cells_of
from chaos.report import beside, show
from chaos.screen import Screen
from rich.console import Console

from penstock_contracts.queues import Pool

FEWEST_COLUMNS = 110


def options(arguments: Sequence[str]) -> list[Options]:
    """The runs that are asked for. A mistake ends the process with a line that names it, and status 2."""
    parser = argparse.ArgumentParser(
        prog="chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, help="what is drawn; default: another one each time")
    parser.add_argument("--jobs", type=int, default=2000, help="over all queues (default 2000)")
    parser.add_argument("--pool", type=Pool, choices=list(Pool), help="jobs only for its queues (default: for all)")
    parser.add_argument("--bare", type=Bare, choices=list(Bare), action="append", help=BARE)
    parser.add_argument("--rabbitmq", action="store_true", help="RabbitMQ in the place of Redis")
    parser.add_argument("--faults", type=int, default=120, help="done to processes and connections (default 120)")
    parser.add_argument("--wipes", type=int, help="times that the broker is emptied (default 5)")
    parser.add_argument("--restores", type=int, help="times that Redis is put back to an older state (default 2)")
    parser.add_argument("--replicas", type=int, default=2, help="workers of each queue, and schedulers (default 2)")
    parser.add_argument("--quiet-within", type=float, default=180, help="seconds after the last fault (default 180)")
    parser.add_argument("--within", type=float, default=2400, help="seconds for all faults (default 2400)")
    parser.add_argument("--short", action="store_true", help="about a minute, as in `make test`")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data of a good run too")
    given = parser.parse_args(arguments)
    given.seed = secrets.randbelow(100_000) if given.seed is None else given.seed
    if given.short:
        command = f"{COMMAND} --short --seed {given.seed}"
        return [Options(SHORT, given.seed, given.quiet_within, given.within, command=command)]
    given.wipes, given.restores = (
        default if number is None else number
        for number, default in (
            (given.wipes, 0 if given.bare else 5),
            (given.restores, 0 if given.bare or given.rabbitmq else 2),
        )
    )
    if given.rabbitmq and (given.bare or given.restores):
        parser.error("--bare, --restores: are for Redis; not with --rabbitmq")
    if given.bare and (given.wipes or given.restores):
        parser.error("--wipes, --restores: what Redis itself loses, only the ledger still has; not with --bare")
    if min(given.jobs, given.wipes, given.restores, given.replicas - 1) < 0:
        parser.error("numbers must not be negative, and --replicas at least 1")
    try:
        return [_one(given, bare) for bare in given.bare or [None]]
    except ValueError as error:
        parser.error(str(error))


def _one(given: argparse.Namespace, bare: Bare | None) -> Options:
    """One of the runs. Raises ValueError where not all can be hit that must be."""
    pool = given.pool or (Pool.GEVENT if bare else None)
    counts = (given.jobs, given.faults, given.wipes, given.restores, given.replicas)
    cells = cells_of(pool, bare=bare is not None, rabbitmq=given.rabbitmq)
    wanted = Wanted(*counts, cells, pool, bare, given.rabbitmq)
    said = f"--jobs {given.jobs} --faults {given.faults} --wipes {given.wipes} --restores {given.restores}"
    said += f" --replicas {given.replicas}" + (f" --pool {pool}" if pool else "") + (f" --bare {bare}" if bare else "")
    said += " --rabbitmq" if given.rabbitmq else ""
    command = f"{COMMAND} {said} --seed {given.seed}"
    return Options(wanted, given.seed, given.quiet_within, given.within, command=command, keep=given.keep)


BARE = "a Celery application without the ledger, on this transport; repeat it to see both side by side"
COMMAND = "PYTHONPATH=tests .venv/bin/python -m chaos"


def main() -> int:
    console = Console()
    console.width = max(console.width, FEWEST_COLUMNS)
    reports = []
    for chosen in options(sys.argv[1:]):
        console.print(f"seed {chosen.seed}: {chosen.command}", markup=False, highlight=False, soft_wrap=True)
        with Screen(console) as screen:
            reports.append(run(chosen, screen))
        show(reports[-1], console)
    if len(reports) > 1:
        console.print(beside(reports))
    # What stock loses is shown, and is no failure of ours.
    return 1 if any(report.failures for report in reports if report.wanted.bare is not Bare.STOCK) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
