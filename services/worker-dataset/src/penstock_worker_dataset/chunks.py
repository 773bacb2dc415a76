"""Chunks of a text, split where its meaning parts: headings, paragraphs, sentences, words."""

from collections.abc import Iterable, Iterator
from typing import Literal

from semantic_text_splitter import MarkdownSplitter, TextSplitter

_WINDOW = 32_768
"""Characters that are split at a time, unless chunks are larger. The splitter's time grows with the square of
a sentence's length: this also bounds the time for a text that has none."""


def split(texts: Iterable[str], *, most: int, file_format: Literal["txt", "md"]) -> Iterator[str]:
    """The chunks of a text in order, each of at most `most` characters and without blanks around it.

    Nothing but such blanks is left out. Holds two windows at most, whatever the text's size. The last chunk
    of a window is split again together with what follows it, so that windows leave no trace.
    """
    splitter = TextSplitter(most) if file_format == "txt" else MarkdownSplitter(most)
    window = max(_WINDOW, 4 * most)
    rest = ""
    for piece in _pieces(texts, window):
        rest += piece
        *whole, last = splitter.chunk_indices(rest) or [(len(rest), "")]
        yield from (chunk for _, chunk in whole)
        rest = rest[last[0] :]
        if len(rest) > window:  # the chunk and very many blanks
            yield last[1]
            rest = ""
    yield from splitter.chunks(rest)


def _pieces(texts: Iterable[str], size: int) -> Iterator[str]:
    for text in texts:
        for start in range(0, len(text), size):
            yield text[start : start + size]
