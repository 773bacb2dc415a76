"""`make compat`: the tests that kombu and Celery have for Redis, run on our transport.

They come from the source distributions of the pinned versions. What is not run stands in `excluded/`, with the reason.
Ends with status 1 where a test has failed, and with 2 where the tests cannot be had.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from compat.report import show
from compat.sources import SourceError
from compat.suites import BY_NAME, run
from rich.console import Console

from penstock_cli.embedded import redis_in
from penstock_cli.local.ports import free_port


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="compat", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", choices=BY_NAME, action="append", help="only this one (may be repeated)")
    parser.add_argument("--stock", action="store_true", help="on kombu's own transport, to compare with")
    parser.add_argument("--everything", action="store_true", help="also what is excluded")
    parser.add_argument("-k", dest="only", help="only tests with this in their names, as pytest takes it")
    given = parser.parse_args()
    console = Console()
    console.width = max(console.width, 110)
    with tempfile.TemporaryDirectory(prefix="penstock-compat-") as name:
        try:
            outcomes = []
            for suite in given.suite or BY_NAME:
                with redis(Path(name) / suite) as url:
                    options = {"stock": given.stock, "everything": given.everything, "only": given.only}
                    outcomes.append(run(BY_NAME[suite], url, Path(name), **options))
        except SourceError as error:
            console.print(str(error), markup=False, soft_wrap=True)
            return 2
    show(outcomes, console, "kombu's transport" if given.stock else "our transport")
    return 0 if all(outcome.whole and not outcome.failures for outcome in outcomes) else 1


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
