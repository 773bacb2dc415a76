"""gunicorn's gevent worker, with problem documents where it would answer with HTML that quotes the request."""

import signal
from typing import Any
from uuid import uuid4

from gunicorn.http import errors
from gunicorn.workers.ggevent import GeventWorker

_CODES = {errors.LimitRequestLine: "uri_too_long", errors.LimitRequestHeaders: "headers_too_large"}
"""The code of what gunicorn refuses before there is a request; the others are `bad_request`."""


class Worker(GeventWorker):
    """Answers what is no HTTP request, or a too large one."""

    wsgi: Any = None
    """The application, once gunicorn has loaded it: a signal may come before."""

    def init_process(self) -> None:
        """Until gunicorn gets to it, after gevent's patching, signals would only be queued, as in its main process."""
        signal.signal(signal.SIGTERM, self.handle_exit)
        super().init_process()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: requests in progress end by themselves, streams of events would not; none are while it loads."""
        super().handle_exit(sig, frame)
        if self.wsgi is None:
            raise SystemExit(0)
        self.wsgi.extensions["penstock"].listeners.close()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Called by gunicorn with what its parser raised, and with what the application let through."""
        if not isinstance(exc, errors.ParseException):
            super().handle_error(req, client, addr, exc)
            return
        # Not above: this module is read before gevent has patched what the application imports.
        from penstock_api.problems import Problem, document

        problem = Problem(_CODES.get(type(exc), "bad_request"), "this is no HTTP request that the API understands")
        request_id = uuid4().hex
        self.log.warning("Refused %s: %s, request_id %s", problem.code, type(exc).__name__, request_id)
        body = document(problem, request_id).encode()
        head = (
            f"HTTP/1.1 {problem.status} {problem.title}\r\nConnection: close\r\nX-Request-Id: {request_id}\r\n"
            f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            client.sendall(head.encode() + body)
        except OSError:
            self.log.debug("The client was gone before it was answered")
