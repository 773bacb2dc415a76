"""What bad input gets: a problem document with a stable code, and nothing of the input."""

import gzip
import json
import socket
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

JSON = {"Content-Type": "application/json"}
JSON_LINE = "Content-Type: application/json\r\n"
ID = "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"
MARK = "do-not-echo-me"


def actions(**fields: Any) -> str:
    action = {"user_id": "u", "action": "login", "at": "2026-05-01T08:30:00Z"} | fields
    return json.dumps({"actions": [action]})


def job(**fields: Any) -> str:
    return json.dumps({"task": "generation.report", "payload": {"dataset_id": ID}} | fields)


def in_bulk(*entries: str) -> str:
    return f'{{"jobs": [{", ".join(entries)}]}}'


BODIES: dict[str, tuple[str, str | bytes, str]] = {
    # what it is: (route, body, code)
    "nothing": ("reports", b"", "malformed_json"),
    "blanks": ("reports", b"  \n", "malformed_json"),
    "cut off": ("reports", b'{"dataset_id": "', "malformed_json"),
    "text behind": ("reports", f'{{"dataset_id": "{ID}"}} {MARK}', "malformed_json"),
    "single quotes": ("reports", f"{{'dataset_id': '{MARK}'}}", "malformed_json"),
    "a trailing comma": ("reports", f'{{"dataset_id": "{ID}",}}', "malformed_json"),
    "a comment": ("reports", f'{{"dataset_id": "{ID}"}} // {MARK}', "malformed_json"),
    "a line end in a text": ("reports", b'{"dataset_id": "a\nb"}', "malformed_json"),
    "a wrong escape": ("reports", rb'{"dataset_id": "\q"}', "malformed_json"),
    "a byte order mark": ("reports", b'\xef\xbb\xbf{"dataset_id": "x"}', "malformed_json"),
    "UTF-16": ("reports", f'{{"dataset_id": "{ID}"}}'.encode("utf-16"), "malformed_json"),
    "GBK": ("user-actions", '{"actions": "登录"}'.encode("gbk"), "malformed_json"),
    "an overlong slash": ("reports", b'{"dataset_id": "\xc0\xaf"}', "malformed_json"),
    "NaN": ("user-actions", actions(detail={"n": float("nan")}), "malformed_json"),
    "Infinity": ("user-actions", actions(detail={"n": float("inf")}), "malformed_json"),
    "a number beyond a double": ("user-actions", actions().replace('"u"', "1e999"), "malformed_json"),
    "ten thousand digits": ("user-actions", actions().replace('"u"', "9" * 10_000), "malformed_json"),
    "a leading zero": ("user-actions", actions().replace('"u"', "007"), "malformed_json"),
    "a name twice": ("reports", f'{{"dataset_id": "{ID}", "dataset_id": "{MARK}"}}', "malformed_json"),
    "a name twice, deep down": ("user-actions", actions().replace('"u"', '{"a": 1, "a": 2}'), "malformed_json"),
    "a NUL character": ("user-actions", actions(user_id=f"{MARK}\0"), "malformed_json"),
    "a NUL character in a name": ("user-actions", actions(detail={"\0": 1}), "malformed_json"),
    "half a surrogate pair": ("user-actions", actions(user_id="\ud83d"), "malformed_json"),
    "33 levels": ("user-actions", actions().replace('"u"', "[" * 31 + "]" * 31), "malformed_json"),
    "50,000 levels": ("user-actions", "[" * 50_000, "malformed_json"),
    "50,000 levels of objects": ("user-actions", '{"a":' * 16_000, "malformed_json"),
    "a list": ("reports", b"[]", "malformed_json"),
    "a number": ("reports", b"17", "malformed_json"),
    "null": ("reports", b"null", "malformed_json"),
    "JSON in a text": ("reports", json.dumps(json.dumps({"dataset_id": ID})), "malformed_json"),
    "an empty object": ("reports", b"{}", "invalid"),
    "an unknown field": ("reports", json.dumps({"dataset_id": ID, "colour": MARK}), "invalid"),
    "no UUID": ("reports", json.dumps({"dataset_id": MARK}), "invalid"),
    "a number for a UUID": ("reports", json.dumps({"dataset_id": 17}), "invalid"),
    "an unknown language": ("reports", json.dumps({"dataset_id": ID, "locale": MARK}), "invalid"),
    "an empty title": ("reports", json.dumps({"dataset_id": ID, "title": ""}), "invalid"),
    "a title too long": ("reports", json.dumps({"dataset_id": ID, "title": MARK * 100}), "invalid"),
    "no actions": ("user-actions", b'{"actions": []}', "invalid"),
    "1,001 actions": ("user-actions", json.dumps({"actions": [{}] * 1001}), "invalid"),
    "a time without an offset": ("user-actions", actions(at="2026-05-01T08:30:00"), "invalid"),
    "a time as a number": ("user-actions", actions(at=1777624200), "invalid"),
    "no time": ("user-actions", actions(at=MARK), "invalid"),
    "the year 10000": ("user-actions", actions(at="10000-01-01T00:00:00Z"), "invalid"),
    "a clock far behind": ("user-actions", actions(at="0001-01-01T00:00:00+14:00"), "invalid"),
    "a clock far ahead": ("user-actions", actions(at="9999-12-31T23:59:59-14:00"), "invalid"),
    "a number for a name": ("user-actions", actions(user_id=17), "invalid"),
    "a list for an object": ("user-actions", actions(detail=[]), "invalid"),
    "details too deep": ("user-actions", actions(detail={"a": [[[[[1]]]]]}), "invalid"),
    "51 details": ("user-actions", actions(detail={str(n): n for n in range(51)}), "invalid"),
    "no address": ("registrations", b"{}", "invalid"),
    "an address without @": ("registrations", json.dumps({"email": MARK}), "invalid"),
    "two addresses": ("registrations", json.dumps({"email": "a@example.com, b@example.com"}), "invalid"),
    "a header in an address": ("registrations", json.dumps({"email": "a@example.com\r\nBcc: b@c.de"}), "invalid"),
    "an address too long": ("registrations", json.dumps({"email": "a" * 250 + "@example.com"}), "invalid"),
    "a job without a task": ("jobs", b'{"payload": {}}', "invalid"),
    "a job of an unknown task": ("jobs", job(task=MARK), "invalid"),
    "a job of a task that is no text": ("jobs", job(task=[MARK]), "invalid"),
    "a job that Penstock starts itself": ("jobs", job(task="ops_trace.prune", payload={"days": 1}), "invalid"),
    "a webhook sent in another's name": ("jobs", job(task="ops_trace.webhook", payload={"job_id": MARK}), "invalid"),
    "a job of another task's payload": ("jobs", job(payload={"email": MARK}), "invalid"),
    "a job with an unknown wish": ("jobs", job(colour=MARK), "invalid"),
    "an unknown priority": ("jobs", job(priority=MARK), "invalid"),
    "a deadline before the start": (
        "jobs",
        job(not_before="2026-05-01T08:30:00Z", deadline="2026-05-01T08:29:59Z"),
        "invalid",
    ),
    "a deadline without an offset": ("jobs", job(deadline="2026-05-01T08:30:00"), "invalid"),
    "a deadline as a number": ("jobs", job(deadline=1777624200), "invalid"),
    "a deadline of words": ("jobs", job(deadline=MARK), "invalid"),
    "a start in 7,000 years": ("jobs", job(not_before="9026-05-01T08:30:00Z"), "invalid"),
    "a webhook that is no URL": ("jobs", job(webhook=MARK), "invalid"),
    "a webhook to this machine": ("jobs", job(webhook=f"http://127.0.0.1/{MARK}"), "invalid"),
    "a webhook to this machine as a number": ("jobs", job(webhook="http://2130706433/"), "invalid"),
    "a webhook to this machine, in IPv6": ("jobs", job(webhook="http://[::ffff:127.0.0.1]/"), "invalid"),
    "a webhook to localhost": ("jobs", job(webhook="http://localhost:5432/"), "invalid"),
    "a webhook to the metadata server": ("jobs", job(webhook="http://169.254.169.254/latest/"), "invalid"),
    "a webhook with a login": ("jobs", job(webhook=f"https://user:{MARK}@example.com/"), "invalid"),
    "a webhook that is a file": ("jobs", job(webhook="file:///etc/passwd"), "invalid"),
    "a webhook too long": ("jobs", job(webhook=f"https://example.com/{MARK * 200}"), "invalid"),
    "no jobs": ("jobs/bulk", in_bulk(), "invalid"),
    "1,001 jobs": ("jobs/bulk", in_bulk(*[job()] * 1001), "invalid"),
    "an unknown task among jobs": ("jobs/bulk", in_bulk(job(), job(task=MARK)), "invalid"),
    "a key of 10 kB among jobs": ("jobs/bulk", in_bulk(job(idempotency_key=MARK * 700)), "invalid"),
    "jobs that are no list": ("jobs/bulk", json.dumps({"jobs": MARK}), "invalid"),
    "jobs beside something else": ("jobs/bulk", json.dumps({"jobs": [], "colour": MARK}), "invalid"),
    "a body too large": ("reports", json.dumps({"dataset_id": ID, "title": "x" * 100_000}), "too_large"),
}


