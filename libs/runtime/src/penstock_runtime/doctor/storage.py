"""What is wrong with the object storage."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from penstock_runtime.doctor.codes import Code
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.doctor.sight import Sight
from penstock_runtime.findings import Finding, Level
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.urls import without_password

PROBE = "penstock-doctor"
"""The object that is put and deleted to see whether the store takes what it is given."""

ROOM = "make room (df -h), or name a larger storage (PENSTOCK_STORAGE_URL)"


def is_of_this_process(settings: RuntimeSettings) -> bool:
    """Whether it was told of a storage, or has one where it is by itself: not every process needs it."""
    return "storage_url" in settings.model_fields_set or (_folder(settings) or Path()).exists()


def look_at(sight: Sight, settings: RuntimeSettings, bounds: DoctorSettings) -> None:
    """See whether it is there, takes what it is given, and has room."""
    folder = _folder(settings)
    if folder:
        sight.findings += _of_folder(folder, bounds)
    else:
        sight.findings += _of_store(settings.storage_url, bounds)


def _folder(settings: RuntimeSettings) -> Path | None:
    parts = urlsplit(settings.storage_url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _of_folder(folder: Path, bounds: DoctorSettings) -> Iterator[Finding]:
    about = f"storage {folder}"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        yield _refused(about, error)
        return
    what = nearly_full(folder, bounds)
    if what:
        yield Finding(Code.STORAGE_FULL, about, what, ROOM, Level.WARNING)


def nearly_full(folder: Path, bounds: DoctorSettings) -> str:
    """How much of the folder's disk is in use, where that is nearly all; else nothing. Raises OSError."""
    disk = shutil.disk_usage(folder)
    part = disk.used / (disk.used + disk.free)
    if part < bounds.doctor_full:
        return ""
    return f"{part:.0%} of its disk is in use, and {disk.free // 2**20} MiB are free"


def _refused(about: str, error: OSError) -> Finding:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            fix = "mount it, or make it (mkdir -p), or name another (PENSTOCK_STORAGE_URL)"
            return Finding(Code.STORAGE_MISSING, about, "the folder is not there", fix)
        case errno.ENOSPC | errno.EDQUOT:
            return Finding(Code.STORAGE_FULL, about, f"nothing can be written: {error.strerror}", ROOM)
        case _:
            fix = "let this process's user write there: its owner, its mode, and how it is mounted"
            return Finding(Code.STORAGE_READ_ONLY, about, f"nothing can be written: {error.strerror}", fix)


def _of_store(url: str, bounds: DoctorSettings) -> Iterator[Finding]:
    bound = timedelta(seconds=bounds.doctor_seconds)
    try:
        # Its times are left as they are: to set one undoes what the environment says of the client (AWS_ALLOW_HTTP).
        store = from_url(url, retry_config={"max_retries": 0, "retry_timeout": bound})
        obstore.put(store, PROBE, b"x")
        obstore.delete(store, PROBE)
    except (BaseError, OSError, ValueError) as error:
        fix = "look at PENSTOCK_STORAGE_URL, its credentials, and whether a NetworkPolicy lets this process through"
        yield Finding(Code.STORAGE_UNREACHABLE, f"storage {without_password(url)}", _first_line(error), fix)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
