"""A report as both of its forms show it: every text ready, every picture drawn."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from penstock_worker_generation.dataset import Dataset
from penstock_worker_generation.describe import Described
from penstock_worker_generation.formats import NO_VALUE, figure, one_line, percent
from penstock_worker_generation.sections import Section, section
from penstock_worker_generation.texts import Texts


@dataclass(frozen=True)
class Line:
    """One column in the overview. `missing_share` is between 0 and 1."""

    number: str
    name: str
    type: str
    values: str
    missing: str
    missing_percent: str
    missing_share: float


@dataclass(frozen=True)
class Document:
    """The report. `totals` are the large numbers at its top: what is counted, how many, and a remark."""

    texts: Texts
    title: str
    made: str
    totals: tuple[tuple[str, str, str], ...]
    overview: tuple[Line, ...]
    omitted: str
    sections: tuple[Section, ...]


def compose(
    dataset: Dataset,
    described: Sequence[Described],
    texts: Texts,
    *,
    title: str,
    made_at: datetime,
    text_width: int,
) -> Document:
    """The report on a dataset of which `described` are the first columns. Its size does not grow with the dataset's."""
    cells = dataset.rows * len(dataset.columns)
    totals = (
        (texts.rows, figure(dataset.rows), ""),
        (texts.columns, figure(len(dataset.columns)), _types(dataset, texts)),
        (texts.missing, figure(dataset.missing), percent(dataset.missing, cells)),
    )
    omitted = ""
    if len(described) < len(dataset.columns):
        omitted = texts.only_the_first.format(shown=figure(len(described)), all=figure(len(dataset.columns)))
    return Document(
        texts,
        one_line(title, 2 * text_width),
        texts.made.format(time=f"{made_at:%Y-%m-%d %H:%M}"),
        totals,
        tuple(_line(number, one, dataset, texts, text_width) for number, one in enumerate(described, 1)),
        omitted,
        tuple(section(number, one, texts, text_width) for number, one in enumerate(described, 1)),
    )


def _types(dataset: Dataset, texts: Texts) -> str:
    """How many columns there are of each type, the most frequent one first."""
    found = Counter(column.type for column in dataset.columns).most_common()
    told = (texts.columns_of_type.format(count=figure(count), type=texts.types[kind]) for kind, count in found)
    return texts.separator.join(told)


def _line(number: int, about: Described, dataset: Dataset, texts: Texts, width: int) -> Line:
    missing = about.column.missing
    return Line(
        str(number),
        one_line(about.column.name, width) or NO_VALUE,
        texts.types[about.column.type],
        figure(about.present),
        figure(missing),
        percent(missing, dataset.rows),
        missing / dataset.rows if dataset.rows else 0.0,
    )
