"""Log lines: one JSON object a line for machines, or coloured text for people."""

import json
import logging
import sys
from contextlib import suppress
from typing import Any

import structlog

from penstock_runtime.settings import RuntimeSettings


class Lines:
    """Where our own lines go: straight to standard error.

    Through the standard library's logging, which other libraries use, a line would cost twice as much. Without a lock,
    which a process could be forked under: a line is one write.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write a line. A log that cannot be written is no reason to fail."""
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")

    debug = info = warning = error = critical = exception = msg


def configure(settings: RuntimeSettings) -> None:
    """Send every log line of this process, ours and the libraries', to standard error in one format."""
    about: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[Any]
    if settings.log_format == "json":
        encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
        render = [structlog.processors.format_exc_info, lambda _, __, event: encode(event)]
    else:
        # Not the renderer of rich: it would print local variables, and so payloads and secrets.
        plain = structlog.dev.plain_traceback
        render = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=about,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # Around every task the runtime logs what happened once; Celery would say it again, with arguments and results.
    for name in ("celery.app.trace", "celery.worker.strategy", "celery.worker.request"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("celery.pool").setLevel(logging.INFO)  # below it, each task with its whole message
    for name in ("alembic", "fontTools"):  # they tell each step
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*about, *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        logger_factory=Lines,
        cache_logger_on_first_use=True,
    )
