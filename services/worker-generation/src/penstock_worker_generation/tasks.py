"""The task of the generation queue: a dataset becomes a report."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from penstock_contracts.generation import REPORT, Report, Reported
from penstock_runtime.job import Job
from penstock_runtime.settings import RuntimeSettings, load_or_exit
from penstock_runtime.storage import Storage
from penstock_runtime.worker import Served, serve
from penstock_worker_generation.dataset import Dataset, find_dataset
from penstock_worker_generation.describe import Described, describe
from penstock_worker_generation.settings import ReportSettings
from penstock_worker_generation.store import Made, keep
from penstock_worker_generation.texts import TEXTS, Locale


def served() -> list[Served[Any, Any]]:
    """What this worker serves. Ends the process where a setting is wrong."""
    return [reporter(load_or_exit(ReportSettings), load_or_exit(RuntimeSettings).storage_url)]


def reporter(settings: ReportSettings, storage_url: str) -> Served[Report, Reported]:
    """Reports on datasets, kept in the storage at a URL."""

    def handle(payload: Report, job: Job) -> Reported:
        dataset, described = _read(payload, job, settings)
        title = payload.title or dataset.name
        made = _make(dataset, described, title, payload.locale, settings)
        # Opened here, in the child: a store brings threads with it, which do not survive a fork.
        storage = Storage(storage_url)
        return Reported(dataset_id=dataset.id, files=keep(made, title, job, storage))

    return serve(REPORT, handle)


def _read(payload: Report, job: Job, settings: ReportSettings) -> tuple[Dataset, list[Described]]:
    """What is to be reported, all of it as it stood at one moment."""
    described: list[Described] = []
    with job.database.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
        dataset = find_dataset(connection, payload.dataset_id, tenant=job.tenant)
        total = min(len(dataset.columns), settings.report_columns)
        for column in describe(connection, dataset, settings):
            described.append(column)
            job.progress(len(described), total, "columns")
    return dataset, described


def _make(
    dataset: Dataset, described: list[Described], title: str, locale: Locale, settings: ReportSettings
) -> list[Made]:
    # matplotlib and typst take a second to import: only a process that makes a report pays for them.
    from penstock_worker_generation import html, pdf
    from penstock_worker_generation.document import compose

    made_at = datetime.now(UTC).replace(microsecond=0)  # typst takes whole seconds
    document = compose(
        dataset,
        described,
        TEXTS[locale],
        title=title,
        made_at=made_at,
        text_width=settings.report_text_width,
    )
    return [
        Made(".html", "text/html", html.render(document)),
        Made(".pdf", "application/pdf", pdf.render(document, made_at)),
    ]
