"""Uploads and downloads through gunicorn: large, cut off, and too large."""

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from processes import eventually

MIB = 1024 * 1024
BLOCK = bytes(range(256)) * 4096
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
TAIL = b"\r\n--b--\r\n"
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def body(mebibytes: int) -> Iterator[bytes]:
    yield HEAD
    for _ in range(mebibytes):
        yield BLOCK
    yield TAIL


def objects(storage: Path) -> list[Path]:
    return [path for path in storage.rglob("*") if path.is_file()]


@pytest.fixture
def worker(server: Any) -> psutil.Process:
    """The process that answers."""
    return psutil.Process(server.process.pid).children()[0]


def test_a_large_upload_and_its_download_take_little_memory(
    http: httpx.Client, server: Any, worker: psutil.Process
) -> None:
    before = worker.memory_info().rss
    seen = [before]
    accepted = http.post("/v1/datasets", content=_watched(body(90), seen, worker), headers=FORM)
    assert accepted.status_code == 202, accepted.text
    address = f"/v1/files/{accepted.json()['file_id']}"
    digest, received = hashlib.sha256(), 0
    with http.stream("GET", address, headers={"Range": f"bytes={40 * MIB}-"}) as download:
        assert download.headers["Content-Range"] == f"bytes {40 * MIB}-{90 * MIB - 1}/{90 * MIB}"
        for piece in download.iter_bytes():
            digest.update(piece)
            received += len(piece)
            seen.append(worker.memory_info().rss)
    known = http.get(address, headers={"If-None-Match": download.headers["ETag"]})

    assert received == 50 * MIB
    assert digest.hexdigest() == hashlib.sha256(BLOCK * 50).hexdigest()
    assert (known.status_code, known.content) == (304, b"")
    assert max(seen) - before < 60 * MIB


def _watched(blocks: Iterator[bytes], seen: list[int], worker: psutil.Process) -> Iterator[bytes]:
    for block in blocks:
        seen.append(worker.memory_info().rss)
        yield block


def test_an_upload_that_is_cut_off_leaves_no_object(http: httpx.Client, server: Any) -> None:
    before = objects(server.storage)
    host, port = http.base_url.host, http.base_url.port
    assert port is not None
    head = f"POST /v1/datasets HTTP/1.1\r\nHost: a\r\nAuthorization: {http.headers['Authorization']}\r\n"
    head += f"Content-Type: {FORM['Content-Type']}\r\nContent-Length: {50 * MIB}\r\n\r\n"
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(head.encode() + HEAD + BLOCK * 20)
        eventually(lambda: len(objects(server.storage)) > len(before), "the upload is on its way to storage")

    eventually(lambda: objects(server.storage) == before, "nothing is left of it")
    assert http.get("/healthz").status_code == 200


def test_an_upload_that_grows_too_large_is_refused_in_its_middle(http: httpx.Client, server: Any) -> None:
    before = objects(server.storage)
    answer = http.post("/v1/datasets", content=body(100), headers=FORM)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert objects(server.storage) == before


def test_a_file_of_short_lines_may_be_large(http: httpx.Client) -> None:
    content = b"number,name\n" + b"".join(b"%d,row\n" % number for number in range(100_000))
    answer = http.post("/v1/datasets", files={"file": ("rows.csv", content)})

    assert answer.status_code == 202, answer.text
