"""The command line as people meet it: real processes, their output and their status."""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from penstock_cli.local.state import Instance, locked, write_secret
from penstock_cli.main import app
from penstock_runtime.keys import find_key
from penstock_runtime.revisions import newest

PENSTOCK = [sys.executable, "-c", "from penstock_cli.main import main; main()"]


def penstock(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with no settings but these."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PENSTOCK_", "CELERY_"))}
    return subprocess.run(
        [*PENSTOCK, *arguments], env=clean | environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_help_names_every_command() -> None:
    shown = penstock("--help")
    assert shown.returncode == 0
    for command in ("up", "demo", "doctor", "keys", "migrate", "dead-letters", "deploy", "status", "logs", "uninstall"):
        assert f" {command} " in shown.stdout


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("penstock dep", "deploy"), ("penstock pause ma", "mail"), ("penstock deploy --pat", "--patience")],
)
def test_a_shell_completes_commands_queues_and_options(typed: str, completed: str) -> None:
    asked = {"_PENSTOCK_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    script = Path(sys.executable).with_name("penstock")  # by whose name the shell asks
    done = subprocess.run([script], env=os.environ | asked, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [completed]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shells_completion_is_printed(shell: str) -> None:
    shown = CliRunner().invoke(app, ["--show-completion", shell], prog_name="penstock")
    assert (shown.exit_code, "_PENSTOCK_COMPLETE" in shown.stdout) == (0, True)


def test_a_port_in_use_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = penstock("up", "--state", str(tmp_path), "--api-port", str(port))
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith(f"penstock: port {port} for the API is in use by ")
    assert refused.stderr.endswith("choose another with --api-port\n")
    assert not (tmp_path / "postgres").exists()


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    refused = penstock("up", "--state", str(tmp_path), PENSTOCK_LOCAL_RESTARTS="many")
    assert refused.returncode == 1
    assert refused.stderr.startswith("penstock: PENSTOCK_LOCAL_RESTARTS: ")
    assert refused.stderr.count("\n") == 1


def run(*arguments: str, **environment: str | None) -> Result:
    """Run the command within this process, with no database named but in `environment`."""
    unset: dict[str, str | None] = {"PENSTOCK_DATABASE_URL": None, "CELERY_RESULT_BACKEND": None}
    return CliRunner().invoke(app, arguments, env=unset | environment)


def test_a_key_that_is_made_is_shown_once_and_works(database_url: str, database: Engine, tmp_path: Path) -> None:
    arguments = ["keys", "create", "--name", "ci", "--tenant", "acme", "--state", str(tmp_path)]
    shown = run(*arguments, PENSTOCK_DATABASE_URL=database_url)
    with database.connect() as connection:
        key = find_key(connection, shown.output.strip())
    assert key is not None
    assert (key.tenant, key.name) == ("acme", "ci")


def test_keys_are_listed_with_what_they_may_do_and_never_their_secret(database_url: str, tmp_path: Path) -> None:
    common = ["--state", str(tmp_path)]
    create = ["keys", "create", "--name", "ci", "--scope", "read", "--expires", "2"]
    secret = run(*create, *common, PENSTOCK_DATABASE_URL=database_url).output.strip()
    shown = run("keys", "list", *common, PENSTOCK_DATABASE_URL=database_url).output

    assert " read " in shown
    assert "write" not in shown
    assert (datetime.now(UTC) + timedelta(days=2)).astimezone().strftime("%Y-%m-%d") in shown
    assert secret.startswith("pk_")
    assert secret not in shown


def test_a_revoked_key_works_no_more(database_url: str, database: Engine, tmp_path: Path) -> None:
    common = ["--state", str(tmp_path)]
    secret = run("keys", "create", "--name", "ci", *common, PENSTOCK_DATABASE_URL=database_url).output.strip()
    with database.connect() as connection:
        key = find_key(connection, secret)
        assert key is not None
        told = run("keys", "revoke", str(key.id), *common, PENSTOCK_DATABASE_URL=database_url).output
        assert told.startswith(f"{key.id} is revoked; ")
        assert find_key(connection, secret) is None
    unknown = run("keys", "revoke", str(uuid4()), *common, PENSTOCK_DATABASE_URL=database_url)
    assert str(unknown.exception).endswith("`penstock keys list` shows all of them")


def test_keys_are_told_to_programs_and_by_tenant(database_url: str, tmp_path: Path) -> None:
    def keys(*arguments: str) -> Result:
        return run("keys", *arguments, "--state", str(tmp_path), PENSTOCK_DATABASE_URL=database_url)

    made = json.loads(keys("create", "--name", "ci", "--tenant", "acme", "--scope", "read", "--json").output)
    keys("create", "--name", "other", "--expires", "1")
    keys("revoke", made["id"])
    [listed] = json.loads(keys("list", "--tenant", "acme", "--json").output)

    assert (listed["id"], listed["name"], listed["scopes"], listed["rate"]) == (made["id"], "ci", ["read"], None)
    assert datetime.fromisoformat(listed["revoked_at"]) <= datetime.now(UTC)
    assert made["key"].startswith("pk_")
    assert made["key"] not in json.dumps(listed)
    shown = keys("list").output
    assert f"revoked {datetime.now().astimezone():%Y-}" in shown
    assert f"until {(datetime.now(UTC) + timedelta(days=1)).astimezone():%Y-%m-%d}" in shown


@pytest.mark.parametrize("words", ["", "a\nb", "a" * 201])
def test_a_key_has_a_name_and_a_tenant_that_people_can_read(words: str, database_url: str, tmp_path: Path) -> None:
    for arguments in (["--name", words], ["--name", "ci", "--tenant", words]):
        refused = run("keys", "create", *arguments, "--state", str(tmp_path), PENSTOCK_DATABASE_URL=database_url)
        assert str(refused.exception).endswith("must have 1 to 200 printable characters")


def test_a_key_with_a_rate_of_its_own_is_listed_with_it(database_url: str, tmp_path: Path) -> None:
    def keys(*arguments: str) -> Result:
        return run("keys", *arguments, "--state", str(tmp_path), PENSTOCK_DATABASE_URL=database_url)

    keys("create", "--name", "ci", "--rate", "100/second")
    refused = keys("create", "--name", "cd", "--rate", "often")

    assert " 100/second " in keys("list").output
    assert str(refused.exception) == "the rate must be such as 10/minute;100/day, or unlimited"


def test_a_key_reads_and_writes_and_knows_no_secrets_unless_it_was_made_for_them(
    database_url: str, database: Engine, tmp_path: Path
) -> None:
    def scopes(*named: str) -> set[str]:
        arguments = ["keys", "create", "--name", "ci", "--state", str(tmp_path), *named]
        secret = run(*arguments, PENSTOCK_DATABASE_URL=database_url).output.strip()
        with database.connect() as connection:
            key = find_key(connection, secret)
        assert key is not None
        return {*key.scopes}

    assert scopes() == {"read", "write"}
    assert scopes("--scope", "secrets") == {"secrets"}


def test_a_migration_tells_the_revision(database_url: str, tmp_path: Path) -> None:
    shown = run("migrate", "--state", str(tmp_path), PENSTOCK_DATABASE_URL=database_url)
    assert shown.output == f"the database is at revision {newest()}\n"


def test_without_a_database_it_is_told_how_to_name_one(tmp_path: Path) -> None:
    refused = run("keys", "create", "--name", "ci", "--state", str(tmp_path))
    assert str(refused.exception).startswith("PENSTOCK_DATABASE_URL: is not set")


def test_a_running_suite_names_the_database(database_url: str, tmp_path: Path) -> None:
    with locked(tmp_path) as state:
        here = Instance(
            broker_url="redis://127.0.0.1:1/0",
            database_url=database_url,
            storage_url=tmp_path.as_uri(),
            api_url="http://127.0.0.1:1",
        )
        write_secret(state.instance_file, here.model_dump_json())
        shown = run("keys", "create", "--name", "ci", "--state", str(tmp_path))
    assert shown.output.startswith("pk_")


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://me:secret@127.0.0.1:1/db"
    refused = run("migrate", "--state", str(tmp_path), PENSTOCK_DATABASE_URL=url)
    assert "postgresql://me:**@127.0.0.1:1/db" in str(refused.exception)
    assert "secret" not in str(refused.exception)
