"""Addresses that lead nowhere, try to lead elsewhere, or ask for what no page gives."""

import base64
import json
from typing import Any

from bad_input.rows import ID, MARK, Request, Row, get, post


def _nowhere(name: str, target: str, method: str = "GET") -> Row:
    return Row(name, Request(method, target), 404, "not_found")


def _invalid(name: str, target: str) -> Row:
    return Row(name, get(target), 422, "invalid")


def _cursor(*position: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


NOWHERE = [
    _nowhere("an unknown address", "/v1/nothing"),
    _nowhere("a slash at the end", "/v1/jobs/"),
    _nowhere("two slashes", "//v1//jobs"),
    _nowhere("steps upwards", "/v1/../v1/jobs"),
    _nowhere("steps upwards, encoded", "/v1/%2e%2e/v1/jobs"),
    _nowhere("steps upwards, encoded twice", "/v1/%252e%252e/v1/jobs"),
    _nowhere("steps upwards to a file", "/v1/files/..%2f..%2fetc%2fpasswd"),
    _nowhere("steps upwards from a file", "/v1/files/{my_file}/../../../etc/passwd"),
    _nowhere("steps upwards from the assets", "/docs/assets/../../penstock_api/settings.py"),
    _nowhere("steps upwards from the assets, encoded", "/docs/assets/..%2f..%2f__init__.py"),
    _nowhere("steps upwards with backslashes", "/docs/assets/..\\..\\__init__.py"),
    _nowhere("an absolute path among the assets", "/docs/assets/%2fetc%2fpasswd"),
    _nowhere("a parameter of a step", f"/v1/jobs;{MARK}"),
    _nowhere("an address in capitals", "/V1/JOBS"),
    _nowhere("a NUL in a job's id", "/v1/jobs/%00"),
    _nowhere("a blank in a job's id", "/v1/jobs/a%20b"),
    _nowhere("a slash in a job's id", "/v1/jobs/a%2fb"),
    _nowhere("a job's id that is not UTF-8", "/v1/jobs/%ff%fe"),
    _nowhere("an overlong job's id", "/v1/jobs/%c0%af"),
    _nowhere("a job's id of 256 characters", "/v1/jobs/" + "x" * 256),
    _nowhere("a job that is none", f"/v1/jobs/{ID}"),
    _nowhere("events of a job that is none", f"/v1/jobs/{ID}/events"),
    _nowhere("a retry of a job that is none", f"/v1/jobs/{ID}/retry", "POST"),
    _nowhere("a retry of thousands of characters", "/v1/jobs/" + "x" * 3000 + "/retry", "POST"),
    _nowhere("a cancel of a job that is none", f"/v1/jobs/{ID}/cancel", "POST"),
    _nowhere("a dead letter that is none", f"/v1/dead-letters/{ID}"),
    _nowhere("a dead letter's id with a blank", "/v1/dead-letters/a%20b"),
    _nowhere("a dead letter's id with a NUL", "/v1/dead-letters/%00"),
    _nowhere("a dead letter's id of 256 characters", "/v1/dead-letters/" + "x" * 256),
    _nowhere("a dead letter by a pattern of Redis", "/v1/dead-letters/*"),
    _nowhere("a replay of what is no dead letter", "/v1/dead-letters/{my_job}/replay", "POST"),
    _nowhere("a discard of what is no dead letter", "/v1/dead-letters/{my_job}/discard", "POST"),
    _nowhere("a file's malformed id", "/v1/files/17"),
    _nowhere("a file's id and SQL", f"/v1/files/{ID}'%20OR%20''='"),
    _nowhere("a file that is none", f"/v1/files/{ID}"),
    _nowhere("a dataset's malformed id", "/v1/datasets/17/rows"),
    _nowhere("a dataset that is none", f"/v1/datasets/{ID}"),
    _nowhere("rows of a dataset that is none", f"/v1/datasets/{ID}/rows"),
    _nowhere("chunks of a dataset that is none", f"/v1/datasets/{ID}/chunks"),
]

METHODS = [
    Row(f"the method {method}", Request(method, "/v1/jobs"), 405, "method_not_allowed")
    for method in ("DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW", MARK.upper())
]

PARAMETERS = [
    _invalid("an unknown parameter", f"/v1/jobs?colour={MARK}"),
    Row("an unknown parameter of a POST", post("/v1/reports?dry_run=1", {"dataset_id": ID}), 422, "invalid"),
    _invalid("a parameter twice", "/v1/jobs?limit=1&limit=2"),
    _invalid("an unknown queue", f"/v1/jobs?queue={MARK}"),
    _invalid("an unknown task", f"/v1/jobs?task={MARK}"),
    _invalid("an unknown state", f"/v1/jobs?state={MARK}"),
    _invalid("an empty state", "/v1/jobs?state="),
    _invalid("an unknown queue of dead letters", f"/v1/dead-letters?queue={MARK}"),
    _invalid("an unknown kind of dead letters", f"/v1/dead-letters?kind={MARK}"),
    _invalid("an unknown parameter of dead letters", f"/v1/dead-letters?state={MARK}"),
    _invalid("a page of dead letters too large", "/v1/dead-letters?limit=101"),
    _invalid("a page of nothing", "/v1/jobs?limit=0"),
    _invalid("a page below nothing", "/v1/jobs?limit=-1"),
    _invalid("a page too large", "/v1/jobs?limit=101"),
    _invalid("a page of thousands of digits", "/v1/jobs?limit=" + "9" * 3000),
    _invalid("a page of one and a half", "/v1/jobs?limit=1.5"),
    _invalid("a page that is no number", f"/v1/jobs?limit={MARK}"),
    _invalid("a NUL in a parameter", "/v1/user-actions?user_id=%00"),
    _invalid("a NUL in a parameter's name", "/v1/user-actions?%00=1"),
    _invalid("no time in a parameter", f"/v1/user-actions?since={MARK}"),
    _invalid("a time without an offset", "/v1/user-actions?since=2026-05-01T08:30:00"),
    _invalid("a time before all years", "/v1/user-actions?since=0001-01-01T00:00:00%2B14:00"),
]

CURSORS = [
    _invalid("a cursor that is none", f"/v1/jobs?cursor={MARK}"),
    _invalid("an empty cursor", "/v1/jobs?cursor="),
    _invalid("a cursor too long", "/v1/jobs?cursor=" + "A" * 601),
    _invalid("a cursor of levels", "/v1/user-actions?cursor=" + "W1tb" * 140),
    _invalid("a cursor of another list", f"/v1/datasets/{ID}/rows?cursor={_cursor('2026-05-01T08:30:00Z', ID)}"),
    _invalid("a cursor of text for a number", f"/v1/datasets/{ID}/rows?cursor={_cursor('x')}"),
    _invalid("a cursor below all numbers", f"/v1/datasets/{ID}/rows?cursor={_cursor(-1)}"),
    _invalid("a cursor beyond all numbers", f"/v1/datasets/{ID}/rows?cursor={_cursor(2**63)}"),
    _invalid("a cursor of infinity", f"/v1/datasets/{ID}/rows?cursor={_cursor(float('inf'))}"),
    _invalid("a cursor without a time", f"/v1/jobs?cursor={_cursor('yesterday', ID)}"),
    _invalid("a cursor without an offset", f"/v1/jobs?cursor={_cursor('2026-05-01T08:30:00', ID)}"),
    _invalid("a cursor before all years", f"/v1/jobs?cursor={_cursor('0001-01-01T00:00:00+14:00', ID)}"),
    _invalid("a cursor with a NUL", f"/v1/jobs?cursor={_cursor('2026-05-01T08:30:00Z', chr(0))}"),
    _invalid("a cursor with half a surrogate pair", f"/v1/jobs?cursor={_cursor('2026-05-01T08:30:00Z', chr(0xD800))}"),
    _invalid("a cursor without a UUID", f"/v1/datasets?cursor={_cursor('2026-05-01T08:30:00Z', MARK)}"),
    _invalid("a cursor of jobs for dead letters", f"/v1/dead-letters?cursor={_cursor('2026-05-01T08:30:00Z', ID)}"),
    _invalid("a cursor of dead letters without a time", f"/v1/dead-letters?cursor={_cursor(None, ID, None, None)}"),
    _invalid("a cursor of dead letters without a score", f"/v1/dead-letters?cursor={_cursor(None, None, True, ID)}"),
    _invalid("a cursor of dead letters beyond all scores", f"/v1/dead-letters?cursor={_cursor(None, None, 1e999, ID)}"),
    _invalid("a cursor of dead letters of digits", f"/v1/dead-letters?cursor={_cursor(None, None, 10**400, ID)}"),
    _invalid("a cursor of dead letters with a NUL", f"/v1/dead-letters?cursor={_cursor(None, None, 1.0, chr(0))}"),
    _invalid("a cursor of dead letters by levels", f"/v1/dead-letters?cursor={_cursor(None, None, [], {})}"),
    # It is well-formed, and grants nothing: it is a place in one's own list.
    Row("a cursor far east of Greenwich", get(f"/v1/jobs?cursor={_cursor('2026-05-01T08:30:00+23:59', ID)}"), 200),
]

DOWNLOADS = [
    Row(f"a range of {asked[:30]!r}", get("/v1/files/{my_file}", Range=asked), 416, "range_not_satisfiable")
    for asked in ("bytes=1000000-", "bytes=-0", "bytes=9-3", f"bytes={MARK}", "bytes=" + "9" * 5000 + "-", "bytes=")
]
DOWNLOADS.append(
    Row("a file by another one's ETag", get("/v1/files/{my_file}", If_Match=f'"{MARK}"'), 412, "precondition_failed")
)
EVENTS = [Row("an event's id of 10 kB", get("/v1/jobs/{my_job}/events", Last_Event_ID=MARK * 700), 422, "invalid")]

ROWS = [*NOWHERE, *METHODS, *PARAMETERS, *CURSORS, *DOWNLOADS, *EVENTS]
