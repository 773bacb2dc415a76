"""`penstock demo`: start the suite, send work to every queue, wait for its end, and show what became of it."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from shlex import quote

from rich.console import Console

from penstock_cli.demo.api import Api, DemoError
from penstock_cli.demo.following import Following
from penstock_cli.demo.results import save, show
from penstock_cli.demo.work import Sent, first_jobs
from penstock_cli.local.run import Running, running
from penstock_cli.local.screen import Screen
from penstock_cli.local.state import from_here, locked
from penstock_cli.local.suite import GivenPorts
from penstock_cli.local.supervisor import Interrupted
from penstock_cli.local.up import stay
from penstock_cli.settings import CliSettings
from penstock_contracts.queues import BY_NAME


def demo(
    console: Console,
    folder: Path,
    settings: CliSettings,
    given: GivenPorts,
    interrupts: Callable[[], int],
    *,
    keep: bool,
) -> None:
    """Run the demo on the state in `folder`; with `keep` the suite stays up until an interrupt.

    Raises DemoError where a job does not succeed, and as `running` and `locked` do.
    """
    with locked(folder) as state:
        screen = Screen(console, state.folder)
        with running(state, settings, given, screen, interrupts, strict=False) as suite:
            sent = _work(suite, screen, seconds=settings.demo_timeout)
            show(console, sent, suite)
            if keep:
                with contextlib.suppress(Interrupted):
                    stay(suite, screen)
    again = f"penstock up --state {quote(from_here(state.folder))}"
    screen.say(f"all is stopped; to look at it with the suite running: {again}")


def _work(suite: Running, screen: Screen, *, seconds: float) -> list[Sent]:
    """Send the jobs, follow them to their ends, and save the reports. Raises DemoError after `seconds`."""
    with contextlib.closing(Api(suite.api_url, suite.api_key)) as api:
        following = Following(screen)
        for sent in first_jobs(api):
            following.add(sent)
        deadline = time.monotonic() + seconds
        while waiting := following.unfinished():
            for sent in waiting:
                sent.job = api.job(sent.job.id)
                _check(sent, suite)
                following.update(sent)
                if sent.job.is_finished and sent.then:
                    following.add(sent.then())
            if time.monotonic() > deadline:
                names = ", ".join(sent.does for sent in waiting)
                raise DemoError(f"not finished within {seconds:g} s: {names}; logs: {suite.state.folder}/logs")
            suite.supervisor.pause()
        following.done()
        save(api, following.all, suite.state.folder / "demo")
        return following.all


def _check(sent: Sent, suite: Running) -> None:
    """Raises DemoError for a job that ended in another way than success."""
    job = sent.job
    if job.is_finished and job.state != "succeeded":
        why = f"{job.error.code}: {job.error.message}" if job.error else "no reason is given"
        log = suite.state.log(BY_NAME[job.queue].service)
        raise DemoError(f"{sent.does}: {job.state} ({why}); job {job.id}, log: {log}")
