"""`penstock up`: the suite runs until it is told to stop."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from shlex import quote

from rich.console import Console

from penstock_cli.local.run import Running, running
from penstock_cli.local.screen import Screen
from penstock_cli.local.state import from_here, locked
from penstock_cli.local.suite import GivenPorts
from penstock_cli.local.supervisor import Interrupted
from penstock_cli.settings import CliSettings


def up(console: Console, folder: Path, settings: CliSettings, given: GivenPorts, interrupts: Callable[[], int]) -> None:
    """Run the suite on the state in `folder` until an interrupt. Raises as `running` and `locked` do."""
    with locked(folder) as state:
        screen = Screen(console, state.folder)
        with (
            contextlib.suppress(Interrupted),
            running(state, settings, given, screen, interrupts, strict=True) as suite,
        ):
            stay(suite, screen)
    screen.say("all is stopped; the next start finds it as it was")


def stay(suite: Running, screen: Screen) -> None:
    """Say where to look, and watch the processes until an interrupt. Raises as `Supervisor.pause` does."""
    lines = where_to_look(suite)
    if screen.is_terminal:
        screen.below = [*lines, "ctrl-C stops it"]
    else:
        for line in lines:
            screen.say(line)
    while True:
        suite.supervisor.pause()


def where_to_look(suite: Running) -> list[str]:
    """Where people find what runs, and how they ask it."""
    key = quote(from_here(suite.state.api_key_file))
    lines = [
        f"API documentation: {suite.api_url}/docs",
        f'API: curl -H "Authorization: Bearer $(cat {key})" {suite.api_url}/v1/jobs',
    ]
    return [*lines, f"mails: {suite.mail_page_url}"] if suite.mail_page_url else lines
