"""The whole task: a stored file, a real PostgreSQL, the job's row."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy
from sqlalchemy import func, select

from penstock_contracts.dataset import IMPORT_FILE, Imported, ImportFile
from penstock_runtime.job import Job
from penstock_runtime.ledger.cancel import cancel
from penstock_runtime.ledger.view import JobView
from penstock_runtime.schema import dataset_chunks, dataset_rows, datasets
from penstock_runtime.settings import RuntimeSettings, load
from penstock_runtime.storage import Storage
from penstock_runtime.worker import serve
from penstock_worker_dataset.settings import DatasetSettings
from penstock_worker_dataset.tasks import dataset_id_of, importer
from penstock_worker_dataset.tasks import import_file as import_file_task

Import = Callable[..., JobView]
Upload = Callable[..., ImportFile]


@pytest.fixture
def import_file(run: Callable[..., JobView], upload: Upload, settings: RuntimeSettings) -> Import:
    """`import_file(name, content, **bounds)` uploads and imports a file as the default tenant."""

    def import_it(name: str, content: bytes, **bounds: int) -> JobView:
        served = importer(load(DatasetSettings, **bounds), settings.storage_url)
        return run(served, upload(name, content))

    return import_it


def all_of(database: sqlalchemy.Engine, table: sqlalchemy.Table) -> list[Any]:
    with database.connect() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)).mappings())


def imported(job: JobView) -> dict[str, Any]:
    assert job.state == "succeeded", job.error
    assert job.result is not None
    return job.result


def refusal(job: JobView) -> tuple[str, str]:
    assert job.state == "failed"
    assert job.error is not None
    return job.error["code"], job.error["message"]


CSV = '编号,姓名,数量,备注\n1,张三,2.5,\n2,李四,3,"a\\b\t""c"""\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_csv_file_becomes_rows_and_typed_columns(
    import_file: Import, database: sqlalchemy.Engine, encoding: str
) -> None:
    job = import_file("人员.CSV", CSV.encode(encoding))
    assert imported(job) == {
        "dataset_id": job.id,
        "format": "csv",
        "encoding": {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding),
        "rows": 2,
        "columns": [
            {"name": "编号", "type": "integer", "missing": 0},
            {"name": "姓名", "type": "text", "missing": 0},
            {"name": "数量", "type": "number", "missing": 0},
            {"name": "备注", "type": "text", "missing": 1},
        ],
        "chunks": 0,
    }
    assert [(row["number"], row["cells"]) for row in all_of(database, dataset_rows)] == [
        (1, ["1", "张三", "2.5", None]),
        (2, ["2", "李四", "3", 'a\\b\t"c"']),
    ]


def test_the_dataset_is_listed_under_its_file_name_and_tenant(
    run: Callable[..., JobView], upload: Upload, settings: RuntimeSettings, database: sqlalchemy.Engine
) -> None:
    payload = upload("a.csv", b"a\n1\n", tenant="acme")
    job = run(importer(load(DatasetSettings), settings.storage_url), payload, tenant="acme")
    [dataset] = all_of(database, datasets)
    assert (str(dataset["id"]), dataset["tenant"], dataset["name"]) == (job.id, "acme", "a.csv")
    assert (dataset["file_id"], dataset["format"], dataset["rows"]) == (payload.file_id, "csv", 1)
    assert dataset["columns"] == imported(job)["columns"]


@pytest.mark.parametrize(("name", "file_format"), [("a.txt", "txt"), ("a.md", "md"), ("a.Markdown", "md")])
def test_a_text_becomes_numbered_chunks(
    import_file: Import, database: sqlalchemy.Engine, name: str, file_format: str
) -> None:
    job = import_file(name, "# 一\n\n水\\电\n\n# 二\n\n闸门\n".encode(), dataset_chunk_characters=9)
    about = imported(job)
    assert (about["format"], about["chunks"], about["rows"], about["columns"]) == (file_format, 2, 0, [])
    chunks = [(row["number"], row["text"]) for row in all_of(database, dataset_chunks)]
    assert chunks == [(1, "# 一\n\n水\\电"), (2, "# 二\n\n闸门")]


def test_a_header_alone_is_a_dataset_without_rows(import_file: Import) -> None:
    about = imported(import_file("a.csv", b"a,b\n"))
    assert about["rows"] == 0
    assert [column["type"] for column in about["columns"]] == ["empty", "empty"]


