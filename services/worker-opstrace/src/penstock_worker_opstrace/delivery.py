"""One delivery of a webhook: where to, the call, and what its answer means."""

import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from penstock_runtime.errors import Rejected, Retryable
from penstock_worker_opstrace.addresses import look_up
from penstock_worker_opstrace.post import Answer, Call, post
from penstock_worker_opstrace.settings import OpsTraceSettings

GONE = 410
BUSY = (429, 503)
"""Whose Retry-After is heeded (RFC 6585 4, RFC 9110 15.6.4)."""


def deliver(call: Call, settings: OpsTraceSettings, tls: ssl.SSLContext) -> int:
    """Call, and return the status of a success, which is 2xx as Standard Webhooks has it.

    Raises Rejected where the URL may not be called (webhook_refused), or asks by a 410 never to be called again
    (webhook_gone). Raises Retryable for everything else: webhook_unreachable, webhook_tls_failed, and webhook_failed,
    not before a Retry-After has passed. Messages name the URL's host only: its path is often a secret.
    """
    answer = post(call, look_up(call.url, settings.webhook_allowed_networks), settings, tls)
    status, host = answer.status, urlsplit(call.url).hostname
    if 200 <= status <= 299:
        return status
    if status == GONE:
        raise Rejected(f"{host} answered 410: it wants to be called no more", code="webhook_gone")
    said = f"{host} answered {status}"
    if 300 <= status <= 399:
        said += ", and redirects are not followed; give the URL that it leads to"
    raise Retryable(said, code="webhook_failed", after=min(_wait(answer), settings.webhook_retry_after))


def _wait(answer: Answer) -> float:
    return seconds(answer.retry_after or "", datetime.now(UTC)) if answer.status in BUSY else 0


def seconds(retry_after: str, now: datetime) -> float:
    """How long a Retry-After (RFC 9110 10.2.3) asks to wait: seconds, or a date. 0 where it says neither."""
    if re.fullmatch(r"[0-9]{1,10}", retry_after):
        return int(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return 0
    return max((at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds(), 0)
