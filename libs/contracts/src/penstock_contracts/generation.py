"""The generation queue: documents are made from what was imported."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from penstock_contracts.queues import GENERATION
from penstock_contracts.task import Contract, Task


class Report(Contract):
    """Describe a dataset of rows: columns, types, missing values, distributions. No title: the dataset's name."""

    dataset_id: Annotated[UUID, Field(description="of a dataset that has rows")]
    title: Annotated[str | None, Field(min_length=1, max_length=200, description="else the dataset's name")] = None
    locale: Annotated[Literal["zh", "en"], Field(description="the report's language")] = "en"


class MadeFile(Contract):
    """A file that a job made, to be downloaded under its id."""

    file_id: Annotated[UUID, Field(description="to download it by")]
    name: str
    media_type: str
    bytes: int


class Reported(Contract):
    """The files of one report: HTML and PDF."""

    dataset_id: UUID
    files: list[MadeFile]


REPORT = Task("generation.report", GENERATION, Report, Reported)
