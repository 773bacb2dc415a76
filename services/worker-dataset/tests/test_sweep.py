"""Objects that no row names are deleted once they are old, and no others."""

import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert

from penstock_contracts.dataset import SweepStorage
from penstock_runtime.schema import files
from penstock_runtime.settings import RuntimeSettings, load
from penstock_runtime.storage import PAGE, Storage
from penstock_worker_dataset.settings import DatasetSettings
from penstock_worker_dataset.tasks import sweeper

DAY = 86_400.0


@pytest.fixture
def folder(settings: RuntimeSettings) -> Path:
    """Where this test's storage is."""
    Storage(settings.storage_url)
    return Path(settings.storage_url.removeprefix("file://"))


@pytest.fixture
def put(folder: Path, database: Any) -> Any:
    """Store an object that is so many days old, with or without a row."""

    def store(key: str, *, days: float, named: bool = False) -> Path:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")
        os.utime(path, (time.time() - days * DAY,) * 2)
        if named:
            about = {"tenant": "a", "name": "a", "media_type": "text/plain", "bytes": 7, "sha256": ""}
            with database.begin() as connection:
                connection.execute(insert(files).values(id=uuid4(), storage_key=key, **about))
        return path

    return store


@pytest.fixture
def swept(run: Any, settings: RuntimeSettings) -> Any:
    """Sweep once, and return the job."""
    return lambda **bounds: run(sweeper(load(DatasetSettings, **bounds), settings.storage_url), SweepStorage(days=7))


def test_an_old_object_that_no_row_names_is_deleted(put: Any, swept: Any) -> None:
    gone = [put("uploads/a", days=8), put("reports/job/run/report.pdf", days=30)]
    job = swept()
    assert (job.state, job.result) == ("succeeded", {"seen": 2, "deleted": 2})
    assert [path.exists() for path in gone] == [False, False]


@pytest.mark.parametrize(
    ("key", "about"),
    [
        ("uploads/a", {"days": 30, "named": True}),
        ("reports/job/run/report.pdf", {"days": 30, "named": True}),
        ("uploads/a", {"days": 6.9}),
        ("reports/job/run/report.pdf", {"days": 0}),
        ("uploads-of-another-application/a", {"days": 30}),
        ("backups/a", {"days": 30}),
    ],
)
def test_what_a_row_names_what_is_young_and_what_others_keep_stays(
    key: str, about: dict[str, Any], put: Any, swept: Any
) -> None:
    kept = put(key, **about)
    assert swept().result["deleted"] == 0
    assert kept.exists()


def test_one_sweep_deletes_so_many_at_most_and_the_next_one_goes_on(put: Any, swept: Any) -> None:
    paths = [put(f"uploads/{number}", days=8) for number in range(5)]
    assert [swept(dataset_sweep_objects=3).result["deleted"] for _ in range(3)] == [3, 2, 0]
    assert not any(path.exists() for path in paths)


def test_more_objects_than_a_page_holds_are_all_looked_at(put: Any, swept: Any, database: Any) -> None:
    for number in range(PAGE + 5):
        put(f"uploads/{number:04}", days=8)
    assert swept().result == {"seen": PAGE + 5, "deleted": PAGE + 5}


def test_an_empty_store_is_swept_too(swept: Any) -> None:
    assert swept().result == {"seen": 0, "deleted": 0}
