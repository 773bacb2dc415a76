"""The state folder: what a local run keeps between starts, and the lock that gives it to one at a time."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from penstock_runtime.errors import PenstockError

END = "end.txt"
"""The name of `State.end_file`."""


class StateError(PenstockError):
    """The state folder cannot be used."""

    code = "state"


class Instance(BaseModel):
    """Where a running suite and its neighbours are, for other commands on the same folder."""

    broker_url: str
    database_url: str
    storage_url: str
    api_url: str


@dataclass(frozen=True)
class State:
    """The paths in one state folder. Secrets and what people sent are readable by the owner only."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("logs", "mail", "storage", "demo"):
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        # Where the processes are started; as root, PostgreSQL's user must be able to enter it.
        (self.folder / "run").mkdir(exist_ok=True)

    @property
    def api_key_file(self) -> Path:
        return self.folder / "api_key"

    @property
    def children_file(self) -> Path:
        return self.folder / "children.json"

    @property
    def instance_file(self) -> Path:
        return self.folder / "instance.json"

    @property
    def end_file(self) -> Path:
        """What ended the last run, where it was not asked to end."""
        return self.folder / END

    def log(self, name: str) -> Path:
        """The log file of the process of that name."""
        return self.folder / "logs" / f"{name}.log"

    def secret(self, name: str, make: Callable[[], str]) -> str:
        """The secret kept under `name`; made and kept when there is none yet."""
        path = self.folder / name
        if not path.exists():
            write_secret(path, make())
        return path.read_text(encoding="utf-8").strip()


def write_secret(path: Path, content: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{content}\n")
    draft.replace(path)


def from_here(path: Path) -> str:
    """The path as people would type it: from the current folder where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[State]:
    """The state in `folder`, which is made when missing, for this process alone.

    The lock ends with the process, however it ends. Raises StateError when another run holds it, or where the
    folder cannot be made.
    """
    try:
        folder = folder.expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
        state = State(folder)
        file = (folder / "lock").open("a+", encoding="ascii")
    except OSError as error:
        raise StateError(
            f"the state folder {folder} cannot be used: {error.strerror}; choose another with --state"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise StateError(
                f"another penstock (pid {file.read().strip() or 'unknown'}) runs on {folder}; "
                "stop it, or choose another folder with --state"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield state


def running(folder: Path) -> Instance | None:
    """Where the suite that runs on `folder` now answers; None when none does."""
    folder = folder.expanduser().resolve()
    try:
        with open(folder / "lock", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(OSError, ValidationError):
            return Instance.model_validate_json((folder / "instance.json").read_bytes())
    except OSError:
        pass
    return None
