"""Downloads: whole, in parts, and not at all where the client has them already."""

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from penstock_api.app import Api

CONTENT = random.Random(17).randbytes(3_000_000)
SIZE = len(CONTENT)
ETAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
OTHER = f'"{"0" * 64}"'


@pytest.fixture
def address(api: FlaskClient) -> str:
    """Where an uploaded file is."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="blob.txt"\r\n\r\n'
    made = api.post(
        "/v1/datasets", data=head + CONTENT + b"\r\n--b--\r\n", content_type="multipart/form-data; boundary=b"
    )
    return f"/v1/files/{made.get_json()['file_id']}"


def test_a_download_says_what_it_is_and_that_it_can_be_had_in_parts(api: FlaskClient, address: str) -> None:
    answer = api.get(address)

    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert (answer.headers["ETag"], answer.headers["Accept-Ranges"]) == (ETAG, "bytes")
    assert answer.headers["Cache-Control"] == "private, no-cache"


RANGES = {
    "bytes=0-0": (0, 1),
    "bytes=0-999": (0, 1000),
    "bytes=1000000-2000000": (1_000_000, 2_000_001),
    "bytes=2999999-": (SIZE - 1, SIZE),
    "bytes=-1": (SIZE - 1, SIZE),
    "bytes=-1048577": (SIZE - 1_048_577, SIZE),
    "bytes=0-": (0, SIZE),
    "bytes=-9999999999999": (0, SIZE),
    "bytes=5-99999999999999999999": (5, SIZE),
    "BYTES = 3-4": (3, 5),
}


@pytest.mark.parametrize("asked", RANGES)
def test_a_range_is_given_to_the_byte(api: FlaskClient, address: str, asked: str) -> None:
    start, stop = RANGES[asked]
    answer = api.get(address, headers={"Range": asked})

    assert answer.status_code == 206
    assert answer.data == CONTENT[start:stop]
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert answer.headers["Content-Length"] == str(stop - start)
    assert answer.headers["ETag"] == ETAG


NOT_THERE = [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", f"bytes={'9' * 5000}-", "bytes=-0", "bytes=9-3", "bytes="]
NO_RANGES = [
    "bytes",
    "bytes=-",
    "bytes=a-b",
    "bytes=1",
    "bytes=--1",
    "bytes=1-2-3",
    "bytes=0x1-0x2",
    "bytes=\u0663-",
    "bytes= ",
]


@pytest.mark.parametrize("asked", NOT_THERE + NO_RANGES)
def test_a_range_that_is_not_there_is_refused_with_the_size(api: FlaskClient, address: str, asked: str) -> None:
    answer = api.get(address, headers={"Range": asked.encode().decode("latin-1")})

    assert (answer.status_code, answer.get_json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=" + ",".join(["0-"] * 1000), "lines=0-9", "", "none"])
def test_several_ranges_or_an_unknown_unit_get_the_whole_file(api: FlaskClient, address: str, asked: str) -> None:
    answer = api.get(address, headers={"Range": asked})

    assert (answer.status_code, answer.data) == (200, CONTENT)


@pytest.mark.parametrize(
    ("known", "status"),
    [
        (ETAG, 206),
        (f" {ETAG} ", 206),
        (OTHER, 200),
        (f"W/{ETAG}", 200),
        (ETAG.strip('"'), 200),
        ("Fri, 01 May 2026 08:30:00 GMT", 200),
        ("", 200),
    ],
)
def test_a_download_goes_on_only_where_it_is_still_the_same_file(
    api: FlaskClient, address: str, known: str, status: int
) -> None:
    answer = api.get(address, headers={"Range": "bytes=2999990-", "If-Range": known})

    assert answer.status_code == status
    assert answer.data == (CONTENT[2_999_990:] if status == 206 else CONTENT)


@pytest.mark.parametrize("known", [ETAG, f"W/{ETAG}", f"{OTHER}, {ETAG}", "*"])
def test_who_has_a_file_is_not_sent_it_again(api: FlaskClient, address: str, known: str) -> None:
    for method in ("GET", "HEAD"):
        answer = api.open(address, method=method, headers={"If-None-Match": known, "Range": "bytes=0-0"})
        assert (answer.status_code, answer.data) == (304, b"")
        assert (answer.headers["ETag"], answer.headers["Cache-Control"]) == (ETAG, "private, no-cache")


@pytest.mark.parametrize("known", [OTHER, "", "nonsense", '"'])
def test_who_has_another_file_is_sent_this_one(api: FlaskClient, address: str, known: str) -> None:
    assert api.get(address, headers={"If-None-Match": known}).status_code == 200


@pytest.mark.parametrize(("known", "status"), [(ETAG, 200), ("*", 200), (OTHER, 412), (f"W/{ETAG}", 412)])
def test_who_wants_this_very_file_gets_no_other(api: FlaskClient, address: str, known: str, status: int) -> None:
    assert api.get(address, headers={"If-Match": known}).status_code == status


def test_head_tells_the_headers_alone_and_knows_no_ranges(api: FlaskClient, address: str) -> None:
    whole, asked = api.get(address), api.head(address, headers={"Range": "bytes=0-0"})

    assert (asked.status_code, asked.data) == (200, b"")
    for name in ("ETag", "Accept-Ranges", "Content-Length", "Content-Type", "Content-Disposition"):
        assert asked.headers[name] == whole.headers[name]


def test_a_file_whose_object_is_gone_is_not_found_whatever_is_asked_of_it(
    api: FlaskClient, address: str, tmp_path: Path
) -> None:
    for path in (tmp_path / "storage" / "uploads").iterdir():
        path.unlink()

    answers = [api.get(address), api.head(address), api.get(address, headers={"Range": "bytes=0-0"})]
    assert [answer.status_code for answer in answers] == [404] * 3


@pytest.mark.parametrize("headers", [{"Range": "bytes=0-0"}, {"If-None-Match": "*"}, {"If-None-Match": ETAG}])
def test_a_foreign_file_does_not_exist_on_any_condition(
    stranger: FlaskClient, address: str, headers: dict[str, str]
) -> None:
    assert stranger.get(address, headers=headers).status_code == 404


def test_the_document_is_not_sent_again_to_who_has_it(make_api: Callable[..., Api]) -> None:
    client = make_api().test_client()
    first = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
