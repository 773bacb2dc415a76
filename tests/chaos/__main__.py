"""`PYTHONPATH=tests python -m chaos`: see `--help`. Ends with status 1 where the promise was not kept or not tested."""

import argparse
import secrets
import sys

from chaos.driver import Options, run
from chaos.plan import Wanted
from chaos.report import show
from rich.console import Console


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000, help="over all queues (default 2000)")
    parser.add_argument("--faults", type=int, default=110, help="signals to processes (default 110)")
    parser.add_argument("--wipes", type=int, default=5, help="times that Redis is emptied (default 5)")
    parser.add_argument("--restores", type=int, default=2, help="times that Redis is put back to an older state")
    parser.add_argument("--seed", type=int, help="what is drawn; default: another one each time")
    parser.add_argument("--seconds", type=float, default=180, help="to end in, after the last fault (default 180)")
    parser.add_argument("--replicas", type=int, default=2, help="worker processes of each queue (default 2)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data of a good run too")
    given = parser.parse_args()
    seed = secrets.randbelow(100_000) if given.seed is None else given.seed
    wanted = Wanted(given.faults, given.wipes, given.restores)
    counts = f"--jobs {given.jobs} --faults {given.faults} --wipes {given.wipes} --restores {given.restores}"
    command = f"PYTHONPATH=tests .venv/bin/python -m chaos {counts} --replicas {given.replicas} --seed {seed}"
    options = Options(given.jobs, seed, given.seconds, wanted, given.replicas, command, given.keep)
    console = Console()
    console.width = max(console.width, 110)
    console.print(f"seed {seed}: {command}", markup=False, soft_wrap=True)
    report = run(options, lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))
    show(report, console)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
