"""What the doctor says of a storage that is not well, and how it says all: one array of JSON."""

import json
import os
import subprocess
import sys

import pytest
from small_disk import fill, small_disk

from penstock_cli.local.ports import free_port
from penstock_runtime.doctor.__main__ import main
from penstock_runtime.findings import Level


@pytest.fixture
def of_storage(found):
    """The findings about a storage, by their code: `of_storage(url, …)`."""

    def look(url, **bounds):
        return {code: seen for code, seen in found(storage_url=url, **bounds).items() if code.startswith("storage")}

    return look


def test_a_folder_that_is_well(of_storage, tmp_path):
    assert of_storage(tmp_path.as_uri(), doctor_full=1) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_and_not_made(of_storage, tmp_path):
    folder = tmp_path / "none"
    seen = of_storage(folder.as_uri())["storage_missing"]
    assert (seen.about, seen.what) == (f"storage {folder}", "the folder is not there")
    assert not folder.exists()


def test_a_process_without_a_storage_is_not_asked_for_one(found):
    assert [code for code in found() if code.startswith("storage")] == []


def test_a_folder_that_is_read_only(of_storage, tmp_path):
    with small_disk(tmp_path / "disk", megabytes=1, options="ro") as disk:
        seen = of_storage(disk.as_uri())["storage_read_only"]
    assert "nothing can be written: Read-only file system" in seen.what


def test_a_disk_that_is_nearly_full_and_one_that_is(of_storage, tmp_path):
    with small_disk(tmp_path / "disk", megabytes=4) as disk:
        filler = fill(disk, leave=2 * 1024 * 1024)
        assert of_storage(disk.as_uri()) == {}
        filler.unlink()
        filler = fill(disk, leave=256 * 1024)
        nearly = of_storage(disk.as_uri())["storage_full"]
        assert (nearly.level, nearly.what) == (Level.WARNING, "94% of its disk is in use, and 0 MiB are free")
        filler.unlink()
        fill(disk)
        full = of_storage(disk.as_uri())["storage_full"]
        assert (full.level, full.what) == (Level.ERROR, "nothing can be written: No space left on device")
        assert "df -h" in full.fix


def test_a_store_that_refuses_and_one_that_hangs(of_storage, silent_port):
    refuses = of_storage(f"https://127.0.0.1:{free_port()}/files")["storage_unreachable"]
    assert "error sending request" in refuses.what
    hangs = of_storage(f"https://127.0.0.1:{silent_port}/files", doctor_seconds=1)["storage_unreachable"]
    assert hangs.what == "what it was asked was not answered within 1 s"


def test_it_prints_one_array_and_ends_well_whatever_it_found(settings):
    servers = {
        "CELERY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0",
        "PENSTOCK_DATABASE_URL": settings.database_url,
    }
    command = [sys.executable, "-m", "penstock_runtime.doctor"]
    ended = subprocess.run(command, env=os.environ | servers, capture_output=True, text=True, timeout=60, check=False)
    [seen] = json.loads(ended.stdout)
    assert (ended.returncode, seen["code"], seen["level"]) == (0, "redis_unreachable", "error"), ended
    assert set(seen) == {"code", "about", "what", "fix", "level"}


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"CELERY_BROKER_URL": "redis://127.0.0.1/0"}, "PENSTOCK_DATABASE_URL: is not set"),
        ({"PENSTOCK_DATABASE_URL": "postgresql://127.0.0.1/x", "CELERY_BROKER_URL": "ftp://h"}, "CELERY_BROKER_URL"),
        ({"PENSTOCK_DATABASE_URL": "postgresql://127.0.0.1/x", "PENSTOCK_DOCTOR_SECONDS": "0"}, "PENSTOCK_DOCTOR_SEC"),
    ],
)
def test_a_wrong_setting_is_a_finding_and_status_1(environment, named, monkeypatch, capsys):
    for name in [name for name in os.environ if name.startswith(("PENSTOCK_", "CELERY_"))]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main() == 1
    [seen] = json.loads(capsys.readouterr().out)
    assert seen["code"] == "settings"
    assert seen["what"].startswith(named)
