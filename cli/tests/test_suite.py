"""What runs is derived from the declaration of the queues."""

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from penstock_cli.demo.loans import loans
from penstock_cli.local.state import State
from penstock_cli.local.suite import Ports, servers, services
from penstock_cli.settings import CliSettings
from penstock_contracts.queues import QUEUES
from penstock_runtime.settings import load

PORTS = Ports(api=8000, mail_page=8025, smtp=10025, redis=16379, postgres=15432)


def test_every_queue_has_a_worker_of_its_own_with_its_pool(tmp_path: Path) -> None:
    programs = {program.name: program for program in services(State(tmp_path), load(CliSettings), PORTS, "secret")}
    for queue in QUEUES:
        command = programs[queue.service].command
        assert command[command.index("-Q") + 1] == queue.name
        assert command[command.index("-P") + 1] == queue.pool
        assert find_spec(command[command.index("-A") + 1].removesuffix(".app")) is not None


def test_what_runs_elsewhere_is_not_started(tmp_path: Path) -> None:
    elsewhere = load(
        CliSettings,
        CELERY_BROKER_URL="rediss://redis.example.com/1",
        CELERY_RESULT_BACKEND="postgresql+psycopg://db.example.com/penstock",
        smtp_host="mail.example.com",
    )
    assert servers(State(tmp_path), elsewhere, PORTS) == []
    environment = services(State(tmp_path), elsewhere, PORTS, "secret")[0].environment
    assert environment["CELERY_BROKER_URL"] == "rediss://redis.example.com/1"
    assert environment["PENSTOCK_DATABASE_URL"] == "postgresql://db.example.com/penstock"
    assert "PENSTOCK_SMTP_HOST" not in environment


def test_the_loans_that_the_repository_carries_are_those_that_are_made() -> None:
    carried = (files("penstock_cli.demo") / "data/library_loans.csv").read_text(encoding="utf-8")
    assert carried == "".join(",".join(row) + "\n" for row in loans())
