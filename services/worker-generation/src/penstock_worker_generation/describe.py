"""One column after the other becomes what the report says about it."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from penstock_contracts.dataset import Column
from penstock_worker_generation.cells import Cells
from penstock_worker_generation.dataset import Dataset
from penstock_worker_generation.numbers import Numbers, read_numbers
from penstock_worker_generation.settings import ReportSettings
from penstock_worker_generation.times import Times, read_times
from penstock_worker_generation.values import Values, read_values


@dataclass(frozen=True)
class Described:
    """A column and what its values are like; None where there is no value to describe."""

    column: Column
    present: int
    detail: Numbers | Times | Values | None

    @property
    def unread(self) -> int:
        """How many values do not read as the column's type, and are left out of the detail."""
        return self.present - (self.detail.count if self.detail else 0)


def describe(connection: Connection, dataset: Dataset, settings: ReportSettings) -> Iterator[Described]:
    """The first `report_columns` columns, each as soon as it is read. The connection's time zone must be UTC."""
    for index, column in enumerate(dataset.columns[: settings.report_columns]):
        detail = _detail(Cells(connection, dataset.id, index), column, settings)
        yield Described(column, dataset.rows - column.missing, detail)


def _detail(cells: Cells, column: Column, settings: ReportSettings) -> Numbers | Times | Values | None:
    match column.type:
        case "integer" | "number":
            whole = column.type == "integer"
            return read_numbers(cells, whole=whole, most_intervals=settings.report_bins)
        case "date" | "datetime":
            return read_times(cells, most_intervals=settings.report_bins)
        case "boolean" | "text":
            # One character more than can be shown tells that a value was cut.
            return read_values(cells, most=settings.report_values, characters=settings.report_text_width + 1)
        case "empty":
            return None
