"""Lines out of pieces of text, each with its end, none longer than a bound."""

from collections.abc import Iterable, Iterator
from io import StringIO

from penstock_runtime.errors import Rejected


class Lines:
    """Iterates over lines with their ends (\\n, \\r\\n or \\r) as they stood.

    `number` is the line given last, from 1; `row_number` the one its row began on; `characters` the sum.

    Raises Rejected (line_too_long), without reading further, where a row's lines have more than `most`.
    """

    def __init__(self, name: str, texts: Iterable[str], *, most: int) -> None:
        self.number = 0
        self.characters = 0
        self._name = name
        self._texts = texts
        self._most = most
        self._row_began = 0
        self.row_number = 1

    def end_row(self) -> None:
        """A row has ended with the line given last."""
        self._row_began = self.characters
        self.row_number = self.number + 1

    def __iter__(self) -> Iterator[str]:
        for batch in self._split():
            for line in batch:
                self.number += 1
                self.characters += len(line)
                if self.characters - self._row_began > self._most:
                    self._check(line)
                yield line

    def _split(self) -> Iterator[list[str]]:
        rest = ""
        for text in self._texts:
            lines = StringIO(rest + text, newline="").readlines()
            # What has no \n yet may go on in the next piece; after a \r, with the \n of the same line end.
            rest = lines.pop() if lines and not lines[-1].endswith("\n") else ""
            yield lines
            if len(rest) > self._most + 1:  # one more may be the \r of a \r\n
                break
        if rest:
            yield [rest]

    def _check(self, line: str) -> None:
        end = len(line) - len(line.rstrip("\r\n"))
        if self.characters - end - self._row_began > self._most:
            raise Rejected(
                f"{self._name} has a line with more than {self._most:,} characters: line {self.row_number}",
                code="line_too_long",
            )
