"""`penstock doctor` on one machine: what the settings name, what runs here, and the machine itself."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from own_rabbitmq import OwnRabbit
from small_disk import fill, small_disk
from typer.testing import CliRunner

from penstock_cli.findings import read_findings
from penstock_cli.local.ports import free_port
from penstock_cli.local.state import Instance, locked, write_secret
from penstock_cli.main import app
from penstock_cli.statuses import Status
from penstock_runtime.relay import Relay
from penstock_runtime.settings import RuntimeSettings


def doctor(*arguments: str, **environment: str) -> Result:
    """Run it with no settings but these."""
    unset = dict.fromkeys(name for name in os.environ if name.startswith(("PENSTOCK_", "CELERY_")))
    return CliRunner().invoke(app, ["doctor", *arguments], env=unset | environment)


def codes(folder: Path, **environment: str) -> set[str]:
    return {finding.code for finding in read_findings(doctor("--json", "--state", str(folder), **environment).stdout)}


def servers(settings: RuntimeSettings) -> dict[str, str]:
    return {"CELERY_BROKER_URL": settings.broker_url, "PENSTOCK_DATABASE_URL": settings.database_url}


@pytest.fixture
def relayed(settings: RuntimeSettings) -> RuntimeSettings:
    """The settings of a suite whose relay has just been there."""
    return after_a_relay(settings)


def after_a_relay(settings: RuntimeSettings) -> RuntimeSettings:
    relay = Relay(settings)
    relay.one_pass()
    relay.close()
    return settings


def here(settings: RuntimeSettings, api_url: str) -> str:
    return Instance(
        broker_url=settings.broker_url,
        database_url=settings.database_url,
        storage_url=settings.storage_url,
        api_url=api_url,
    ).model_dump_json()


def test_where_all_is_well_it_says_what_it_looked_at_and_ends_with_0(relayed: RuntimeSettings, tmp_path: Path) -> None:
    shown = doctor("--state", str(tmp_path), **servers(relayed))
    assert shown.exit_code == Status.DONE, shown.output
    assert shown.stdout.startswith("nothing wrong found; looked at redis://services:**@127.0.0.1:")
    assert " and postgresql://postgres@127.0.0.1:" in shown.stdout


def test_it_looks_at_the_rabbitmq_that_the_settings_name(
    settings: RuntimeSettings, rabbitmq: OwnRabbit, tmp_path: Path
) -> None:
    after_a_relay(named := settings.model_copy(update={"broker": rabbitmq.url}))
    shown = doctor("--state", str(tmp_path), **servers(named))
    assert shown.exit_code == Status.DONE, shown.output
    assert shown.stdout.startswith("nothing wrong found; looked at amqp://suite:**@127.0.0.1:")


def test_an_error_is_a_line_with_its_fix_below_and_status_3(settings: RuntimeSettings, tmp_path: Path) -> None:
    gone = {"CELERY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0"}
    shown = doctor("--state", str(tmp_path), **servers(settings) | gone)
    first, second = shown.stdout.splitlines()
    assert shown.exit_code == Status.UNSUCCESSFUL
    assert first.startswith(f"error    Redis at {gone['CELERY_BROKER_URL']}: ")
    assert second.startswith("    fix  look at host and port, and whether it runs (CELERY_BROKER_URL")


def test_a_warning_alone_ends_with_0(relayed: RuntimeSettings, tmp_path: Path) -> None:
    shown = doctor("--state", str(tmp_path), **servers(relayed), PENSTOCK_DOCTOR_FULL="0.001")
    assert (shown.exit_code, shown.stdout.startswith("warning  ")) == (Status.DONE, True), shown.output


def test_where_nothing_runs_it_says_how_to_start(tmp_path: Path) -> None:
    shown = doctor("--state", str(tmp_path / "none"))
    assert shown.exit_code == Status.UNSUCCESSFUL
    assert "no suite runs on the state folder" in shown.stdout
    assert "    fix  penstock up; or set CELERY_BROKER_URL" in shown.stdout
    assert codes(tmp_path / "none") >= {"nothing_runs"}
    assert not (tmp_path / "none").exists()


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    [finding] = read_findings(
        doctor("--json", "--state", str(tmp_path), CELERY_BROKER_URL="redis://127.0.0.1/0").stdout
    )
    assert (finding.code, finding.what.startswith("PENSTOCK_DATABASE_URL: is not set")) == ("settings", True)


def test_the_suite_that_runs_here_is_looked_at_and_its_api(relayed: RuntimeSettings, tmp_path: Path) -> None:
    with locked(tmp_path) as state, socket.create_server(("127.0.0.1", 0)) as silent:
        Path(tmp_path / "storage").mkdir(exist_ok=True)
        write_secret(state.instance_file, here(relayed, f"http://127.0.0.1:{silent.getsockname()[1]}"))
        found = read_findings(doctor("--json", "--state", str(tmp_path), PENSTOCK_DOCTOR_SECONDS="3").stdout)
    assert [finding.code for finding in found] == ["api_silent"]
    assert "timed out" in found[0].what


def test_a_port_that_another_program_has_is_told_with_its_name(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8025))
        except OSError:
            pytest.skip("somebody here has port 8025 already")
        taken.listen()
        shown = doctor("--state", str(tmp_path)).stdout
        assert "port_taken" in codes(tmp_path)
    assert f"(pid {os.getpid()}) has the port of the mail page" in shown
    assert "penstock up --mail-page-port" in shown


def test_a_state_folder_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=4) as disk:
        filler = fill(disk, leave=256 * 1024)
        assert "state_full" in codes(disk)
        filler.unlink()
        fill(disk)
        assert "state_unusable" in codes(disk)


def test_a_run_that_ended_because_a_process_died_is_remembered_until_the_next(
    settings: RuntimeSettings, tmp_path: Path
) -> None:
    # What keeps Redis from opening its file, by the name that it had up to 6.2, or its folder since then.
    (tmp_path / "redis" / "appendonly.aof").mkdir(parents=True)
    (tmp_path / "redis" / "appendonlydir").touch()
    elsewhere = {"PENSTOCK_DATABASE_URL": settings.database_url, "PENSTOCK_SMTP_HOST": "127.0.0.1"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PENSTOCK_", "CELERY_"))}
    command = [sys.executable, "-c", "from penstock_cli.main import main; main()", "up", "--state", str(tmp_path)]
    ended = subprocess.run(
        [*command, "--api-port", str(free_port())],
        env=clean | elsewhere,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == Status.REFUSED, ended.stderr
    shown = doctor("--state", str(tmp_path)).stdout
    assert "suite: the last run ended: redis ended with status 1; log: " in shown
    assert f"{tmp_path}/logs/redis.log" in shown
    assert "append" in shown
    assert "run_ended" in codes(tmp_path)
