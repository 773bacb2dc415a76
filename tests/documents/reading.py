"""What a document tells people to type, and what it says they will see."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMMANDS = "sh"
ANSWERS = ("json", "http", "text")
"""The languages of fenced blocks: commands, and the answer to the commands before it."""

_END = "THE-END-OF-THE-FILE"
_FENCE = re.compile(r"^```(\w*)(?: +(\S+))?\s*$")


@dataclass(frozen=True)
class Block:
    """A fenced block, or a heading, which has no text: an answer never lies behind one. `line` counts from 1.

    file: named behind the block's language, to be written before the commands go on.
    """

    kind: str
    text: str
    line: int
    file: str = ""


@dataclass(frozen=True)
class Step:
    """Commands, and the answer that is shown for them, if there is one."""

    commands: str
    line: int
    answer: Block | None


def steps_of(path: Path) -> list[Step]:
    """The steps of a document, in order. An answer is the next fenced block, with prose in between at most."""
    steps: list[Step] = []
    before = ""
    for block in blocks_of(path.read_text(encoding="utf-8")):
        if block.file:
            steps.append(Step(f"cat >{block.file} <<'{_END}'\n{block.text}\n{_END}", block.line, None))
        elif block.kind == COMMANDS:
            steps.append(Step(block.text, block.line, None))
        elif block.kind in ANSWERS and before == COMMANDS:
            steps[-1] = Step(steps[-1].commands, steps[-1].line, block)
        before = block.kind
    return steps


def blocks_of(document: str) -> Iterator[Block]:
    """The fenced blocks and the headings of a document, in order."""
    inside: list[str] | None = None
    kind, file, first = "", "", 0
    for number, line in enumerate(document.splitlines(), 1):
        fence = _FENCE.match(line)
        if inside is None and fence:
            inside, kind, file, first = [], fence[1], fence[2] or "", number + 1
        elif inside is not None and fence:
            yield Block(kind, "\n".join(inside), first, file)
            inside = None
        elif inside is not None:
            inside.append(line)
        elif line.startswith("#"):
            yield Block("heading", "", number)
