"""A short run, in earnest: workers and servers are killed at their work, and nothing is lost or doubled.

`make chaos` is the long one: every process, and signals that stop and end them.
"""

import sys

import pytest
from chaos.driver import Options, run
from chaos.plan import SHORT
from chaos.record import sentences
from chaos.report import show
from chaos.screen import Screen
from rich.console import Console

SEED = 7


@pytest.mark.timeout(420)
def test_workers_that_are_killed_at_their_work_lose_nothing_and_do_nothing_twice() -> None:
    console = Console(file=sys.stdout, width=110)
    with Screen(console) as screen:
        report = run(Options(SHORT, SEED, quiet_within=180, within=180, command="make chaos SHORT=1"), screen)
    show(report, console)
    assert report.failures == []
    assert sentences(report.findings) == [] or report.findings.again
    assert report.accepted >= SHORT.jobs
