"""What belongs to another tenant, of each kind: it does not exist, whatever is asked of it."""

from bad_input.rows import MARK, Request, Row, a_job, get, post


def _no_such(name: str, request: Request) -> Row:
    return Row(f"another tenant's {name}", request, 404, "not_found")


NOT_FOUND = [
    _no_such("job", get("/v1/jobs/{their_job}")),
    _no_such("job, to be cancelled", post("/v1/jobs/{their_job}/cancel")),
    _no_such("job, to start over", post("/v1/jobs/{their_job}/retry")),
    _no_such("events", get("/v1/jobs/{their_job}/events")),
    _no_such("events, gone on with", get("/v1/jobs/{their_job}/events", Last_Event_ID="accepted-0-0")),
    _no_such("webhook", get("/v1/jobs/{their_webhook}")),
    _no_such("webhook, to be sent again", post("/v1/jobs/{their_webhook}/retry")),
    _no_such("dead letter", get("/v1/dead-letters/{their_dead}")),
    _no_such("dead letter, to be replayed", post("/v1/dead-letters/{their_dead}/replay")),
    _no_such("dead letter, to be discarded", post("/v1/dead-letters/{their_dead}/discard")),
    _no_such("dataset", get("/v1/datasets/{their_dataset}")),
    _no_such("rows", get("/v1/datasets/{their_dataset}/rows")),
    _no_such("rows, by a cursor", get("/v1/datasets/{their_dataset}/rows?cursor=WzBd")),
    _no_such("chunks", get("/v1/datasets/{their_dataset}/chunks")),
    _no_such("upload", get("/v1/files/{their_file}")),
    _no_such("report", get("/v1/files/{their_report}")),
    _no_such("file, in part", get("/v1/files/{their_file}", Range="bytes=0-0")),
    _no_such("file, out of range", get("/v1/files/{their_file}", Range="bytes=1000000-")),
    _no_such("file, if it is another", get("/v1/files/{their_file}", If_None_Match="*")),
    _no_such("file, if it is this one", get("/v1/files/{their_file}", If_Match=f'"{MARK}"')),
]

# These are answered, with nothing of the other tenant's.
OWN_VIEW = [
    Row("another tenant's file, its headers", Request("HEAD", "/v1/files/{their_file}"), 404),
    Row("another tenant's Idempotency-Key", post("/v1/jobs", a_job(), Idempotency_Key="{their_idempotency_key}"), 202),
    Row(
        "another tenant's Idempotency-Key among jobs",
        post("/v1/jobs/bulk", {"jobs": [a_job(idempotency_key="{their_idempotency_key}")]}),
        202,
    ),
    Row("another tenant's cursor of jobs", get("/v1/jobs?cursor={their_cursor}"), 200),
    Row("another tenant's cursor of datasets", get("/v1/datasets?cursor={their_dataset_cursor}"), 200),
    Row("another tenant's user", get("/v1/user-actions?user_id={their_user}"), 200),
    Row("all dead letters", get("/v1/dead-letters?limit=100"), 200),
    Row("all jobs", get("/v1/jobs?limit=100"), 200),
    Row("all datasets", get("/v1/datasets?limit=100"), 200),
    Row("all user actions", get("/v1/user-actions?limit=100"), 200),
]

ROWS = [*NOT_FOUND, *OWN_VIEW]
