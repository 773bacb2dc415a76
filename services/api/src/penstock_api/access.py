"""Around every request: its id, its log line, and the headers that every answer carries."""

import time
from typing import cast

import structlog
from flask import Flask, Response, g, request

from penstock_api.request import ApiRequest, request_id_of

PROBES = ("/healthz", "/readyz")

log = structlog.get_logger(__name__)


def install(app: Flask) -> None:
    """Let the application do this before and after each request."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.began = time.monotonic()
    g.request_id = request_id_of(cast(ApiRequest, request))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    if request.endpoint not in ("static", "documentation.static"):
        response.headers.setdefault("Cache-Control", "no-store")
    # The rule, never the address: a link in a mail carries its token there.
    route = request.url_rule.rule if request.url_rule else None
    say = log.debug if route in PROBES else log.info
    say(
        "request",
        method=request.method[:20],
        route=route,
        status=response.status_code,
        ms=round((time.monotonic() - g.began) * 1000, 1),
        tenant=g.get("tenant"),
    )
    return response
