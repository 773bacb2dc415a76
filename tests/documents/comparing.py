"""Whether an answer is the one that a document shows. Ids and times differ from run to run; everything else counts.

In what is shown, `…` stands for any text, on a line of its own for any lines, in a JSON list for any more items, and as
a name in an object for any more fields. A UUID stands for any UUID, but for the same one wherever it is shown again. A
time stands for any time, a number with a decimal point for any number.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from documents.reading import Block

MORE = "…"
UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"
HEX = r"(?<![0-9a-f-])[0-9a-f]{32}(?![0-9a-f])"
"""A request's id."""

_VARIES = re.compile(f"(?P<uuid>{UUID})|(?P<time>{TIME})|(?P<hex>{HEX})|(?P<more>{MORE})")


class Different(AssertionError):
    """An answer is not what is shown."""


@dataclass
class Known:
    """The ids that a document shows, and those that they stand for in this run."""

    ids: dict[str, str] = field(default_factory=dict)

    def put_into(self, commands: str) -> str:
        """The commands with this run's ids."""
        return re.sub(UUID, lambda found: self.ids.get(found[0], found[0]), commands)

    def matches(self, shown: str, found: str) -> bool:
        """Whether a text is what is shown. Remembers the ids in it where it is."""
        pattern, ids = _pattern(shown)
        match = re.fullmatch(pattern, found, re.DOTALL)
        if match is None:
            return False
        met = dict(self.ids)
        for name, actual in zip(ids, match.groups(), strict=True):
            if met.setdefault(name, actual) != actual:
                return False
        self.ids = met
        return True


def compare(answer: Block, output: str, known: Known) -> None:
    """Raise Different where the output is not what the block shows."""
    match answer.kind:
        case "json":
            _compare_json(answer.text, output, known)
        case "http":
            _compare_http(answer.text, output, known)
        case _:
            _compare_text(answer.text, output, known)


def _compare_http(shown: str, output: str, known: Known) -> None:
    shown_head, _, shown_body = shown.partition("\n\n")
    head, _, body = output.replace("\r\n", "\n").partition("\n\n")
    while head.startswith("HTTP/1.1 1"):  # before the answer itself: go on
        head, _, body = body.partition("\n\n")
    status, *headers = shown_head.splitlines()
    lines = head.splitlines()
    if not lines or lines[0] != status:
        raise Different(f"the status is {lines[0] if lines else 'missing'}, shown is {status}")
    for header in headers:
        if not any(known.matches(header, line) for line in lines[1:]):
            raise Different(f"no header is {header}")
    if shown_body:
        compare(Block("json" if shown_body[0] in "{[" else "text", shown_body, 0), body, known)


def _compare_text(shown: str, output: str, known: Known) -> None:
    if not known.matches(_even(shown), _even(output)):
        raise Different("the text is another one")


def _even(text: str) -> str:
    """Without the columns of tables. A line that stands for more takes its end with it."""
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    return "".join(line if line == MORE else f"{line}\n" for line in lines)


def _compare_json(shown: str, output: str, known: Known) -> None:
    try:
        found = json.loads(output)
    except ValueError as error:
        raise Different(f"this is not JSON: {error}") from None
    _compare_value(json.loads(shown), found, "", known)


def _compare_value(shown: Any, found: Any, place: str, known: Known) -> None:
    if shown == MORE:
        return
    if isinstance(shown, float) and isinstance(found, int | float) and not isinstance(found, bool):
        return
    if type(shown) is not type(found):
        raise Different(f"{place or 'it'} is {found!r}, shown is {shown!r}")
    if isinstance(shown, dict):
        _compare_object(shown, found, place, known)
    elif isinstance(shown, list):
        _compare_list(shown, found, place, known)
    elif not (known.matches(shown, found) if isinstance(shown, str) else shown == found):
        raise Different(f"{place or 'it'} is {found!r}, shown is {shown!r}")


def _compare_object(shown: dict[str, Any], found: dict[str, Any], place: str, known: Known) -> None:
    names = {*shown} - {MORE}
    missing = names - {*found}
    more = {*found} - names if MORE not in shown else set()
    if missing or more:
        raise Different(f"{place or 'it'} lacks {sorted(missing)}, and has {sorted(more)} besides what is shown")
    for name in sorted(names):
        _compare_value(shown[name], found[name], f"{place}.{name}".lstrip("."), known)


def _compare_list(shown: list[Any], found: list[Any], place: str, known: Known) -> None:
    open_ended = bool(shown) and shown[-1] == MORE
    items = shown[:-1] if open_ended else shown
    if len(found) < len(items) or (len(found) > len(items) and not open_ended):
        raise Different(f"{place or 'it'} has {len(found)} items, shown are {len(items)}")
    for number, (one, other) in enumerate(zip(items, found, strict=False)):
        _compare_value(one, other, f"{place}.{number}".lstrip("."), known)


def _pattern(shown: str) -> tuple[str, list[str]]:
    """A regular expression with a group for each UUID, and the UUIDs as shown."""
    parts, ids = [], []
    last = 0
    for varies in _VARIES.finditer(shown):
        parts.append(re.escape(shown[last : varies.start()]))
        last = varies.end()
        if varies["uuid"]:
            ids.append(varies["uuid"])
        alone = varies["more"] and (varies.start() == 0 or shown[varies.start() - 1] == "\n")
        parts.append(_STANDS_FOR[varies.lastgroup or ""] if not alone else ".*?")
    return "".join([*parts, re.escape(shown[last:])]), ids


_STANDS_FOR = {"uuid": f"({UUID})", "time": TIME, "hex": "[0-9a-f]{32}", "more": r"[^\n]*?"}
