"""Which of their tests are run, and how: each suite in a pytest of its own, against one Redis."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from compat.sources import ENVIRONMENT, ROOT, unpacked

TESTS = ROOT / "tests"
LIBRARIES = (ROOT / "libs" / "contracts" / "src", ROOT / "libs" / "runtime" / "src")
PLUGINS = ("-p", "compat.plugin", "-p", "no:cacheprovider")
ONCE = ("-p", "no:rerunfailures")
"""Nothing is run again until it passes, as its marks would have it. Celery's tests are given that: some of them ask
for what may not have happened yet, and fail with stock Celery too on a slow machine."""

TIMEOUT = 240
"""Seconds for one test. The longest of Celery's watches fourteen times, for 10 seconds each, that nothing comes."""

OPTIONS = ("-o", "addopts=", "--timeout", str(TIMEOUT), "--tb=short", "-q", "-rfE")


@dataclass(frozen=True)
class Suite:
    """Tests of a distribution, and what pytest is told besides. `name`: also that of its file of exclusions."""

    name: str
    distribution: str
    paths: tuple[str, ...]
    options: tuple[str, ...] = ()


CELERYS = ("-p", "celery.contrib.pytest", "--log-level", "INFO", "--rerun-except", r"Timeout \(>")
"""Celery's fixtures; a level of logs that some tests look for and a file that is left out would set; and what has
run into its time limit once is not run again."""

OWN_WORKERS = ("t/integration/test_dedup_chain_dispatch.py", "t/integration/test_prefork_shutdown.py")
"""These start a worker beside the one of all others, and end it by a flag that both heed: here they are alone."""

OWN_LOGS = ("t/integration/test_tasks.py",)
"""Two of its tests look for what the pool's processes log, of which behind all other files nothing comes any more, with
kombu's transport as with ours."""

SUITES = (
    Suite("kombu-unit", "kombu", ("t/unit/transport/test_redis.py",), ONCE),
    Suite("kombu-integration", "kombu", ("t/integration/test_redis.py", "t/integration/test_redis_brpop_qos.py"), ONCE),
    Suite(
        "celery-integration",
        "celery",
        ("t/integration", *(f"--ignore={path}" for path in (*OWN_WORKERS, *OWN_LOGS))),
        CELERYS,
    ),
    Suite("celery-tasks", "celery", OWN_LOGS, CELERYS),
    Suite("celery-workers", "celery", OWN_WORKERS, CELERYS),
)
BY_NAME = {suite.name: suite for suite in SUITES}


@dataclass(frozen=True)
class Outcome:
    """What became of one suite. `counts`: by pytest's word for it, besides `rerun` and `excluded`."""

    suite: str
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    excluded: dict[str, int] = field(default_factory=dict)
    whole: bool = True


def run(
    suite: Suite,
    redis_url: str,
    folder: Path,
    *,
    stock: bool = False,
    everything: bool = False,
    only: str | None = None,
) -> Outcome:
    """Run it, with its output on ours, and return what became of it. Raises SourceError, as `unpacked` does."""
    report = folder / f"{suite.name}.json"
    ran = subprocess.run(
        command(suite, only),
        cwd=unpacked(suite.distribution),
        env=environment(suite, redis_url, report, stock=stock, everything=everything),
        stdout=sys.stderr,
        check=False,
    )
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {"whole": False}
    # 0: all passed, 1: some failed. Anything else is no run of the suite.
    return Outcome(suite.name, **told | {"whole": told.get("whole", True) and ran.returncode in (0, 1)})


def command(suite: Suite, only: str | None) -> list[str]:
    """What starts pytest."""
    words = [str(ENVIRONMENT / "bin" / "python"), "-P", "-m", "pytest", *PLUGINS, *OPTIONS, *suite.options]
    return [*words, *(("-k", only) if only else ()), *suite.paths]


def environment(suite: Suite, redis_url: str, report: Path, *, stock: bool, everything: bool) -> dict[str, str]:
    """The variables that their conftests read, and those of our plugin."""
    server = urlsplit(redis_url)
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("PENSTOCK_", "CELERY_"))}
    return ours | {
        "PATH": f"{ENVIRONMENT / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(path) for path in (TESTS, *LIBRARIES)),
        "REDIS_HOST": str(server.hostname),
        "REDIS_6379_TCP": str(server.port),  # kombu's name for the port
        "REDIS_PORT": str(server.port),  # Celery's
        "TEST_BROKER": redis_url,
        "TEST_BACKEND": redis_url,
        "WORKER_LOGLEVEL": "INFO",  # two of its tests look for what a worker logs at this level
        "COMPAT_SUITE": suite.name,
        "COMPAT_REPORT": str(report),
        "COMPAT_STOCK": "1" if stock else "",
        "COMPAT_EVERYTHING": "1" if everything else "",
    }
