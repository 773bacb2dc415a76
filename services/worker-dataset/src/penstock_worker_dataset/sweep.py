"""Objects that no row names: of runs that another one overtook, and of uploads whose outcome nobody knew.

An object's row is committed after it, so a young one may still get a row. An old one gets none any more.
"""

from datetime import timedelta

from sqlalchemy import Engine, select

from penstock_contracts.dataset import SweepStorage, Swept
from penstock_runtime.job import Job
from penstock_runtime.schema import NOW, files
from penstock_runtime.storage import REPORTS, UPLOADS, Storage, Stored


def sweep(payload: SweepStorage, job: Job, storage: Storage, *, most: int) -> Swept:
    """Delete up to `most` of them; the rest is for the next time. Other folders in the same store are not looked at."""
    seen = deleted = 0
    for folder in (UPLOADS, REPORTS):
        for page in storage.list(folder):
            seen += len(page)
            for key in _unnamed(job.database, page, payload.days):
                if deleted == most:
                    return Swept(seen=seen, deleted=deleted)
                storage.delete(key)
                deleted += 1
            job.progress(seen, unit="objects")
    return Swept(seen=seen, deleted=deleted)


def _unnamed(database: Engine, page: list[Stored], days: int) -> list[str]:
    with database.connect() as connection:
        before = connection.execute(select(NOW - timedelta(days=days))).scalar_one()
        old = [stored.key for stored in page if stored.at < before]
        named = (
            set(connection.scalars(select(files.c.storage_key).where(files.c.storage_key.in_(old)))) if old else set()
        )
    return [key for key in old if key not in named]
