"""Keys that are none, or no longer, or not for this; and Idempotency-Keys that cannot be kept."""

from bad_input.rows import ID, MARK, Request, Row, a_job, get, post

REPORT = {"dataset_id": ID}


def _unauthorized(name: str, header: str) -> Row:
    return Row(name, post("/v1/reports", REPORT, Authorization=header), 401, "unauthorized")


def _forbidden(name: str, request: Request) -> Row:
    return Row(name, request, 403, "forbidden")


def _refused(name: str, key: str) -> Row:
    return Row(name, post("/v1/reports", REPORT, Idempotency_Key=key), 422, "invalid")


UNKNOWN = [
    _unauthorized("no key", ""),
    _unauthorized("a login", "Basic ZG8tbm90LWVjaG8tbWU="),
    _unauthorized("a key without a scheme", "{key}"),
    _unauthorized("a scheme without a key", "Bearer"),
    _unauthorized("two keys", "Bearer {key}, Bearer {key}"),
    _unauthorized("a key cut off", "Bearer pk_abc"),
    _unauthorized("a key with a letter more", "Bearer {key}A"),
    _unauthorized("a key in other letters", "Bearer {swapped_key}"),
    _unauthorized("a forged key", f"Bearer pk_{'A' * 43}"),
    _unauthorized("a key of 10 kB", f"Bearer pk_{'A' * 10_000}"),
    _unauthorized("a key beyond ASCII", f"Bearer pk_{'é' * 43}"),
    _unauthorized("a revoked key", "Bearer {revoked_key}"),
    _unauthorized("an expired key", "Bearer {expired_key}"),
    _unauthorized("SQL", "Bearer pk_' OR ''='"),
    Row("a key in the address", get("/v1/jobs?api_key={key}", Authorization=""), 401, "unauthorized"),
]

READ, WRITE, SECRETS, ADMIN = (
    {"Authorization": f"Bearer {{{scope}_key}}"} for scope in ("read", "write", "secrets", "admin")
)

FOR_SOMETHING_ELSE = [
    _forbidden("a report with a key that only reads", post("/v1/reports", REPORT, **READ)),
    _forbidden("a job with a key that only reads", post("/v1/jobs", a_job(), **READ)),
    _forbidden("jobs with a key that only reads", post("/v1/jobs/bulk", {"jobs": [a_job()]}, **READ)),
    _forbidden("an upload with a key that only reads", post("/v1/datasets", b"x", **READ)),
    _forbidden("a cancel with a key that only reads", post("/v1/jobs/{my_job}/cancel", **READ)),
    _forbidden("a retry with a key that only reads", post("/v1/jobs/{my_job}/retry", **READ)),
    _forbidden("a job read with a key that only writes", get("/v1/jobs/{my_job}", **WRITE)),
    _forbidden("events read with a key that only writes", get("/v1/jobs/{my_job}/events", **WRITE)),
    _forbidden("a file read with a key that only writes", get("/v1/files/{my_file}", **WRITE)),
    _forbidden("a replay with a key that only reads", post("/v1/dead-letters/{my_job}/replay", **READ)),
    _forbidden("a discard with a key that only reads", post("/v1/dead-letters/{my_job}/discard", **READ)),
    _forbidden("dead letters read with a key that only writes", get("/v1/dead-letters", **WRITE)),
    _forbidden("a pause with a key that reads and writes", post("/v1/queues/mail/pause")),
    _forbidden("a resume with a key that reads and writes", post("/v1/queues/mail/resume")),
    _forbidden("a pause with a key for secrets", post("/v1/queues/mail/pause", **SECRETS)),
    _forbidden("a list read with a key for pauses", get("/v1/queues", **ADMIN)),
    _forbidden("a list read with a key for secrets", get("/v1/jobs", **SECRETS)),
    _forbidden("a secret read with a key that only reads", get("/v1/webhook-secret", **READ)),
    _forbidden("a secret read with a key that only writes", get("/v1/webhook-secret", **WRITE)),
    _forbidden("a secret read with a key that reads and writes", get("/v1/webhook-secret")),
]

PAUSES = [
    Row("a pause of an unknown queue", post(f"/v1/queues/{MARK}/pause", **ADMIN), 404, "not_found"),
    Row("a resume of an unknown queue", post(f"/v1/queues/{MARK}/resume", **ADMIN), 404, "not_found"),
    Row("a pause of a queue's list", post("/v1/queues/mail:5/pause", **ADMIN), 404, "not_found"),
    Row("a pause of all queues", post("/v1/queues/*/pause", **ADMIN), 404, "not_found"),
    Row("a pause by GET", get("/v1/queues/mail/pause", **ADMIN), 405, "method_not_allowed"),
    Row("a pause with an unknown parameter", post(f"/v1/queues/mail/pause?until={MARK}", **ADMIN), 422, "invalid"),
    Row("a pause with two reasons", post("/v1/queues/mail/pause?reason=a&reason=b", **ADMIN), 422, "invalid"),
    Row("a pause with a NUL in its reason", post("/v1/queues/mail/pause?reason=%00", **ADMIN), 422, "invalid"),
    Row("a pause for no reason", post("/v1/queues/mail/pause?reason=", **ADMIN), 422, "invalid"),
]

IDEMPOTENCY_KEYS = [
    Row(
        "a replay with an Idempotency-Key of 256 characters",
        post("/v1/dead-letters/{my_job}/replay", Idempotency_Key="x" * 256),
        422,
        "invalid",
    ),
    _refused("an Idempotency-Key of 10 kB", MARK * 700),
    _refused("an Idempotency-Key of 256 characters", "x" * 256),
    _refused("an Idempotency-Key beyond ASCII", "schlüssel"),
    _refused("an Idempotency-Key with a tab", "a\tb"),
    Row(
        "an Idempotency-Key with another body",
        post("/v1/reports", {"dataset_id": ID, "title": MARK}, Idempotency_Key="{my_idempotency_key}"),
        409,
        "idempotency_key_reused",
    ),
    _refused("an empty Idempotency-Key", " "),
]

ROWS = [*UNKNOWN, *FOR_SOMETHING_ELSE, *PAUSES, *IDEMPOTENCY_KEYS]
