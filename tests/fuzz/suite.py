"""The suite that is fuzzed: all of it, on this machine, in a folder of its own."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from penstock_cli.local.run import Running, running
from penstock_cli.local.screen import Screen
from penstock_cli.local.state import locked, write_secret
from penstock_cli.local.suite import GivenPorts
from penstock_cli.settings import CliSettings
from penstock_runtime.database import connect
from penstock_runtime.keys import create_key
from penstock_runtime.settings import RuntimeSettings, load

SETTINGS = {
    "PENSTOCK_LOG_FORMAT": "json",
    # What comes in minutes from one address is what thousands send in an hour.
    "PENSTOCK_REGISTRATION_RATE": "1000000/minute",
    "PENSTOCK_API_KEY_RATE": "unlimited",
    "PENSTOCK_API_ADDRESS_RATE": "unlimited",
    # A stream of events ends, so that it can be read to its end.
    "PENSTOCK_API_LISTENER_SECONDS": "0.3",
    "PENSTOCK_API_HEARTBEAT": "0.1",
    # The webhooks that hooks.py makes up lead to this machine.
    "PENSTOCK_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
}
ELSEWHERE = ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "PENSTOCK_DATABASE_URL", "PENSTOCK_SMTP_HOST")
"""Settings that would name servers which are somebody's."""


@contextlib.contextmanager
def fuzzed(folder: Path, console: Console, interrupts: Callable[[], int]) -> Iterator[Running]:
    """Start the suite, and stop it when the block ends. Raises as `penstock_cli.local.run.running` does."""
    for name in ELSEWHERE:
        os.environ.pop(name, None)
    os.environ.update(SETTINGS)
    with locked(folder) as state:
        screen = Screen(console, state.folder)
        with running(state, load(CliSettings), GivenPorts(), screen, interrupts, strict=False) as suite:
            yield suite


def write_users(suite: Running) -> Path:
    """Two tenants with a key of all scopes each, as schemathesis reads them (Web Fuzzing Commons)."""
    runtime = load(RuntimeSettings, PENSTOCK_DATABASE_URL=suite.database_url)
    engine = connect(runtime, most=2)
    with engine.begin() as connection:
        keys = {name: create_key(connection, name, "fuzz")[1] for name in ("owner", "stranger")}
    engine.dispose()
    users = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key}"}]}
        for name, key in keys.items()
    ]
    path = suite.state.folder / "users.json"
    write_secret(path, json.dumps({"auth": users}))
    write_secret(suite.state.api_key_file, keys["owner"])
    return path
