"""Bodies of a wrong type, a wrong encoding, a wrong form or no end."""

import gzip
import json
import zlib
from collections.abc import Iterator

from bad_input.rows import ID, JSON, MARK, Request, Row, post

REPORT = json.dumps({"dataset_id": ID})
FORM = "multipart/form-data; boundary=b"
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n%s\r\n'
END = b"--b--\r\n"
BOMB = b" " * 20_000_000
ZIPPED = gzip.compress(BOMB)


def _wrong_type(name: str, kind: str, body: bytes | str = REPORT, **headers: str) -> Row:
    return Row(name, post("/v1/reports", body, kind=kind, **headers), 415, "unsupported_media_type")


def _form(name: str, status: int, code: str, *parts: bytes, kind: str = FORM) -> Row:
    return Row(name, post("/v1/datasets", b"".join(parts), kind=kind), status, code)


def _field(name: str, value: bytes) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)


def _chunked(route: str, kind: str, first: bytes, piece: bytes, pause: float = 0) -> Request:
    """A body that goes on for ever, one chunk after the other."""

    def chunks() -> Iterator[bytes]:
        while True:
            yield b"%x\r\n%s\r\n" % (len(piece), piece)

    headers = {"Content-Type": kind, "Transfer-Encoding": "chunked"}
    start = b"%x\r\n%s\r\n" % (len(first), first)
    return Request("POST", f"/v1/{route}", headers, start, chunks, pause)


TYPES = [
    _wrong_type("no type", ""),
    _wrong_type("a type that is none", MARK),
    _wrong_type("a form for JSON", "application/x-www-form-urlencoded"),
    _wrong_type("an upload for JSON", FORM),
    _wrong_type("plain text", "text/plain"),
    _wrong_type("a relative of JSON", "application/vnd.api+json"),
    _wrong_type("JSON for an image", f"image/png; {MARK}"),
    _form("JSON for an upload", 415, "unsupported_media_type", REPORT.encode(), kind=JSON),
]

ENCODINGS = [
    _wrong_type("a gzip bomb", JSON, ZIPPED, Content_Encoding="gzip"),
    _wrong_type("a gzip bomb in a gzip bomb", JSON, gzip.compress(ZIPPED), Content_Encoding="gzip, gzip"),
    _wrong_type("a deflate bomb", JSON, zlib.compress(BOMB), Content_Encoding="deflate"),
    _wrong_type("an unknown encoding", JSON, Content_Encoding="br"),
    _wrong_type("an encoding that is none", JSON, Content_Encoding=MARK),
    Row("a gzip bomb that is not said to be one", post("/v1/reports", ZIPPED), 400, "malformed_json"),
    Row(
        "a compressed upload",
        post("/v1/datasets", gzip.compress(FILE % BOMB + END), kind=FORM, Content_Encoding="gzip"),
        415,
        "unsupported_media_type",
    ),
]

FORMS = [
    _form("a form without a boundary", 400, "malformed_form", b"x", kind="multipart/form-data"),
    _form("a boundary beyond ASCII", 400, "malformed_form", b"x", kind="multipart/form-data; boundary=é"),
    _form("a boundary of 10 kB", 400, "malformed_form", b"x", kind=f"multipart/form-data; boundary={'b' * 10_000}"),
    _form("a form without parts", 400, "malformed_form", b"no parts at all"),
    _form("a form without an end", 400, "malformed_form", FILE % b"a,b"),
    _form("a part without an end of its headers", 400, "malformed_form", b"--b\r\nContent-Disposition: form-data\r\n"),
    _form("an empty form", 422, "invalid", END),
    _form("a form without a file", 422, "invalid", _field("name", b"a.csv"), END),
    _form("a text for a file", 422, "invalid", _field("file", MARK.encode()), END),
    _form("an empty file", 422, "invalid", FILE % b"", END),
    _form("two files", 422, "invalid", FILE % b"a", FILE % b"b", END),
    _form("an unknown field", 422, "invalid", FILE % b"a", _field("colour", MARK.encode()), END),
    _form("two names", 422, "invalid", FILE % b"a", _field("name", b"a.csv") * 2, END),
    _form("a line end in a name", 422, "invalid", FILE % b"a", _field("name", b"a\r\nX: y.csv"), END),
    _form("a name that is not UTF-8", 422, "invalid", FILE % b"a", _field("name", b"\xff.csv"), END),
    _form("a name too long", 422, "invalid", FILE % b"a", _field("name", MARK.encode() * 20), END),
    _form("eleven parts", 413, "too_large", *[_field(str(n), b"x") for n in range(11)], END),
    _form("a field of 70 kB", 413, "too_large", FILE % b"a", _field("name", b"a" * 70_000), END),
    _form("a part with headers of 200 kB", 413, "too_large", b"--b\r\n" + b"X-Header: y\r\n" * 16_000),
    _form("a file too large", 413, "too_large", FILE % (b"a" * 1_000_001), END),
]

ENDLESS = [
    Row("a body too large", post("/v1/reports", {"dataset_id": ID, "title": "x" * 100_000}), 413, "too_large"),
    Row("a body of chunks without end", _chunked("reports", JSON, b"{", b" " * 1000), 413, "too_large"),
    Row("a file of chunks without end", _chunked("datasets", FORM, FILE % b"", b"a" * 10_000), 413, "too_large"),
    Row("a body of chunks that come slowly", _chunked("reports", JSON, b"{", b" ", 0.05), 408, "request_timeout"),
    Row("a file of chunks that come slowly", _chunked("datasets", FORM, FILE[:-2], b"a", 0.05), 408, "request_timeout"),
    Row(
        "a body that stops",
        Request("POST", "/v1/reports", {"Content-Type": JSON, "Content-Length": "100"}, b"{"),
        408,
        "request_timeout",
    ),
    Row(
        "a file that stops",
        Request("POST", "/v1/datasets", {"Content-Type": FORM, "Content-Length": "100000"}, FILE[:-2]),
        408,
        "request_timeout",
    ),
    Row(
        "more than memory, by its Content-Length",
        Request("POST", "/v1/reports", {"Content-Type": JSON, "Content-Length": "9" * 18}, b"{"),
        413,
        "too_large",
    ),
]

ROWS = [*TYPES, *ENCODINGS, *FORMS, *ENDLESS]
