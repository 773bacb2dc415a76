"""One local run: the suite is started, used, and stopped in order, whatever happens in between."""

import contextlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from penstock_cli.local import orphans, suite
from penstock_cli.local.screen import Screen
from penstock_cli.local.state import Instance, State, write_secret
from penstock_cli.local.supervisor import Bounds, Interrupted, Supervisor
from penstock_cli.settings import CliSettings
from penstock_runtime import broker_server, waiting
from penstock_runtime.database import connect
from penstock_runtime.delivery import DEFAULT_TENANT
from penstock_runtime.errors import PenstockError
from penstock_runtime.keys import create_key, find_key
from penstock_runtime.migrate import upgrade
from penstock_runtime.scopes import Scope
from penstock_runtime.settings import RuntimeSettings, load

KEY_NAME = "local run"


@dataclass(frozen=True)
class Running:
    """A suite that runs, and where it answers. `mail_page_url` is None where mails go elsewhere."""

    supervisor: Supervisor
    state: State
    api_url: str
    api_key: str
    database_url: str
    mail_page_url: str | None


@contextlib.contextmanager
def running(
    state: State,
    settings: CliSettings,
    given: suite.GivenPorts,
    screen: Screen,
    interrupts: Callable[[], int],
    *,
    strict: bool,
) -> Iterator[Running]:
    """Start the suite, and stop it when the block ends. For `given` and `strict` see `suite.choose_ports`.

    Raises PortError before anything is started, ProcessError, Unavailable, SettingsError, and Interrupted.
    """
    for group in orphans.sweep(state.children_file):
        screen.say(f"process group {group}, left by an earlier run, was killed")
    chosen = suite.choose_ports(settings, given, strict=strict)
    bounds = Bounds(
        start=settings.local_start_timeout,
        stop=settings.local_stop_timeout,
        restarts=settings.local_restarts,
        log_bytes=settings.local_log_bytes,
    )
    state.end_file.unlink(missing_ok=True)
    supervisor = Supervisor(state, bounds, say=screen.say, show=screen.show, interrupts=interrupts)
    with screen.following(lambda: supervisor.children):
        try:
            yield _start(supervisor, state, settings, chosen)
        except PenstockError as error:
            first_line = error.message.partition("\n")[0]
            screen.say(f"stopping everything: {first_line}")
            with contextlib.suppress(OSError):  # its disk may be what is wrong
                write_secret(state.end_file, error.message)
            raise
        except Interrupted:
            screen.say("stopping; another ctrl-C kills at once")
            raise
        finally:
            state.instance_file.unlink(missing_ok=True)
            supervisor.stop()


def _start(supervisor: Supervisor, state: State, settings: CliSettings, at: suite.Ports) -> Running:
    secret_key = settings.secret_key.get_secret_value() or state.secret("secret_key", _new_secret)
    servers = supervisor.add(suite.servers(state, settings, at))
    services = supervisor.add(suite.services(state, settings, at, secret_key))
    supervisor.start(servers)
    database_url = suite.database_url(settings, at)
    api_key = _prepare(state, settings, suite.broker_url(settings, at), database_url)
    supervisor.start(services)
    here = Instance(
        broker_url=suite.broker_url(settings, at),
        database_url=database_url,
        storage_url=suite.storage_url(state, settings),
        api_url=at.api_url,
    )
    write_secret(state.instance_file, here.model_dump_json())
    page = None if settings.smtp_host else at.mail_page_url
    return Running(supervisor, state, at.api_url, api_key, database_url, page)


def _prepare(state: State, settings: CliSettings, broker_url: str, database_url: str) -> str:
    """Wait for both servers, bring the tables up to date, and return an API key that works."""
    runtime = load(RuntimeSettings, CELERY_BROKER_URL=broker_url, PENSTOCK_DATABASE_URL=database_url)
    engine = connect(runtime, most=2)
    try:
        seconds = settings.local_start_timeout
        waiting.wait_until(lambda: engine.connect().close(), waiting.postgresql(runtime), seconds=seconds)
        waiting.wait_until(lambda: broker_server.check(runtime), waiting.broker(runtime), seconds=seconds)
        upgrade(database_url)
        with engine.begin() as connection:
            kept = state.api_key_file.read_text(encoding="utf-8").strip() if state.api_key_file.exists() else ""
            if kept and find_key(connection, kept):
                return kept
            _, made = create_key(connection, DEFAULT_TENANT, KEY_NAME, scopes=tuple(Scope))
        write_secret(state.api_key_file, made)
        return made
    finally:
        engine.dispose()


def _new_secret() -> str:
    return secrets.token_urlsafe(32)