@pytest.mark.parametrize("what", BODIES)
def test_a_bad_body(http: httpx.Client, what: str) -> None:
    route, body, code = BODIES[what]
    is_refused(http.post(f"/v1/{route}", content=body, headers=JSON), code)


HEADERS: dict[str, tuple[dict[str, str], str]] = {
    "no type": ({"Content-Type": ""}, "unsupported_media_type"),
    "a form": ({"Content-Type": "application/x-www-form-urlencoded"}, "unsupported_media_type"),
    "plain text": ({"Content-Type": "text/plain"}, "unsupported_media_type"),
    "a relative of JSON": ({"Content-Type": "application/vnd.api+json"}, "unsupported_media_type"),
    "an unknown encoding": ({**JSON, "Content-Encoding": "br"}, "unsupported_media_type"),
    "a key of 10 kB": ({**JSON, "Idempotency-Key": MARK * 700}, "invalid"),
    "a key of 256 characters": ({**JSON, "Idempotency-Key": "x" * 256}, "invalid"),
    "an empty key": ({**JSON, "Idempotency-Key": ""}, "invalid"),
    "a key beyond ASCII": ({**JSON, "Idempotency-Key": "schl\xfcssel"}, "invalid"),
    "no bearer key": ({**JSON, "Authorization": ""}, "unauthorized"),
    "a login": ({**JSON, "Authorization": "Basic ZG8tbm90LWVjaG8tbWU="}, "unauthorized"),
    "a key cut off": ({**JSON, "Authorization": "Bearer pk_abc"}, "unauthorized"),
    "an unknown bearer key": ({**JSON, "Authorization": f"Bearer pk_{'A' * 43}"}, "unauthorized"),
    "a bearer key of 10 kB": ({**JSON, "Authorization": f"Bearer pk_{'A' * 10_000}"}, "unauthorized"),
}


