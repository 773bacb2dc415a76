"""What a report says about one column: facts, a picture, and what the picture shows."""

from dataclasses import dataclass

from penstock_contracts.dataset import ColumnType
from penstock_worker_generation import plots
from penstock_worker_generation.describe import Described
from penstock_worker_generation.formats import NO_VALUE, figure, moment, one_line, percent
from penstock_worker_generation.numbers import Numbers
from penstock_worker_generation.texts import Texts
from penstock_worker_generation.times import Times
from penstock_worker_generation.values import Values

LABEL_WIDTH = 30
"""Columns of text that fit beside the bars of a picture."""

MOST_EXAMPLES = 5

Fact = tuple[str, str]


@dataclass(frozen=True)
class Picture:
    """A plot as SVG with the colours of `plots` to be replaced, and what it shows."""

    svg: str
    caption: str


@dataclass(frozen=True)
class Section:
    """One column. `note` stands where a picture would say nothing, or beside one."""

    number: int
    name: str
    type: str
    facts: tuple[Fact, ...]
    picture: Picture | None = None
    note: str = ""


def section(number: int, about: Described, texts: Texts, width: int) -> Section:
    """What is said about the column with this number (from 1). Texts are shortened to `width` columns."""
    facts: list[Fact] = [(texts.values, figure(about.present))]
    if about.unread:
        facts.append((texts.unread, figure(about.unread)))
    key = f"c{number}"
    picture: Picture | None = None
    note = ""
    match about.detail:
        case Numbers() as numbers:
            facts += _of_numbers(numbers, texts)
            picture, note = _picture_of_numbers(numbers, texts, key)
        case Times() as times:
            facts += _of_times(times, texts, day_only=about.column.type == "date")
            picture, note = _picture_of_times(times, texts, key)
        case Values() as values:
            facts += _of_values(values, texts, width, about.column.type)
            picture, note = _picture_of_values(values, texts, key, width)
        case None:
            note = texts.no_values
    name = one_line(about.column.name, width) or NO_VALUE
    return Section(number, name, texts.types[about.column.type], tuple(facts), picture, note)


def _of_numbers(numbers: Numbers, texts: Texts) -> list[Fact]:
    low, middle, high = numbers.quartiles
    return [
        (texts.distinct, figure(numbers.distinct)),
        (texts.smallest, figure(numbers.smallest)),
        (texts.largest, figure(numbers.largest)),
        (texts.mean, figure(numbers.mean)),
        (texts.median, figure(middle)),
        (texts.middle_half, texts.between.format(low=figure(low), high=figure(high))),
        (texts.deviation, NO_VALUE if numbers.deviation is None else figure(numbers.deviation)),
    ]


def _picture_of_numbers(numbers: Numbers, texts: Texts, key: str) -> tuple[Picture | None, str]:
    if numbers.distinct == 1:
        return None, texts.all_equal
    if numbers.intervals.count == 1:
        return None, texts.too_close
    svg = plots.histogram(numbers.intervals, numbers.counts, key)
    each = numbers.intervals.centred
    caption = texts.per_number if each else texts.per_interval.format(step=figure(numbers.intervals.step))
    return Picture(svg, caption), ""


def _of_times(times: Times, texts: Texts, *, day_only: bool) -> list[Fact]:
    return [
        (texts.distinct, figure(times.distinct)),
        (texts.earliest, moment(times.earliest, day_only=day_only)),
        (texts.latest, moment(times.latest, day_only=day_only)),
        (texts.median, moment(times.median, day_only=day_only)),
        (texts.span, texts.days.format(days=figure((times.latest - times.earliest).days))),
    ]


def _picture_of_times(times: Times, texts: Texts, key: str) -> tuple[Picture | None, str]:
    if times.distinct == 1:
        return None, texts.all_equal
    caption = texts.per_unit.format(unit=texts.units[times.unit])
    return Picture(plots.timeline(times, key), caption), ""


def _of_values(values: Values, texts: Texts, width: int, kind: ColumnType) -> list[Fact]:
    facts = [(texts.distinct, figure(values.distinct))]
    if not _all_differ(values):
        facts.append((texts.most_frequent, one_line(values.frequent[0][0], width)))
    if kind == "text":
        facts.append((texts.longest, texts.characters.format(count=figure(values.longest))))
    return facts


def _picture_of_values(values: Values, texts: Texts, key: str, width: int) -> tuple[Picture | None, str]:
    if values.distinct == 1:
        return None, texts.all_equal
    if _all_differ(values):
        examples = texts.list_mark.join(one_line(value, width) for value, _ in values.frequent[:MOST_EXAMPLES])
        return None, texts.all_different.format(examples=examples)
    labels = [one_line(value, min(width, LABEL_WIDTH)) for value, _ in values.frequent]
    counts = [count for _, count in values.frequent]
    shown, rest = len(counts), values.count - sum(counts)
    caption = (texts.frequent_of if rest else texts.frequent).format(
        shown=figure(shown), all=figure(values.distinct), rest=figure(rest), share=percent(rest, values.count)
    )
    return Picture(plots.bars(labels, counts, values.count, key), caption), ""


def _all_differ(values: Values) -> bool:
    return values.distinct == values.count > 1
