"""A process's signs of life, left in a file for `penstock_runtime.health`: a probe that asks the process nothing."""

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import structlog

from penstock_runtime.health import Sign, to_line
from penstock_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

FAULT = "what its log calls a fault"
"""What a part waits for that goes on after an error which nobody expected."""

SHORTEST = 1.0
"""Seconds between two writes, unless something else is waited for by now: most signs are given more often."""


class Heartbeat:
    """The signs of one process. Its parts are threads or loops, each of which has to move for itself.

    `beat` may be called from any thread. It takes no lock, which gevent would have patched; a plain dict is enough.
    """

    def __init__(self, settings: RuntimeSettings) -> None:
        self._file = Path(settings.heartbeat_file)
        self._signs: dict[str, Sign] = {}
        self._written_at = float("-inf")
        self._failed = False
        self.every = max(SHORTEST, min(5.0, settings.heartbeat_max_age / 10))
        """Seconds between two signs that a part should give."""

    def beat(self, part: str, waits_for: str = "") -> None:
        """This part moves, or waits for that server and will look again."""
        now = time.monotonic()
        before = self._signs.get(part)
        self._signs[part] = (part, now, waits_for)
        news = before is None or before[2] != waits_for
        if news or now - self._written_at >= SHORTEST:
            self._written_at = now
            self._write()

    def _write(self) -> None:
        text = "".join(f"{to_line(sign)}\n" for sign in list(self._signs.values()))
        temporary = ""
        try:
            descriptor, temporary = tempfile.mkstemp(dir=self._file.parent, prefix=self._file.name)
            with open(descriptor, "w", encoding="utf-8") as opened:
                opened.write(text)
            os.replace(temporary, self._file)
            self._failed = False
        except OSError as error:
            with suppress(OSError):
                os.unlink(temporary)
            if not self._failed:
                self._failed = True
                reason = os.strerror(error.errno) if error.errno else type(error).__name__
                log.warning("no_heartbeat", file=str(self._file), reason=reason, then="probes will find it dead")
