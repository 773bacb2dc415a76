"""`penstock-celery`: the command `celery`, of which a worker or a beat loads its own part alone.

Celery's own loads every subcommand whichever is asked for, an interactive shell among them: a seventh of a worker's
memory, and time at each start (docs/performance.md).
"""

import os
import sys
from importlib import import_module
from typing import Any

from celery import maybe_patch_concurrency
from celery.__main__ import main as celerys

ALONE = {"worker": "celery.bin.worker", "beat": "celery.bin.beat"}
"""The subcommands that are loaded alone, and their modules."""

NAME = "penstock-celery"

OF_ALL = frozenset({"BROKER_URL", "CONFIG_MODULE", "LOADER", "NO_COLOR", "RESULT_BACKEND", "SKIP_CHECKS"}) | {
    f"CELERY_{name}" for name in ("BROKER", "CONFIG", "NO_COLOR", "QUIET", "VERSION", "WORKDIR")
}
"""Variables that Celery reads as options before the subcommand, and that an application does not read itself."""


def main() -> None:
    """Do what `celery` does with these arguments, and end this process. Whatever is not `-A app worker` or
    `-A app beat`, with options after it, is Celery's own to do, and so is to say what is wrong with an application."""
    name, subcommand, options = parsed(sys.argv[1:])
    if subcommand in ALONE and OF_ALL.isdisjoint(os.environ):
        maybe_patch_concurrency()  # before anything else is imported
        app = _found(name)
        if app is not None:
            _run(app, subcommand, options)
    celerys()


def parsed(arguments: list[str]) -> tuple[str, str, list[str]]:
    """The application's name, the subcommand and its options; empty where something else stands before it."""
    match arguments:
        case ["-A" | "--app", name, subcommand, *options]:
            return name, subcommand, options
        case [first, subcommand, *options] if first.startswith("--app="):
            return first.removeprefix("--app="), subcommand, options
    return "", "", []


def _found(name: str) -> Any:
    from celery.app.utils import find_app

    try:
        return find_app(name)
    except Exception:  # noqa: BLE001  # the application's own: Celery's command meets it again, and says so
        return None


def _run(app: Any, subcommand: str, options: list[str]) -> None:
    from celery.bin.base import CLIContext

    command = getattr(import_module(ALONE[subcommand]), subcommand)
    for kind in (subcommand, "preload"):
        command.params.extend(app.user_options.get(kind, []))
    command.main(
        options,
        prog_name=f"{NAME} {subcommand}",
        obj=CLIContext(app=app, no_color=None, workdir=None),
        auto_envvar_prefix=f"CELERY_{subcommand.upper()}",
    )


if __name__ == "__main__":
    main()
