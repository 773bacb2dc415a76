"""The upload of a file: stored first, then a row and a job in one transaction."""

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from penstock_api.app import Api
from penstock_runtime.schema import files, jobs

CSV = "月份,金额\n五月,17\n".encode()


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[], list[bytes]]:
    """What lies in object storage."""
    return lambda: sorted(path.read_bytes() for path in (tmp_path / "storage").rglob("*") if path.is_file())


def upload(
    client: FlaskClient, content: bytes = CSV, name: str = "sales.csv", key: str = "", **fields: Any
) -> TestResponse:
    data = {"file": (BytesIO(content), name)} | fields
    return client.post("/v1/datasets", data=data, headers={"Idempotency-Key": key} if key else {})


def test_an_uploaded_file_is_stored_and_has_a_row_and_a_job(
    api: FlaskClient, database: sqlalchemy.Engine, stored: Callable[[], list[bytes]]
) -> None:
    accepted = upload(api)

    assert (accepted.status_code, stored()) == (202, [CSV])
    body = accepted.get_json()
    with database.begin() as connection:
        row = connection.execute(sqlalchemy.select(files)).one()
        job = connection.execute(sqlalchemy.select(jobs)).one()
    assert (str(row.id), row.tenant, row.name, row.bytes) == (body["file_id"], "default", "sales.csv", len(CSV))
    assert row.sha256 == hashlib.sha256(CSV).hexdigest()
    assert (job.id, job.task) == (body["job_id"], "dataset.import_file")
    assert job.payload == {"file_id": body["file_id"], "name": "sales.csv"}


def test_an_upload_can_be_downloaded_as_it_was(api: FlaskClient, stranger: FlaskClient) -> None:
    data = {"file": (BytesIO(CSV), "sales.csv"), "name": '月报 "五月".csv'}
    file_id = api.post("/v1/datasets", data=data).get_json()["file_id"]
    answer = api.get(f"/v1/files/{file_id}")

    assert (answer.status_code, answer.data) == (200, CSV)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Length"] == str(len(CSV))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"__ ____.csv\"; filename*=UTF-8''%E6%9C%88%E6%8A%A5%20%22%E4%BA%94%E6%9C%88%22.csv"
    )
    assert stranger.get(f"/v1/files/{file_id}").status_code == 404


def test_a_repeat_gets_the_first_job_and_leaves_no_second_object(
    api: FlaskClient, stored: Callable[[], list[bytes]]
) -> None:
    first, second = upload(api, key="may"), upload(api, key="may")

    assert (second.status_code, second.headers["Location"]) == (202, first.headers["Location"])
    assert second.get_json()["file_id"] == first.get_json()["file_id"]
    assert stored() == [CSV]


@pytest.mark.parametrize("other", [{"content": b"a,b\n1,2\n"}, {"name": "june.csv"}])
def test_another_file_with_the_same_key_is_a_conflict_and_leaves_nothing(
    api: FlaskClient, database: sqlalchemy.Engine, stored: Callable[[], list[bytes]], other: dict[str, Any]
) -> None:
    upload(api, key="may")
    second = upload(api, key="may", **other)

    assert (second.status_code, second.get_json()["code"]) == (409, "idempotency_key_reused")
    assert stored() == [CSV]
    with database.begin() as connection:
        assert connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(files)).scalar() == 1


def test_without_a_key_each_upload_is_a_job_of_its_own(api: FlaskClient, stored: Callable[[], list[bytes]]) -> None:
    first, second = upload(api), upload(api)

    assert first.get_json()["job_id"] != second.get_json()["job_id"]
    assert stored() == [CSV, CSV]


def test_two_tenants_may_upload_the_same_file_with_the_same_key(api: FlaskClient, stranger: FlaskClient) -> None:
    first, second = upload(api, key="may"), upload(stranger, key="may")

    assert second.status_code == 202
    assert first.get_json()["file_id"] != second.get_json()["file_id"]


