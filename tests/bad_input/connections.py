"""What is no request at all, one too large to be one, and clients who send or read too slowly."""

from collections.abc import Iterator

from bad_input.rows import MARK, Raw, Request, Row

HEAD = "POST /v1/reports HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"


def _bad(name: str, text: str) -> Row:
    return Row(name, Raw(body=text.encode("latin-1")), 400, "bad_request")


def _too_large(name: str, status: int, code: str, text: str) -> Row:
    return Row(name, Raw(body=text.encode("latin-1")), status, code)


def _drops() -> Iterator[bytes]:
    while True:
        yield b"x"


LINES = [
    _bad("a line of one word", "GET\r\n\r\n"),
    _bad("a line without a version", f"GET /{MARK}\r\n\r\n"),
    _bad("an unknown version", f"GET /{MARK} HTTP/9.9\r\n\r\n"),
    _bad("an address without a slash", f"GET {MARK} HTTP/1.1\r\nHost: api\r\n\r\n"),
    _bad("TLS", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
    _bad("SSH", "SSH-2.0-OpenSSH_9.9\r\n\r\n"),
    _bad("Redis", "*1\r\n$4\r\nPING\r\n\r\n"),
    _too_large("a line of 9 kB", 414, "uri_too_long", f"GET /{'a' * 9000} HTTP/1.1\r\n\r\n"),
    _too_large("a line without end", 414, "uri_too_long", "GET /" + MARK * 1000),
]

HEADERS = [
    _bad("a header without a name", f"{HEAD}: {MARK}\r\n\r\n"),
    _bad("a header without a colon", f"{HEAD}{MARK}\r\n\r\n"),
    _bad("a blank in a header's name", f"{HEAD}X {MARK}: y\r\n\r\n"),
    _bad("a header on two lines", f"{HEAD}X: y\r\n {MARK}\r\n\r\n"),
    _bad("a NUL in a header", f"{HEAD}X: \0\r\n\r\n"),
    _bad("lines that end with LF alone", f"{HEAD.replace(chr(13), '')}\n"),
    _bad("two hosts", f"{HEAD}Host: {MARK}\r\n\r\n"),
    _bad("two lengths", f"{HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}"),
    _bad("a length that is no number", f"{HEAD}Content-Length: {MARK}\r\n\r\n"),
    _bad("a length below nothing", f"{HEAD}Content-Length: -1\r\n\r\n"),
    _bad("a length and chunks", f"{HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    _bad("an unknown transfer", f"{HEAD}Transfer-Encoding: gzip\r\n\r\n"),
    _bad("chunks in chunks", f"{HEAD}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    _bad("a wrong chunk", f"{HEAD}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{{}}\r\n"),
    _bad("a chunk below nothing", f"{HEAD}Transfer-Encoding: chunked\r\n\r\n-1\r\n{{}}\r\n"),
    _bad("a chunk longer than it says", f"{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{{}}\r\n0\r\n\r\n"),
    _bad("a chunk's size of 20 kB", f"{HEAD}Transfer-Encoding: chunked\r\n\r\n1;{'x' * 20_000}"),
    _too_large("1,000 headers", 431, "headers_too_large", f"{HEAD}" + "X: y\r\n" * 1000 + "\r\n"),
    _too_large("a header of 20 kB", 431, "headers_too_large", f"{HEAD}X: {MARK * 1500}\r\n\r\n"),
    _too_large("headers without end", 431, "headers_too_large", HEAD + f"X-{MARK}: y\r\n" * 100_000),
]

SLOW = [
    Row("nothing at all", Raw(), 0),
    Row("half a request line", Raw(body=b"GET /v1/jo"), 0),
    Row("half of the headers", Raw(body=b"GET /v1/jobs HTTP/1.1\r\nHost: api\r\n"), 0),
    Row("headers that come slowly", Raw(body=b"GET /v1/jobs HTTP/1.1\r\nX: ", rest=_drops, pause=0.05), 0),
    Row("a listener that never reads", Request(target="/v1/jobs/{large_job}/events", deaf=True), 0),
]

ROWS = [*LINES, *HEADERS, *SLOW]
