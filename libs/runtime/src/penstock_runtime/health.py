"""Whether a worker or scheduler is alive and well, by the file in which it leaves a sign of life every few seconds.

python -m penstock_runtime.health started|live|ready

For probes, which run this often and on a busy machine. So it imports nothing but a little of the standard library, and
reads its two settings itself; the rest of the package takes their defaults from here. It asks nobody: a Redis or
PostgreSQL that is away makes no process look dead.
"""

import os
import sys
import time

FILE = "/tmp/penstock-heartbeat"
"""Where the signs of life are, unless `PENSTOCK_HEARTBEAT_FILE` says otherwise."""

MAX_AGE = 120.0
"""Seconds after which a process is taken for hung, unless `PENSTOCK_HEARTBEAT_MAX_AGE` says otherwise."""

QUESTIONS = ("started", "live", "ready")


Sign = tuple[str, float, str]
"""The last sign of life of one part of a process: the part's name, a reading of the machine's monotonic clock in
seconds, and what keeps it from working, empty when nothing does. A plain tuple: the module `typing` takes longer to
import than all the rest here takes to run."""


def to_line(sign: Sign) -> str:
    """A sign as it stands in the file."""
    part, at, waits_for = sign
    return f"{part}\t{at:.3f}\t{waits_for}"


def from_line(line: str) -> Sign:
    """The sign in a line of the file. Raises ValueError where there is none."""
    part, at, waits_for = line.split("\t")
    return part, float(at), waits_for


def judge(question: str, text: str | None, now: float, max_age: float) -> tuple[bool, str]:
    """The answer to one of QUESTIONS, and a sentence that says why. `text`: the file's; None: there is no file.

    started: it has settings that are in order, and has begun; it may still wait for its servers.
    live: every part of it has moved of late, if only to try Redis or PostgreSQL again.
    ready: it is live, and waits for no server.
    """
    if text is None:
        return False, f"not {question}: it has left no sign of life yet"
    try:
        signs = [from_line(line) for line in text.splitlines()]
    except ValueError:
        signs = []
    if not signs:
        return False, f"not {question}: its signs of life are unreadable"
    part, at, _ = min(signs, key=lambda sign: sign[1])
    age = now - at
    # One from the future was left before the machine was started anew.
    if not 0 <= age <= max_age:
        return False, f"not {question}: the {part} has not moved for {age:.0f} s"
    waiting = [f"the {part} waits for {waits_for}" for part, _, waits_for in signs if waits_for]
    if question == "ready" and waiting:
        return False, f"not ready: {', '.join(waiting)}"
    return True, f"{question}: {', '.join(waiting) or 'at work'}, {age:.0f} s ago"


def read(file: str) -> str | None:
    """What stands in the file; None where there is none."""
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:
            return opened.read()
    except OSError:
        return None


def main(arguments: list[str]) -> int:
    """Answer on standard output; 0 is yes, 1 no, 2 that the question was not understood."""
    if len(arguments) != 1 or arguments[0] not in QUESTIONS:
        sys.stderr.write(f"usage: python -m penstock_runtime.health {'|'.join(QUESTIONS)}\n")
        return 2
    said = os.environ.get("PENSTOCK_HEARTBEAT_MAX_AGE") or MAX_AGE
    try:
        max_age = float(said)
    except ValueError:
        sys.stderr.write("PENSTOCK_HEARTBEAT_MAX_AGE: must be a number of seconds\n")
        return 2
    file = os.environ.get("PENSTOCK_HEARTBEAT_FILE") or FILE
    well, sentence = judge(arguments[0], read(file), time.monotonic(), max_age)
    sys.stdout.write(f"{sentence}\n")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