@pytest.mark.parametrize(
    ("sent", "given", "kept"),
    [
        ("sales.csv", {"name": "五月.csv"}, "五月.csv"),
        ("../../etc/sales.csv", {}, "sales.csv"),
    ],
)
def test_a_file_is_called_as_its_sender_says_without_a_path(
    api: FlaskClient, database: sqlalchemy.Engine, sent: str, given: dict[str, str], kept: str
) -> None:
    api.post("/v1/datasets", data={"file": (BytesIO(CSV), sent)} | given)
    with database.begin() as connection:
        assert connection.execute(sqlalchemy.select(files.c.name)).scalars().all() == [kept]


BAD_FORMS: dict[str, tuple[dict[str, Any], int, str]] = {
    "no file": ({"name": "a.csv"}, 422, "invalid"),
    "an empty form": ({}, 422, "invalid"),
    "a text for a file": ({"file": "a,b"}, 422, "invalid"),
    "an empty file": ({"file": (BytesIO(b""), "a.csv")}, 422, "invalid"),
    "two files": ({"file": [(BytesIO(b"a"), "a.csv"), (BytesIO(b"b"), "b.csv")]}, 422, "invalid"),
    "a file of another name": ({"attachment": (BytesIO(b"a"), "a.csv")}, 422, "invalid"),
    "an unknown field": ({"file": (BytesIO(b"a"), "a.csv"), "colour": "red"}, 422, "invalid"),
    "two names": ({"file": (BytesIO(b"a"), "a.csv"), "name": ["a.csv", "b.csv"]}, 422, "invalid"),
    "an empty name": ({"file": (BytesIO(b"a"), "a.csv"), "name": ""}, 422, "invalid"),
    "a name too long": ({"file": (BytesIO(b"a"), "a.csv"), "name": "a" * 201}, 422, "invalid"),
    "a NUL in a name": ({"file": (BytesIO(b"a"), "a.csv"), "name": "a\0.csv"}, 422, "invalid"),
    "a line end in a name": ({"file": (BytesIO(b"a"), "a.csv"), "name": "a\r\nX: y.csv"}, 422, "invalid"),
    "a name that is not UTF-8": ({"file": (BytesIO(b"a"), "a.csv"), "name": "\ufffd.csv"}, 422, "invalid"),
    "eleven parts": ({str(n): "x" for n in range(11)}, 413, "too_large"),
    "a field of 70 kB": ({"file": (BytesIO(b"a"), "a.csv"), "name": "a" * 70_000}, 413, "too_large"),
}


@pytest.mark.parametrize("what", BAD_FORMS)
def test_a_bad_form_leaves_nothing(api: FlaskClient, stored: Callable[[], list[bytes]], what: str) -> None:
    fields, status, code = BAD_FORMS[what]
    answer = api.post("/v1/datasets", data=fields, content_type="multipart/form-data")

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert stored() == []


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        ("application/json", b"{}", "unsupported_media_type"),
        ("multipart/form-data", b"x", "malformed_form"),
        ("multipart/form-data; boundary=é".encode("latin-1").decode("latin-1"), b"x", "malformed_form"),
        ("multipart/form-data; boundary=b", b"no parts at all", "malformed_form"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=file\r\n", "malformed_form"),
    ],
)
def test_what_is_no_form_is_refused(api: FlaskClient, content_type: str, body: bytes, code: str) -> None:
    answer = api.post("/v1/datasets", data=body, content_type=content_type)

    assert answer.get_json()["code"] == code


@pytest.mark.parametrize(("size", "status"), [(200_000, 202), (200_001, 413)])
def test_the_bound_of_a_file_holds_to_the_byte(
    make_api: Callable[..., Api],
    make_key: Callable[..., dict[str, str]],
    stored: Callable[[], list[bytes]],
    size: int,
    status: int,
) -> None:
    client = make_api(api_upload_bytes=200_000).test_client()
    answer = client.post("/v1/datasets", data={"file": (BytesIO(b"x" * size), "a.txt")}, headers=make_key())

    assert answer.status_code == status
    assert [len(content) for content in stored()] == ([size] if status == 202 else [])


def test_a_file_without_its_object_is_not_found(api: FlaskClient, tmp_path: Path) -> None:
    file_id = upload(api).get_json()["file_id"]
    for path in (tmp_path / "storage" / "uploads").iterdir():
        path.unlink()

    assert api.get(f"/v1/files/{file_id}").status_code == 404