@pytest.mark.parametrize("what", HEADERS)
def test_a_bad_header(http: httpx.Client, what: str) -> None:
    headers, code = HEADERS[what]
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    is_refused(http.post("/v1/reports", content=json.dumps({"dataset_id": ID}), headers=encoded), code)


@pytest.mark.parametrize(
    ("options", "code"),
    [({"scopes": ["read"]}, "forbidden"), ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "unauthorized")],
)
def test_a_key_that_may_not(http: httpx.Client, server: Any, options: Any, code: str) -> None:
    for address in ("reports", "jobs", "jobs/bulk", f"jobs/{ID}/retry", f"jobs/{ID}/cancel"):
        is_refused(http.post(f"/v1/{address}", content=job(), headers=JSON | server.key(**options)), code)


def test_a_gzip_bomb_is_not_opened(http: httpx.Client) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    is_refused(
        http.post("/v1/reports", content=bomb, headers=JSON | {"Content-Encoding": "gzip"}), "unsupported_media_type"
    )


ADDRESSES = {
    "an unknown address": ("GET", "/v1/nothing", "not_found"),
    "the wrong method": ("DELETE", "/v1/jobs", "method_not_allowed"),
    "a method of nobody's": ("BREW", "/v1/jobs", "method_not_allowed"),
    "OPTIONS": ("OPTIONS", "/v1/jobs", "method_not_allowed"),
    "a job that is called as an address is": ("GET", "/v1/jobs/bulk", "method_not_allowed"),
    "a slash at the end": ("GET", "/v1/jobs/", "not_found"),
    "two slashes": ("GET", "//v1//jobs", "not_found"),
    "steps upwards": ("GET", "/v1/files/..%2f..%2fetc%2fpasswd", "not_found"),
    "steps upwards from the assets": ("GET", "/docs/assets/..%2f..%2f__init__.py", "not_found"),
    "a file's malformed id": ("GET", "/v1/files/17", "not_found"),
    "a dataset's malformed id": ("GET", "/v1/datasets/17/rows", "not_found"),
    "a dataset that is none": ("GET", f"/v1/datasets/{ID}", "not_found"),
    "rows of a dataset that is none": ("GET", f"/v1/datasets/{ID}/rows", "not_found"),
    "chunks of a dataset that is none": ("GET", f"/v1/datasets/{ID}/chunks", "not_found"),
    "a file that is none": ("GET", f"/v1/files/{ID}", "not_found"),
    "a retry of a job that is none": ("POST", f"/v1/jobs/{ID}/retry", "not_found"),
    "a retry of thousands of characters": ("POST", "/v1/jobs/" + "x" * 3000 + "/retry", "not_found"),
    "an unknown parameter": ("GET", "/v1/jobs?colour=red", "invalid"),
    "an unknown parameter of a POST": ("POST", "/v1/reports?dry_run=1", "invalid"),
    "a parameter twice": ("GET", "/v1/jobs?limit=1&limit=2", "invalid"),
    "an unknown queue": ("GET", f"/v1/jobs?queue={MARK}", "invalid"),
    "an unknown state": ("GET", f"/v1/jobs?state={MARK}", "invalid"),
    "an empty state": ("GET", "/v1/jobs?state=", "invalid"),
    "a page of nothing": ("GET", "/v1/jobs?limit=0", "invalid"),
    "a page below nothing": ("GET", "/v1/jobs?limit=-1", "invalid"),
    "a page too large": ("GET", "/v1/jobs?limit=101", "invalid"),
    "a page of thousands of digits": ("GET", "/v1/jobs?limit=" + "9" * 3000, "invalid"),
    "a page that is no number": ("GET", f"/v1/jobs?limit={MARK}", "invalid"),
    "a NUL in a parameter": ("GET", "/v1/user-actions?user_id=%00", "invalid"),
    "no time in a parameter": ("GET", f"/v1/user-actions?since={MARK}", "invalid"),
    "a time without an offset": ("GET", "/v1/user-actions?since=2026-05-01T08:30:00", "invalid"),
    "a cursor of another list": ("GET", f"/v1/datasets/{ID}/rows?cursor=WyJ4Il0", "invalid"),
    "a forged cursor": ("GET", f"/v1/jobs?cursor={MARK}", "invalid"),
    "a cursor too long": ("GET", "/v1/jobs?cursor=" + "A" * 601, "invalid"),
    "a cursor of levels": ("GET", "/v1/user-actions?cursor=" + "W1tb" * 140, "invalid"),
}


