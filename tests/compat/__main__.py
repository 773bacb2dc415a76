"""`make compat`: the tests that kombu and Celery have for Redis, run on our transport; and older Celery beside it.

They come from the source distributions of the pinned versions. What is not run stands in `excluded/`, with the reason.
`peers` has every line of stock Celery since 5.3 share a queue with ours.
Ends with status 1 where a test has failed, and with 2 where the tests or a Celery cannot be had.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from compat.peers import VERSIONS, exchange, ours
from compat.report import show, show_peers
from compat.sources import SourceError
from compat.suites import BY_NAME, run
from rich.console import Console

from penstock_cli.embedded import redis_in
from penstock_cli.local.ports import free_port

PEERS = "peers"
EACH = 60
"""Tasks that each side sends in each direction."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="compat", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", choices=(*BY_NAME, PEERS), action="append", help="only this one (may be repeated)")
    parser.add_argument("--stock", action="store_true", help="on kombu's own transport, to compare with")
    parser.add_argument("--everything", action="store_true", help="also what is excluded")
    parser.add_argument("-k", dest="only", help="only tests with this in their names, as pytest takes it")
    given = parser.parse_args()
    console = Console()
    console.width = max(console.width, 110)
    wanted = given.suite or (*BY_NAME, PEERS)
    with tempfile.TemporaryDirectory(prefix="penstock-compat-") as name:
        try:
            good = not (names := [suite for suite in wanted if suite != PEERS]) or tests(
                given, names, Path(name), console
            )
            if PEERS in wanted:
                good = peers(given, Path(name), console) and good
        except SourceError as error:
            console.print(str(error), markup=False, soft_wrap=True)
            return 2
    return 0 if good else 1


def tests(given: argparse.Namespace, names: list[str], folder: Path, console: Console) -> bool:
    """Run their suites and show what became of them; whether all is well."""
    outcomes = []
    for name in names:
        with redis(folder / name) as url:
            options = {"stock": given.stock, "everything": given.everything, "only": given.only}
            outcomes.append(run(BY_NAME[name], url, folder, **options))
    show(outcomes, console, "kombu's transport" if given.stock else "our transport")
    return all(outcome.whole and not outcome.failures for outcome in outcomes)


def peers(given: argparse.Namespace, folder: Path, console: Console) -> bool:
    """Let every version share a queue with ours and show what became of it; whether all is well."""
    with redis(folder / PEERS) as url:
        us = ours(transport=not given.stock)
        exchanges = [one for version in VERSIONS for one in exchange(url, folder, version, us, count=EACH)]
    show_peers(exchanges, console)
    return all(one.good for one in exchanges)


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """The URL of an empty Redis of a suite's own."""
    server = redis_in(folder, free_port())
    with (folder / "log").open("ab") as log:
        process = server.start(log)
        try:
            server.wait(process)
            yield server.url
        finally:
            process.terminate()
            process.wait(20)


if __name__ == "__main__":
    sys.exit(main())
