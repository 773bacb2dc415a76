"""`make fuzz`: schemathesis asks the whole suite what its OpenAPI document allows and what it does not.

Ends with status 1 where an answer was none that the document promises, or where a process or a job died of a request.
"""

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fuzz.findings import Findings, look
from fuzz.report import show
from fuzz.suite import fuzzed, write_users
from rich.console import Console

from penstock_cli.local.interrupts import counted
from penstock_cli.local.supervisor import Interrupted

HERE = Path(__file__).resolve().parent
PROGRAM = HERE.parents[1] / ".tools" / "fuzz" / "bin" / "st"


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    seconds: int
    seed: int
    keep: bool


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for which to ask (default 600)")
    parser.add_argument("--seed", type=int, help="what is drawn; default: another one each time")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data of a good run too")
    given = parser.parse_args()
    seed = secrets.randbelow(100_000) if given.seed is None else given.seed
    options = Options(given.seconds, seed, given.keep)
    console = Console()
    console.print(f"seed {seed}: make fuzz SEED={seed} SECONDS={given.seconds}", markup=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="penstock-fuzz-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user where this runs as root
    try:
        findings = run(options, folder)
    except Interrupted:
        return 130
    show(findings, console, seed=seed, folder=folder)
    if not findings.all and not given.keep:
        shutil.rmtree(folder)
    return 1 if findings.all else 0


def run(options: Options, folder: Path) -> Findings:
    """Start the suite, ask for the time given, and stop it. Raises Interrupted, and as `fuzzed` does."""
    # As lines: schemathesis has the screen for itself.
    lines = Console(force_terminal=False, width=200)
    with counted() as interrupts, fuzzed(folder, lines, interrupts) as suite:
        users = write_users(suite)
        process = subprocess.Popen(
            command(options, suite.api_url, folder),
            cwd=folder,
            env=os.environ | {"FUZZ_HOOKS": str(HERE / "hooks.py"), "FUZZ_USERS": str(users)},
        )
        try:
            while process.poll() is None:
                suite.supervisor.pause()
        finally:
            process.terminate()
            process.wait()
        return look(suite, folder / "report.json")


def command(options: Options, api_url: str, folder: Path) -> list[str]:
    """What starts schemathesis: all its phases and checks, until the time is over."""
    words = [str(PROGRAM), "--config-file", str(HERE / "schemathesis.toml"), "run", f"{api_url}/openapi.json"]
    words += ["--max-time", str(options.seconds), "--seed", str(options.seed)]
    return [*words, "--report", "json", "--report-json-path", str(folder / "report.json")]


if __name__ == "__main__":
    sys.exit(main())