@pytest.mark.parametrize("what", ADDRESSES)
def test_a_bad_address(http: httpx.Client, what: str) -> None:
    method, address, code = ADDRESSES[what]
    body = {"content": json.dumps({"dataset_id": ID}), "headers": JSON} if method == "POST" else {}
    is_refused(http.request(method, httpx.URL(f"{str(http.base_url).rstrip('/')}{address}"), **body), code)


def test_a_body_that_never_ends_is_too_large(http: httpx.Client) -> None:
    chunks = (b" " * 10_000 for _ in range(20))
    is_refused(http.post("/v1/reports", content=chunks, headers=JSON), "too_large")


RAW = {
    "a body that never comes": ("Content-Length: 100\r\n\r\n{", 408, "request_timeout"),
    "a wrong chunk": ("Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n", 400, "bad_request"),
    "a negative chunk": ("Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n", 400, "bad_request"),
    "an unknown transfer": ("Transfer-Encoding: gzip\r\n\r\n", 400, "bad_request"),
    "a length and chunks": ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_request"),
    "two lengths": ("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "bad_request"),
    "a length that is no number": (f"Content-Length: {MARK}\r\n\r\n", 400, "bad_request"),
    "a header without a name": (f": {MARK}\r\n\r\n", 400, "bad_request"),
    "1,000 headers": ("X: y\r\n" * 1000 + "\r\n", 431, "headers_too_large"),
    "a header of 20 kB": (f"X: {MARK * 1500}\r\n\r\n", 431, "headers_too_large"),
}


@pytest.mark.parametrize("what", RAW)
def test_a_bad_connection(http: httpx.Client, what: str) -> None:
    rest, status, code = RAW[what]
    key = http.headers["Authorization"]
    answer = said(http, f"POST /v1/reports HTTP/1.1\r\nHost: a\r\nAuthorization: {key}\r\n{JSON_LINE}{rest}")

    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert f'"code":"{code}"' in answer
    assert MARK not in answer


@pytest.mark.parametrize("line", ["GET", f"GET / {MARK}", "\x16\x03\x01", f"GET /{'a' * 9000} HTTP/1.1"])
def test_a_bad_request_line(http: httpx.Client, line: str) -> None:
    answer = said(http, f"{line}\r\n\r\n")

    assert answer.startswith("HTTP/1.1 4")
    assert '"code":"' in answer
    assert MARK not in answer


def said(http: httpx.Client, request: str) -> str:
    """What the server answers to these bytes before it closes the connection."""
    host, port = http.base_url.host, http.base_url.port
    assert port is not None
    answer = b""
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(request.encode("latin-1"))
        try:
            while piece := connection.recv(4000):
                answer += piece
        except ConnectionResetError:
            pass  # it does not read to the end what it has refused
    return answer.decode()


def test_many_errors_are_told_only_in_part(http: httpx.Client) -> None:
    problem = http.post("/v1/user-actions", json={"actions": [{"x": 1}] * 1000}).json()

    assert len(problem["errors"]) == 20
    assert problem["errors"][0]["location"] == "body.actions.0.user_id"
    assert problem["detail"].endswith("and 3999 more")


def is_refused(response: httpx.Response, code: str) -> None:
    assert response.headers["Content-Type"] == "application/problem+json", response.text
    problem = response.json()
    assert problem["code"] == code, problem
    assert problem["status"] == response.status_code
    assert problem["type"] == f"urn:penstock:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["X-Request-Id"]
    assert MARK not in response.text
    assert len(response.content) < 2000
