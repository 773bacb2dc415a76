"""Loaded into pytest beside their tests: `redis://` is our transport, and what is excluded is left out and counted.

It runs in the environment of `.tools/compat`, told by variables which suite it is in.
"""

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any

import kombu.transport
import pytest
import redis
from compat.exclusions import Exclusion, excluded
from kombu.utils import eventio

OURS = "penstock_runtime.transport"
APPS = ("celery_app", "celery_session_app")
"""Fixtures of Celery's."""

SUITE = os.environ["COMPAT_SUITE"]
STOCK = bool(os.environ["COMPAT_STOCK"])
EVERYTHING = bool(os.environ["COMPAT_EVERYTHING"])

counts: Counter[str] = Counter()
failures: list[str] = []
left_out: Counter[str] = Counter()
files: set[Exclusion] = set()
TEST = re.compile(r"^ *def test_", re.MULTILINE)


def pytest_configure(config: pytest.Config) -> None:
    """Before their tests are imported: what they import from kombu's module is ours, too."""
    config.addinivalue_line("markers", "env: which server a test of kombu's needs")
    if STOCK:
        return
    ours, theirs = import_module(OURS), import_module("kombu.transport.redis")
    # A file of kombu's puts another poller there before it imports the transport, which is imported by now.
    theirs.poll = lambda: eventio.poll()
    names = {"redis": "Transport", "rediss": "Transport", "sentinel": "SentinelTransport"}
    kombu.transport.TRANSPORT_ALIASES |= {scheme: f"{OURS}:{name}" for scheme, name in names.items()}
    for name in sorted(set(names.values())):
        transport = getattr(ours, name)
        setattr(theirs, name, transport)
        setattr(theirs, transport.Channel.__name__, transport.Channel)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    """Celery's apps use our transport as a user's would: by one call."""
    made = yield
    if fixturedef.argname in APPS and not STOCK:
        import_module(OURS).install(made)
    return made


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out a file that is excluded as a whole without importing it: it may need what is not installed here."""
    whole = next((one for one in excluded(SUITE) if one.test == collection_path.name), None)
    if whole is None:
        return None
    left_out[whole.touches] += len(TEST.findall(collection_path.read_text(encoding="utf-8")))
    files.add(whole)
    return True


def patient() -> redis.Redis:
    """What their tests watch Redis with. A client of redis-py 8 ends a read after 5 seconds and asks ten times more,
    and so never tells a test that waits for 10 that nothing came."""
    return redis.Redis.from_url(os.environ["TEST_BACKEND"], socket_timeout=None)


def adapt(items: list[pytest.Item]) -> None:
    """Give them patient clients; and each the time limit of the command, for marks of theirs allow half an hour."""
    for module in {item.module for item in items if isinstance(item, pytest.Function)}:
        if hasattr(module, "get_redis_connection"):
            module.get_redis_connection = patient
    for node in {node for item in items for node in item.listchain()}:
        node.own_markers = [mark for mark in node.own_markers if mark.name != "timeout"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is excluded. An exclusion that no test fits is a mistake, and ends the run."""
    adapt(items)
    if EVERYTHING:
        return
    exclusions = excluded(SUITE)
    fitting = {item: _fitting(item.nodeid, exclusions) for item in items}
    for exclusion in fitting.values():
        if exclusion is not None:
            left_out[exclusion.touches] += 1
    if not config.option.keyword and (idle := set(exclusions) - files - set(fitting.values())):
        raise pytest.UsageError("no test fits: " + ", ".join(sorted(one.test for one in idle)))
    config.hook.pytest_deselected(items=[item for item in items if fitting[item]])
    items[:] = [item for item in items if not fitting[item]]


def _fitting(nodeid: str, exclusions: tuple[Exclusion, ...]) -> Exclusion | None:
    return next((one for one in exclusions if one.fits(nodeid)), None)


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> None:
    """Count; a test that is run again is not failed."""
    if hasattr(report, "context"):  # a subtest: its test is failed when it is
        return
    if report.outcome == "rerun":
        counts["rerun"] += 1
    elif report.failed:
        if report.nodeid not in failures:
            failures.append(report.nodeid)
            sys.stdout.write(f"\nFAILED {report.nodeid}: {report.longreprtext.strip().splitlines()[-1][:200]}\n")
    elif report.when == "call" or report.skipped:
        counts["xfailed" if hasattr(report, "wasxfail") and report.skipped else report.outcome] += 1


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Tell the one who started us."""
    counts["failed"] = len(failures)
    counts["excluded"] = sum(left_out.values())
    told = {"counts": dict(counts), "failures": failures, "excluded": dict(left_out)}
    Path(os.environ["COMPAT_REPORT"]).write_text(json.dumps(told), encoding="utf-8")