def test_what_is_rejected_leaves_nothing_behind(import_file: Import, database: sqlalchemy.Engine) -> None:
    code, message = refusal(import_file("a.csv", b"a,b\n" + b"1,2\n" * 5000 + b"1,2,3\n"))
    assert (code, message) == ("ragged_row", "a.csv has 3 cells in row 5002, but 2 cells in its header")
    assert all_of(database, dataset_rows) == all_of(database, datasets) == []


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"", "empty_file"),
        ("a.csv", b"\xef\xbb\xbf\r\n", "empty_file"),
        ("a.txt", b"", "empty_file"),
        ("a.md", b" \n\n", "empty_file"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not_text"),
        ("a.csv", "数量\n1\n".encode() + b"\xff\n", "bad_encoding"),
        ("a.txt", "数量\n1\n".encode() + b"\xff\n", "bad_encoding"),
        ("a.csv", b'a,b\n1,"2\n', "unterminated_quote"),
        ("a.xlsx", b"PK\x03\x04", "unsupported_format"),
        ("csv", b"a\n", "unsupported_format"),
    ],
)
def test_a_wrong_file_fails_with_a_code_and_its_name(import_file: Import, name: str, content: bytes, code: str) -> None:
    found, message = refusal(import_file(name, content))
    assert found == code
    assert message.startswith(f"{name} ")


def test_a_hundred_megabytes_in_one_line_are_refused(import_file: Import) -> None:
    code, message = refusal(import_file("a.csv", b"a,b\n" + b"x" * 100_000_000))
    assert (code, message) == ("line_too_long", "a.csv has a line with more than 4,000,000 characters: line 2")


def test_a_file_of_another_tenant_does_not_exist(
    run: Callable[..., JobView], upload: Upload, settings: RuntimeSettings
) -> None:
    payload = upload("a.csv", b"a\n1\n", tenant="acme")
    code, message = refusal(run(importer(load(DatasetSettings), settings.storage_url), payload, tenant="other"))
    assert (code, message) == ("file_missing", f"there is no file {payload.file_id}; upload it first")


def test_a_file_whose_object_is_gone_is_missing(
    run: Callable[..., JobView], upload: Upload, settings: RuntimeSettings, tmp_path: Any
) -> None:
    payload = upload("a.csv", b"a\n1\n")
    for path in (tmp_path / "storage" / "files").iterdir():
        path.unlink()
    assert refusal(run(importer(load(DatasetSettings), settings.storage_url), payload))[0] == "file_missing"


def test_a_job_cancelled_meanwhile_leaves_nothing_behind(
    run: Callable[..., JobView], upload: Upload, settings: RuntimeSettings, database: sqlalchemy.Engine
) -> None:
    def cancelled_at_once(payload: ImportFile, job: Job) -> Imported:
        with database.begin() as connection:
            cancel(connection, job.id, tenant=job.tenant)
        return import_file_task(payload, job, load(DatasetSettings), Storage(settings.storage_url))

    job = run(serve(IMPORT_FILE, cancelled_at_once), upload("a.csv", b"a\n1\n"))
    assert job.state == "cancelled"
    assert all_of(database, dataset_rows) == all_of(database, datasets) == []


def test_progress_is_told_in_bytes(import_file: Import) -> None:
    content = b"a\n" + b"1\n" * 1000
    job = import_file("a.csv", content)
    assert job.progress is not None
    assert (job.progress["total"], job.progress["unit"]) == (len(content), "bytes")


def test_two_imports_of_one_file_are_two_datasets(
    run: Callable[..., JobView], upload: Upload, settings: RuntimeSettings, database: sqlalchemy.Engine
) -> None:
    served = importer(load(DatasetSettings), settings.storage_url)
    payload = upload("a.csv", b"a\n1\n")
    assert imported(run(served, payload))["dataset_id"] != imported(run(served, payload))["dataset_id"]
    with database.connect() as connection:
        assert connection.execute(select(func.count()).select_from(dataset_rows)).scalar() == 2


def test_a_jobs_id_is_its_datasets_id_and_one_that_is_no_uuid_always_gives_the_same() -> None:
    job_id = uuid4()
    assert dataset_id_of(str(job_id)) == job_id
    assert dataset_id_of("import-1") == dataset_id_of("import-1") != dataset_id_of("import-2")
    assert len({dataset_id_of(f"{job_id}"), dataset_id_of(f"{{{job_id}}}"), dataset_id_of(job_id.hex)}) == 3
    assert isinstance(dataset_id_of(""), UUID)
