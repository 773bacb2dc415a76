"""`penstock doctor` on one machine: what the settings name, else the suite that runs here, and the machine itself."""

import tempfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import httpx

from penstock_cli.local.ports import holder, is_free
from penstock_cli.local.state import END, Instance, from_here, running
from penstock_cli.settings import CliSettings
from penstock_runtime.doctor.__main__ import wrong_setting
from penstock_runtime.doctor.examination import examine
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.doctor.storage import nearly_full
from penstock_runtime.errors import SettingsError
from penstock_runtime.findings import Finding, Level
from penstock_runtime.settings import RuntimeSettings, load
from penstock_runtime.urls import without_password

USUAL = ((8000, "the API", "--api-port"), (8025, "the mail page", "--mail-page-port"))
"""Ports that a start insists on, as people and scripts know them."""


class LocalCode(StrEnum):
    """What only this machine shows. docs/troubleshooting.md has a row for each; a test compares."""

    NOTHING_RUNS = "nothing_runs"
    RUN_ENDED = "run_ended"
    PORT_TAKEN = "port_taken"
    API_SILENT = "api_silent"
    STATE_UNUSABLE = "state_unusable"
    STATE_FULL = "state_full"


def examine_here(folder: Path) -> tuple[list[Finding], str]:
    """What is wrong, and what was looked at. `folder`: the state folder, which is not made."""
    named = load(CliSettings)
    bounds = load(DoctorSettings)
    found = list(_of_folder(folder, bounds))
    here = running(folder)
    try:
        settings = load(RuntimeSettings)
    except SettingsError as error:
        if here is None:
            nothing_named = not (named.broker or named.external_database)
            found += _nothing_runs(folder) if nothing_named else [wrong_setting(error)]
            return found, ""
        settings = _settings_of(here)
        found += _of_api(here, bounds)
    found += examine(settings, bounds)
    servers = " and ".join(without_password(url) for url in (settings.broker_url, settings.database_url))
    return found, f"{servers}, the queues and jobs in them, and {from_here(folder.expanduser().resolve())}"


def _settings_of(here: Instance) -> RuntimeSettings:
    return load(
        RuntimeSettings,
        CELERY_BROKER_URL=here.broker_url,
        PENSTOCK_DATABASE_URL=here.database_url,
        storage_url=here.storage_url,
    )


def _nothing_runs(folder: Path) -> Iterator[Finding]:
    what = f"no suite runs on the state folder {folder}, and no setting names a database"
    fix = "penstock up; or set CELERY_BROKER_URL and PENSTOCK_DATABASE_URL to those of one that runs elsewhere"
    yield Finding(LocalCode.NOTHING_RUNS, "suite", what, fix)
    try:
        said = (folder / END).read_text(encoding="utf-8").strip().splitlines()
    except OSError:
        said = []
    if said:
        # The first line names who ended, and the last one why that was the end; between them is its log.
        what = f"the last run ended: {'; '.join(dict.fromkeys((said[0], said[-1].strip())))}"
        yield Finding(LocalCode.RUN_ENDED, "suite", what, "mend what that log says, then penstock up")
    for port, what, option in USUAL:
        if not is_free(port):
            by = holder(port) or "another program"
            fix = f"end it, or choose another: penstock up {option}"
            yield Finding(LocalCode.PORT_TAKEN, f"port {port}", f"{by} has the port of {what}", fix, Level.WARNING)


def _of_api(here: Instance, bounds: DoctorSettings) -> Iterator[Finding]:
    try:
        httpx.get(f"{here.api_url}/healthz", timeout=bounds.doctor_seconds, trust_env=False, verify=False)
    except httpx.HTTPError as error:
        what = f"it does not answer: {str(error) or type(error).__name__}"
        yield Finding(LocalCode.API_SILENT, f"API at {here.api_url}", what, "look at logs/api.log in the state folder")


def _of_folder(folder: Path, bounds: DoctorSettings) -> Iterator[Finding]:
    about = f"state folder {folder}"
    if not folder.exists():
        return
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        fix = "let this user write there and make room (df -h), or choose another with --state"
        yield Finding(LocalCode.STATE_UNUSABLE, about, f"nothing can be written: {error.strerror}", fix)
        return
    what = nearly_full(folder, bounds)
    if what:
        fix = "make room (df -h), or choose another with --state"
        yield Finding(LocalCode.STATE_FULL, about, what, fix, Level.WARNING)
