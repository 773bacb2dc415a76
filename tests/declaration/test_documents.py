"""The documents say what is: the services, the verbs of make, and the files they point to."""

import re
from pathlib import Path

import pytest

from penstock_api.problems import PROBLEMS
from penstock_contracts.queues import QUEUES
from penstock_contracts.tasks import TASKS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for glob in (
        "*.md",
        "docs/**/*.md",
        "services/*/README.md",
        "cli/README.md",
        "charts/*/README.md",
        "k8s/**/README.md",
        "examples/*/README.md",
    )
    for path in ROOT.glob(glob)
)

document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def rows(text: str) -> dict[str, list[str]]:
    """The rows of a document's tables by the plain text of their first cell."""
    found = {}
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found[re.sub(r"[`\[\]]|\(.*?\)", "", cells[0])] = cells[1:]
    return found


def test_the_readmes_table_has_every_queue_with_its_service_pool_and_tasks() -> None:
    table = rows((ROOT / "README.md").read_text(encoding="utf-8"))
    for queue in QUEUES:
        row = " ".join(table[queue.name])
        assert f"services/{queue.service}" in row
        assert queue.pool.value in row
        tasks = {task.name for task in TASKS if task.queue is queue}
        assert set(re.findall(rf"`({queue.name}\.\w+)`", row)) == tasks


def test_the_page_about_the_api_has_every_problem_with_its_status_and_no_other() -> None:
    section = (ROOT / "docs/api.md").read_text(encoding="utf-8").partition("## Errors")[2].partition("\n## ")[0]
    table = {code: cells[0] for code, cells in rows(section).items() if cells[0].isdecimal()}
    assert table == {code: str(status) for code, (status, _) in PROBLEMS.items()}


@document
def test_a_document_names_only_verbs_that_make_has(path: Path) -> None:
    verbs = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:`|^ {4}|^)make ([a-z0-9-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= verbs


@document
def test_the_files_a_document_links_to_are_there(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []
