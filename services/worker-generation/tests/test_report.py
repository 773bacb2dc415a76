"""The task from dataset to files, with the ledger and a folder as object storage."""

import hashlib
import io
import re
from base64 import b64decode
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader
from sqlalchemy import select

from penstock_contracts.generation import REPORT, Report, Reported
from penstock_runtime.job import Job
from penstock_runtime.ledger.accept import accept
from penstock_runtime.ledger.run import claim
from penstock_runtime.schema import files
from penstock_runtime.settings import load
from penstock_runtime.storage import Storage
from penstock_worker_generation.settings import ReportSettings
from penstock_worker_generation.tasks import reporter

HOSTILE = [
    "<script>alert(1)</script>",
    '#panic("typst")',
    '#read("/etc/passwd")',
    "$\\frac{a}$ and $b$",
    "*bold* _it_ `code` @label",
    "-->]]>&amp;{{ 7 * 7 }}",
    "😀 한국어 العربية",
    "x" * 5000,
    "\u202eevil\u0007",
]

CITIES = ["上海市", "北京市", "深圳市"]


@pytest.fixture
def task(settings):
    """The report as the worker serves it, unless a test sets other bounds."""
    return reporter(load(ReportSettings), settings.storage_url)


@pytest.fixture
def orders(imported):
    """A dataset with a column of each type, Chinese names and values, and gaps."""
    days = [date(2024, 1, 1) + timedelta(days=3 * i) for i in range(90)]
    return imported(
        name="订单.csv",
        城市=("text", [CITIES[i % 3] for i in range(90)]),
        数量=("integer", [str(i % 7) for i in range(90)]),
        金额=("number", [None if i % 9 == 0 else f"{i * 1.5}" for i in range(90)]),
        会员=("boolean", ["true" if i % 4 else "false" for i in range(90)]),
        日期=("date", [day.isoformat() for day in days]),
        发货=("datetime", [f"{day}T08:30:00+08:00" for day in days]),
        备注=("empty", [None] * 90),
    )


@pytest.fixture
def content(database, settings):
    """What a finished job's file with some ending holds."""

    def read(job, ending: str) -> bytes:
        [made] = [file for file in Reported.model_validate(job.result).files if file.name.endswith(ending)]
        with database.connect() as connection:
            row = connection.execute(select(files).where(files.c.id == made.file_id)).one()
        found = b"".join(Storage(settings.storage_url).read(row.storage_key))
        assert (row.bytes, row.sha256) == (len(found), hashlib.sha256(found).hexdigest())
        assert (row.tenant, row.job_id, row.media_type) == (job.tenant, job.id, made.media_type)
        return found

    return read


def pdf_text(data: bytes) -> str:
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
    return text.replace("\u200b", "")


@pytest.mark.parametrize(
    ("locale", "words"), [("zh", ["数据集报告", "缺失值"]), ("en", ["Dataset report", "Missing values"])]
)
def test_both_files_say_title_columns_and_values_in_the_language_asked_for(run, task, orders, content, locale, words):
    job = run(task, Report(dataset_id=orders, title="一季度订单", locale=locale))
    assert job.state == "succeeded", job.error
    html, pdf = content(job, ".html").decode(), pdf_text(content(job, ".pdf"))
    for word in [*words, "一季度订单", "城市", "数量", "金额", "上海市", "2024-01-01", "11.1"]:
        assert word in html
        assert word in pdf


def test_without_a_title_the_report_is_called_as_its_dataset(run, task, orders):
    job = run(task, Report(dataset_id=orders))
    assert [(file["name"], file["media_type"]) for file in job.result["files"]] == [
        ("订单.csv.html", "text/html"),
        ("订单.csv.pdf", "application/pdf"),
    ]


def test_the_html_needs_nothing_from_elsewhere(run, task, orders, content):
    html = content(run(task, Report(dataset_id=orders)), ".html").decode()
    assert "<script" not in html
    links = re.findall(r'(?:src|href)="([^"]*)"|url\("?([^")]*)', html)
    for link in filter(None, (one or other for one, other in links)):
        assert link.startswith(("#", "data:"))


def test_every_picture_has_ids_of_its_own(run, task, orders, content):
    html = content(run(task, Report(dataset_id=orders)), ".html").decode()
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert html.count("<svg") == 6
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]*)', html)) <= set(ids)


def test_the_html_carries_the_letters_it_uses_with_the_fonts_licence(run, task, orders, content):
    html = content(run(task, Report(dataset_id=orders, locale="zh")), ".html").decode()
    found = re.search(r"data:font/woff;base64,([^\"]*)", html)
    with TTFont(io.BytesIO(b64decode(found[1]))) as font:
        assert {ord(letter) for letter in "上海市订单数据集报告"} <= set(font.getBestCmap())
        assert len(font.getBestCmap()) < 500
        assert "SIL Open Font License" in font["name"].getDebugName(13)


def test_hostile_names_and_values_are_only_shown(run, task, imported, content):
    columns = {name: ("text", HOSTILE + [value] * 3) for name, value in zip(HOSTILE, reversed(HOSTILE), strict=True)}
    job = run(task, Report(dataset_id=imported(**columns), title='<script>#panic("title")'))
    assert job.state == "succeeded", job.error
    html, pdf = content(job, ".html").decode(), pdf_text(content(job, ".pdf"))
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ 7 * 7 }}" in html
    for shown in ("<script>alert(1)</script>", '#panic("typst")', '#read("/etc/passwd")', "$\\frac{a}$ and $b$"):
        assert shown in pdf
    assert "root:" not in pdf
    assert "\u202e" not in html


def test_columns_beyond_the_bound_are_said_to_be_left_out(run, settings, imported, content):
    bounded = reporter(load(ReportSettings, report_columns=2), settings.storage_url)
    three = imported(**{name: ("text", ["x", "x", "y"]) for name in ("first", "second", "third")})
    html = content(run(bounded, Report(dataset_id=three)), ".html").decode()
    assert "The first 2 of 3 columns are described." in html
    assert "second" in html
    assert "third" not in html
    two = imported(**{name: ("text", ["x", "x", "y"]) for name in ("first", "second")})
    assert "are described" not in content(run(bounded, Report(dataset_id=two)), ".html").decode()


def test_values_beyond_the_bound_are_counted_together(run, settings, imported, content):
    bounded = reporter(load(ReportSettings, report_values=2), settings.storage_url)
    letters = imported(letter=("text", list("aaabbcd")))
    html = content(run(bounded, Report(dataset_id=letters)), ".html").decode().replace("\u00a0", " ")
    assert "The 2 most frequent of 4 values; others: 2 rows (28.6 %)" in html


def test_values_that_do_not_read_as_their_type_are_counted(run, task, imported, content):
    dates = imported(day=("date", ["2024-01-01", "0001-01-01", "2024-02-02"]))
    html = content(run(task, Report(dataset_id=dates)), ".html").decode()
    assert re.search(r"Not shown</dt><dd>1</dd>", html)


def test_a_header_without_rows_is_a_report_too(run, task, imported, content):
    job = run(task, Report(dataset_id=imported(a=("empty", []), b=("empty", []))))
    assert job.state == "succeeded", job.error
    assert "No row has a value here." in content(job, ".html").decode()


@pytest.mark.parametrize("cells", [["1"], ["1", "1"], ["1", None], ["999999999999999999", "999999999999999998"]])
def test_columns_with_hardly_anything_in_them_are_described(run, task, imported, cells):
    columns = {kind: (kind, cells) for kind in ("integer", "number", "boolean", "date", "text")}
    assert run(task, Report(dataset_id=imported(**columns))).state == "succeeded"


def test_a_job_that_runs_again_makes_the_same_files_in_a_place_of_their_own(task, imported, database):
    payload = Report(dataset_id=imported(x=("integer", ["1", "2"])))
    with database.begin() as connection:
        job_id = accept(connection, REPORT.message(payload), tenant="default").job_id
    autocommit = database.execution_options(isolation_level="AUTOCOMMIT")
    results = []
    tokens = [uuid4(), uuid4()]
    for token, finishes in zip(tokens, (False, True), strict=True):
        with autocommit.connect() as connection:
            claimed = claim(connection, job_id, token, lease=0, worker="test")
        job = Job(claimed, database, autocommit, lease=20)
        results.append(task.handler(payload, job))
        if finishes:
            job.finish_with_effects(results[-1].model_dump(mode="json"))
        job.close()
    with database.connect() as connection:
        keys = {row.id: row.storage_key for row in connection.execute(select(files))}
    assert [file.file_id for file in results[0].files] == [file.file_id for file in results[1].files] == list(keys)
    assert list(keys.values()) == [f"reports/{job_id}/{tokens[1]}/report.{kind}" for kind in ("html", "pdf")]


def test_a_text_is_rejected(run, task, imported):
    job = run(task, Report(dataset_id=imported(name="notes.txt")))
    assert (job.state, job.error["code"]) == ("failed", "not_tabular")


def test_a_dataset_that_does_not_exist_is_rejected(run, task):
    job = run(task, Report(dataset_id=uuid4()))
    assert (job.state, job.error["code"]) == ("failed", "dataset_missing")


def test_a_dataset_of_another_tenant_does_not_exist(run, task, imported, database):
    theirs = imported(tenant="theirs", x=("integer", ["1"]))
    job = run(task, Report(dataset_id=theirs), tenant="ours")
    assert (job.state, job.error["code"]) == ("failed", "dataset_missing")
    with database.connect() as connection:
        assert connection.execute(select(files)).all() == []


def test_files_belong_to_the_tenant_of_the_job(run, task, imported, content):
    job = run(task, Report(dataset_id=imported(tenant="ours", x=("integer", ["1"]))), tenant="ours")
    assert content(job, ".pdf").startswith(b"%PDF")


def test_progress_tells_columns_up_to_the_last(run, task, orders):
    job = run(task, Report(dataset_id=orders))
    assert job.progress == {"done": 7, "total": 7, "unit": "columns"}
    assert UUID(job.result["dataset_id"]) == orders
