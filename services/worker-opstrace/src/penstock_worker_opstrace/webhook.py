"""What is sent of a job's end, and its signature: Standard Webhooks 1.0.0."""

import hashlib
import hmac
from base64 import b64decode, b64encode

from penstock_contracts.notice import EndedJob, Notice
from penstock_runtime.ledger import JobView


def body(job: JobView) -> bytes:
    """The notice of a finished job, as JSON."""
    ended = EndedJob.model_validate(job, from_attributes=True)
    notice = {"type": f"job.{ended.state}", "timestamp": ended.finished_at, "job": ended}
    return Notice.model_validate(notice).model_dump_json().encode()


def headers(webhook_id: str, at: int, content: bytes, secret: str) -> dict[str, str]:
    """The headers that prove where `content` comes from.

    webhook_id: the same for each attempt, so that the receiver can tell a repeat. at: this attempt's Unix time.
    secret: `whsec_…`, as the receiver has it.
    """
    key = b64decode(secret.removeprefix("whsec_"))
    signature = hmac.new(key, f"{webhook_id}.{at}.".encode() + content, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Penstock",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{b64encode(signature).decode()}",
    }
