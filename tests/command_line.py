"""The command line as scripts meet it, and the API that it asks."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import sqlalchemy
from gates import Gate
from typer.testing import CliRunner

from penstock_cli.main import app
from penstock_cli.statuses import status_of
from penstock_runtime.errors import PenstockError
from penstock_runtime.keys import create_key
from penstock_runtime.scopes import Scope

PENSTOCK = [sys.executable, "-c", "from penstock_cli.main import main; main()"]
NAMED = ("PENSTOCK_API_URL", "PENSTOCK_API_KEY", "PENSTOCK_DATABASE_URL", "CELERY_RESULT_BACKEND")
UNSET: dict[str, str | None] = dict.fromkeys(NAMED)


@dataclass(frozen=True)
class RunningApi:
    """gunicorn with the API, on a database of its own behind a gate."""

    url: str
    database: sqlalchemy.Engine
    gate: Gate

    def key(self, tenant: str, *scopes: Scope) -> str:
        """A new key of the tenant."""
        with self.database.begin() as connection:
            return create_key(connection, tenant, "a test", scopes=scopes or (Scope.READ, Scope.WRITE))[1]

    def change(self, job_id: str, assignments: str) -> None:
        """What a worker would do to the job's row."""
        with self.database.begin() as connection:
            connection.execute(sqlalchemy.text(f"UPDATE jobs SET {assignments} WHERE id = :id"), {"id": job_id})


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed and told besides."""

    status: int
    output: str
    told: str


@dataclass(frozen=True)
class Penstock:
    """The command line with the settings of one user, in this process or in one of its own."""

    environment: dict[str, str | None]

    def __call__(self, *arguments: str, given: str | bytes = "", **settings: str) -> Ended:
        """Run a command. What it raises on purpose is told as `main` does it."""
        done = CliRunner().invoke(app, arguments, input=given, env=UNSET | self.environment | settings)
        if isinstance(done.exception, PenstockError):
            return Ended(status_of(done.exception), done.stdout, f"{done.stderr}{done.exception.message}")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ended(done.exit_code, done.stdout, done.stderr)

    @contextmanager
    def begin(self, *arguments: str, into: BinaryIO | int) -> Iterator["subprocess.Popen[bytes]"]:
        """A command that runs in a process of its own, and whose output goes into a file or a terminal."""
        settings = {name: value for name, value in (os.environ | UNSET | self.environment).items() if value is not None}
        command = [*PENSTOCK, *arguments]
        with subprocess.Popen(command, env=settings, stdin=subprocess.DEVNULL, stdout=into, stderr=into) as process:
            try:
                yield process
            finally:
                process.kill()
