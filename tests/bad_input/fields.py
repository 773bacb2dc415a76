"""Well-formed bodies with values that cannot be meant."""

import json
from typing import Any

from bad_input.rows import ID, MARK, Row, a_job, an_action, post


def _invalid(name: str, route: str, body: Any) -> Row:
    return Row(name, post(f"/v1/{route}", json.dumps(body)), 422, "invalid")


def _clock(name: str, time: Any) -> list[Row]:
    """The same time wherever a body takes one."""
    return [
        _invalid(f"{name}, of an action", "user-actions", an_action(at=time)),
        _invalid(f"{name}, for a start", "jobs", a_job(not_before=time)),
        _invalid(f"{name}, for a deadline", "jobs", a_job(deadline=time)),
        _invalid(f"{name}, among jobs", "jobs/bulk", {"jobs": [a_job(), a_job(deadline=time)]}),
    ]


REPORTS = [
    _invalid("an empty object", "reports", {}),
    _invalid("an unknown field of a report", "reports", {"dataset_id": ID, "colour": MARK}),
    _invalid("no UUID", "reports", {"dataset_id": MARK}),
    _invalid("a number for a UUID", "reports", {"dataset_id": 17}),
    _invalid("an unknown language", "reports", {"dataset_id": ID, "locale": MARK}),
    _invalid("an empty title", "reports", {"dataset_id": ID, "title": ""}),
    _invalid("a title too long", "reports", {"dataset_id": ID, "title": MARK * 100}),
]

ACTIONS = [
    _invalid("no actions", "user-actions", {"actions": []}),
    _invalid("1,001 actions", "user-actions", {"actions": [{}] * 1001}),
    _invalid("a number for a name", "user-actions", an_action(user_id=17)),
    _invalid("a list for an object", "user-actions", an_action(detail=[])),
    _invalid("details too deep", "user-actions", an_action(detail={"a": [[[[[1]]]]]})),
    _invalid("51 details", "user-actions", an_action(detail={str(n): n for n in range(51)})),
]

REGISTRATIONS = [
    _invalid("no address", "registrations", {}),
    _invalid("an address without @", "registrations", {"email": MARK}),
    _invalid("two addresses", "registrations", {"email": "a@example.com, b@example.com"}),
    _invalid("a header in an address", "registrations", {"email": "a@example.com\r\nBcc: b@example.com"}),
    _invalid("an address too long", "registrations", {"email": "a" * 250 + "@example.com"}),
]

JOBS = [
    _invalid("a job without a task", "jobs", {"payload": {}}),
    _invalid("a job of an unknown task", "jobs", a_job(task=MARK)),
    _invalid("a job of a task that is no text", "jobs", a_job(task=[MARK])),
    _invalid("a job that Penstock starts itself", "jobs", a_job(task="ops_trace.prune", payload={"days": 1})),
    _invalid("a webhook in another's name", "jobs", a_job(task="ops_trace.webhook", payload={"job_id": MARK})),
    _invalid("a job of another task's payload", "jobs", a_job(payload={"email": MARK})),
    _invalid("a job with an unknown wish", "jobs", a_job(colour=MARK)),
    _invalid("an unknown priority", "jobs", a_job(priority=MARK)),
    _invalid("no jobs", "jobs/bulk", {"jobs": []}),
    _invalid("1,001 jobs", "jobs/bulk", {"jobs": [a_job()] * 1001}),
    _invalid("an unknown task among jobs", "jobs/bulk", {"jobs": [a_job(), a_job(task=MARK)]}),
    _invalid("a key of 10 kB among jobs", "jobs/bulk", {"jobs": [a_job(idempotency_key=MARK * 700)]}),
    _invalid("jobs that are no list", "jobs/bulk", {"jobs": MARK}),
    _invalid("jobs beside something else", "jobs/bulk", {"jobs": [], "colour": MARK}),
]

CLOCKS = [
    *_clock("the year 10000", "10000-01-01T00:00:00Z"),
    *_clock("the year 9999 west of Greenwich", "9999-12-31T23:59:59-14:00"),
    *_clock("the year 1 east of Greenwich", "0001-01-01T00:00:00+14:00"),
    *_clock("the year 0", "0000-12-31T00:00:00Z"),
    *_clock("a year before Christ", "-0044-03-15T12:00:00Z"),
    *_clock("the 30th of February", "2026-02-30T00:00:00Z"),
    *_clock("a leap second", "2026-12-31T23:59:60Z"),
    *_clock("25 o'clock", "2026-05-01T25:00:00Z"),
    *_clock("no offset", "2026-05-01T08:30:00"),
    *_clock("an offset of a day", "2026-05-01T08:30:00+24:00"),
    *_clock("a zone's name", "2026-05-01T08:30:00[Asia/Shanghai]"),
    *_clock("a number of seconds", 1777624200),
    *_clock("words", MARK),
    _invalid("a start in 7,000 years", "jobs", a_job(not_before="9026-05-01T08:30:00Z")),
    _invalid(
        "a deadline before the start",
        "jobs",
        a_job(not_before="2026-05-01T08:30:00Z", deadline="2026-05-01T08:29:59Z"),
    ),
    _invalid(
        "a deadline before the start, by its zone",
        "jobs",
        a_job(not_before="2026-05-01T08:30:00Z", deadline="2026-05-01T10:00:00+02:00"),
    ),
]

ROWS = [*REPORTS, *ACTIONS, *REGISTRATIONS, *JOBS, *CLOCKS]
