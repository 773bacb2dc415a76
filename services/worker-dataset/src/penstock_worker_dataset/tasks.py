"""The task of the dataset queue: a stored file becomes a dataset."""

from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any, Literal
from uuid import NAMESPACE_OID, UUID, uuid5

from penstock_contracts.dataset import IMPORT_FILE, SWEEP_STORAGE, Imported, ImportFile, SweepStorage, Swept
from penstock_runtime.errors import Rejected
from penstock_runtime.job import Job
from penstock_runtime.settings import RuntimeSettings, load_or_exit
from penstock_runtime.storage import Storage
from penstock_runtime.worker import Served, serve
from penstock_worker_dataset import store
from penstock_worker_dataset.chunks import split
from penstock_worker_dataset.column_types import ColumnTypes
from penstock_worker_dataset.csv_rows import Row, read_csv
from penstock_worker_dataset.encoding import Text
from penstock_worker_dataset.settings import DatasetSettings
from penstock_worker_dataset.sweep import sweep

Format = Literal["csv", "txt", "md"]

FORMATS: dict[str, Format] = {".csv": "csv", ".txt": "txt", ".md": "md", ".markdown": "md"}


def served() -> list[Served[Any, Any]]:
    """What this worker serves. Ends the process where a setting is wrong."""
    settings, storage_url = load_or_exit(DatasetSettings), load_or_exit(RuntimeSettings).storage_url
    return [importer(settings, storage_url), sweeper(settings, storage_url)]


def importer(settings: DatasetSettings, storage_url: str) -> Served[ImportFile, Imported]:
    """The import of files that lie in the storage at a URL."""

    def handle(payload: ImportFile, job: Job) -> Imported:
        # Opened here, in the child: a store brings threads with it, which do not survive a fork.
        return import_file(payload, job, settings, Storage(storage_url))

    return serve(IMPORT_FILE, handle)


def sweeper(settings: DatasetSettings, storage_url: str) -> Served[SweepStorage, Swept]:
    """The deletion of what nothing names in the storage at a URL."""

    def handle(payload: SweepStorage, job: Job) -> Swept:
        return sweep(payload, job, Storage(storage_url), most=settings.dataset_sweep_objects)

    return serve(SWEEP_STORAGE, handle)


def import_file(payload: ImportFile, job: Job, settings: DatasetSettings, storage: Storage) -> Imported:
    """Stream a tenant's file from storage into PostgreSQL. Nothing of it stays where it is rejected."""
    file_format = format_of(payload.name)
    file = store.find_file(job.database, payload.file_id, tenant=job.tenant)
    blocks = _with_progress(storage.read(file.key), file.bytes, job)
    text = Text(payload.name, blocks, sample_bytes=settings.dataset_sample_bytes)
    if file_format == "csv":
        imported = _import_rows(text, job, settings)
    else:
        imported = _import_chunks(text, job, settings, file_format)
    store.insert_dataset(job.connection, imported, payload.file_id, payload.name, tenant=job.tenant)
    return imported


def format_of(name: str) -> Format:
    """The format that a file's name ends in, in capitals or not. Raises Rejected (unsupported_format)."""
    ending = PurePath(name).suffix.lower()
    if ending not in FORMATS:
        endings = ", ".join(FORMATS)
        raise Rejected(f"{name} cannot be imported: its name must end in {endings}", code="unsupported_format")
    return FORMATS[ending]


def dataset_id_of(job_id: str) -> UUID:
    """The job's id; made into a UUID where a Celery client chose one that is none."""
    try:
        dataset_id = UUID(job_id)
    except ValueError:
        return uuid5(NAMESPACE_OID, job_id)
    # UUID() reads many spellings of the same one: only the usual one stands for itself.
    return dataset_id if str(dataset_id) == job_id else uuid5(NAMESPACE_OID, job_id)


def _import_rows(text: Text, job: Job, settings: DatasetSettings) -> Imported:
    table = read_csv(text.name, text, settings)
    types = ColumnTypes(table.columns)

    def seen(batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
        for batch in batches:
            types.see(batch)
            yield batch

    dataset_id = dataset_id_of(job.id)
    rows = store.copy_rows(job.connection, dataset_id, seen(table.batches))
    return Imported(
        dataset_id=dataset_id,
        format="csv",
        encoding=text.encoding,
        rows=rows,
        columns=types.columns(),
        chunks=0,
    )


def _import_chunks(text: Text, job: Job, settings: DatasetSettings, file_format: Literal["txt", "md"]) -> Imported:
    dataset_id = dataset_id_of(job.id)
    pieces = split(text, most=settings.dataset_chunk_characters, file_format=file_format)
    chunks = store.copy_chunks(job.connection, dataset_id, pieces)
    if not chunks:
        raise Rejected(f"{text.name} is empty", code="empty_file")
    return Imported(
        dataset_id=dataset_id, format=file_format, encoding=text.encoding, rows=0, columns=[], chunks=chunks
    )


def _with_progress(blocks: Iterable[bytes], total: int, job: Job) -> Iterator[bytes]:
    """The blocks; each is told as done when the next one is asked for."""
    done = 0
    for block in blocks:
        job.progress(done, total, "bytes")
        yield block
        done += len(block)
    job.progress(done, total, "bytes")
