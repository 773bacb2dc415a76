"""What a local run consists of: every process, declared, with the settings it is given."""

import sys
from dataclasses import dataclass
from importlib.metadata import metadata

import httpx

from penstock_cli.embedded import Server, postgres_in, redis_in
from penstock_cli.local.ports import HOST, Wanted, choose
from penstock_cli.local.processes import Program
from penstock_cli.local.state import State
from penstock_cli.settings import CliSettings
from penstock_contracts.queues import QUEUES, Pool, Queue

CELERY = (sys.executable, "-m", "penstock_runtime.celery_command")
"""`penstock-celery`, wherever its script is."""

CONCURRENCY = {Pool.PREFORK: 1, Pool.GEVENT: 100}
"""Jobs at once on one machine. A cluster's numbers are the chart's."""


@dataclass(frozen=True)
class Ports:
    """Where the processes listen, all on 127.0.0.1."""

    api: int
    mail_page: int
    smtp: int
    redis: int
    postgres: int

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.api}"

    @property
    def mail_page_url(self) -> str:
        return f"http://{HOST}:{self.mail_page}"


@dataclass(frozen=True)
class GivenPorts:
    """What the options say; None: the usual port."""

    api: int | None = None
    mail_page: int | None = None
    smtp: int | None = None
    redis: int | None = None
    postgres: int | None = None


def choose_ports(settings: CliSettings, given: GivenPorts, *, strict: bool) -> Ports:
    """A free port for each. strict: the usual ports of what people open in a browser must be free.

    The usual ports lie below the range of outgoing connections (32768 and up on Linux), where a client could
    come to hold a server's port while that is being started again.

    Raises PortError.
    """
    wanted = [
        Wanted("the API", "--api-port", 8000, given.api, strict=strict),
        Wanted("the mail page", "--mail-page-port", 8025, given.mail_page, strict=strict and not settings.smtp_host),
        Wanted("SMTP", "--smtp-port", 10025, given.smtp),
        Wanted("Redis", "--redis-port", 16379, given.redis),
        Wanted("PostgreSQL", "--postgres-port", 15432, given.postgres),
    ]
    return Ports(*choose(wanted))


def broker_url(settings: CliSettings, ports: Ports) -> str:
    """The Redis that was named, else the one that runs here."""
    return settings.broker or f"redis://{HOST}:{ports.redis}/0"


def database_url(settings: CliSettings, ports: Ports) -> str:
    """The PostgreSQL that was named, else the one that runs here."""
    return settings.external_database or f"postgresql://postgres@{HOST}:{ports.postgres}/postgres"


def storage_url(state: State, settings: CliSettings) -> str:
    """The object storage that was named, else the folder that is kept here."""
    return settings.storage_url or (state.folder / "storage").as_uri()


def servers(state: State, settings: CliSettings, ports: Ports) -> list[Program]:
    """What the services need and was not named in the settings: Redis, PostgreSQL, a mail server."""
    programs = []
    if not settings.broker:
        programs.append(_server(redis_in(state.folder / "redis", ports.redis), "carries the jobs' messages"))
    if not settings.external_database:
        programs.append(_server(postgres_in(state.folder / "postgres", ports.postgres), "keeps jobs and data"))
    if not settings.smtp_host:
        programs.append(_mail_page(state, ports))
    return programs


def services(state: State, settings: CliSettings, ports: Ports, secret_key: str) -> list[Program]:
    """The suite itself: the API, one worker for each queue, the scheduler."""
    environment = {
        "CELERY_BROKER_URL": broker_url(settings, ports),
        "PENSTOCK_DATABASE_URL": database_url(settings, ports),
        "PENSTOCK_STORAGE_URL": storage_url(state, settings),
        "PENSTOCK_SECRET_KEY": secret_key,
        "PENSTOCK_PUBLIC_URL": settings.public_url or ports.api_url,
        "PENSTOCK_API_HOST": HOST,
        "PENSTOCK_API_PORT": str(ports.api),
        "PENSTOCK_LOG_FORMAT": settings.log_format,
        "PYTHONUNBUFFERED": "1",
    }
    if not settings.smtp_host:
        environment |= {"PENSTOCK_SMTP_HOST": HOST, "PENSTOCK_SMTP_PORT": str(ports.smtp)}
    return [
        _api(ports, environment),
        *(_worker(queue, environment | _heartbeat(state, queue.service)) for queue in QUEUES),
        _scheduler(environment | _heartbeat(state, "scheduler")),
    ]


def _server(server: Server, does: str) -> Program:
    return Program(
        server.name,
        does,
        server.command,
        ready=lambda said: server.answers(),
        address=server.url.partition("@")[2].partition("/")[0] or server.url.split("/")[2],
        user=server.user,
        stop_signal=server.stop_signal,
        orphan_signal=server.stop_signal,
    )


def _mail_page(state: State, ports: Ports) -> Program:
    command = [sys.executable, "-m", "penstock_cli.mail_page", "--folder", str(state.folder / "mail")]
    command += ["--smtp-port", str(ports.smtp), "--page-port", str(ports.mail_page)]
    return Program(
        "mail-page",
        "takes and shows the mails",
        command,
        ready=lambda said: _answers(ports.mail_page_url),
        address=ports.mail_page_url,
    )


def _api(ports: Ports, environment: dict[str, str]) -> Program:
    command = [sys.executable, "-m", "gunicorn", "-c", "python:penstock_api.gunicorn_conf"]
    return Program(
        "api",
        _summary("penstock-api"),
        command,
        ready=lambda said: _answers(f"{ports.api_url}/readyz"),
        address=ports.api_url,
        environment=environment,
    )


def _worker(queue: Queue, environment: dict[str, str]) -> Program:
    module = f"penstock_{queue.service.replace('-', '_')}"
    concurrency = str(CONCURRENCY[queue.pool])
    command = [*CELERY, "-A", f"{module}.app", "worker", "-Q", queue.name]
    command += ["-P", queue.pool, "-c", concurrency, "--loglevel", "INFO", "-n", f"{queue.name}@%h"]
    # Gossip and mingle let workers talk to each other, which nothing here needs.
    command += ["--without-gossip", "--without-mingle"]
    return Program(
        queue.service,
        _summary(f"penstock-{queue.service}"),
        command,
        ready=lambda said: b" ready." in said,
        address=f"{queue.pool} × {concurrency}",
        environment=environment,
    )


def _scheduler(environment: dict[str, str]) -> Program:
    return Program(
        "scheduler",
        _summary("penstock-scheduler"),
        [*CELERY, "-A", "penstock_scheduler.app", "beat", "--loglevel", "INFO"],
        ready=lambda said: b"beat: Starting" in said,
        environment=environment,
    )


def _heartbeat(state: State, service: str) -> dict[str, str]:
    """A file of its own for each process; in a container there is but one."""
    return {"PENSTOCK_HEARTBEAT_FILE": str(state.folder / "run" / f"{service}.heartbeat")}


def _summary(package: str) -> str:
    """The package's own one-line description."""
    return metadata(package)["Summary"]


def _answers(url: str) -> bool:
    try:
        # It is this machine that is asked: by no proxy of the environment's, and with no certificates to be loaded.
        return httpx.get(url, timeout=2, trust_env=False, verify=False).is_success
    except httpx.HTTPError:
        return False
