"""`penstock queues new` says what is in the way, and then writes nothing. What it writes is tried in tests/flow."""

import shutil
from pathlib import Path

import pytest
from chart.binaries import binary
from command_line import Penstock

from penstock_cli.new_queue.declaration import LONGEST, NewQueue
from penstock_cli.new_queue.writing import write
from penstock_contracts.queues import Pool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def penstock() -> Penstock:
    """The command line of one who has no API."""
    return Penstock({})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mail:5", "':' stands between a queue's name and a priority"),
        ("", "it is made of small letters"),
        ("Billing", "it is made of small letters"),
        ("2fa", "and begins with a letter"),
        ("mail-merge", "such as monthly_invoices"),
        ("mail__merge", "single underscores between them"),
        ("mail_", "single underscores between them"),
        ("größe", "it is made of small letters"),
        ("billing\n", "it is made of small letters"),
        ("q" * (LONGEST + 1), f"it has {LONGEST + 1} characters and may have {LONGEST}"),
        ("class", "it is a word of Python"),
        ("off", "YAML, and so the chart, takes it for a truth value"),
        ("celery", "parts of Celery are called so"),
        ("mail", "queues.py declares it already"),
        ("opstrace", "services/worker-opstrace is there already"),
        ("task", "penstock_contracts/task.py is there already"),
        ("by_name", "BY_NAME means something else in"),
        ("make_app", "make_app means something else in app.py"),
    ],
)
def test_a_name_that_cannot_be_a_queues_is_refused_with_the_reason(name: str, reason: str, penstock: Penstock) -> None:
    refused = penstock("queues", "new", name, "--root", str(ROOT))
    assert refused.status == 1
    assert reason in refused.told
    assert repr(name[:60]) in refused.told
    assert refused.output == ""


@pytest.mark.parametrize(
    ("option", "value"),
    [("--pool", "threads"), ("--time-limit", "0"), ("--time-limit", "86401"), ("--attempts", "0"), ("--attempts", "x")],
)
def test_a_value_out_of_its_bounds_is_not_understood(option: str, value: str, penstock: Penstock) -> None:
    refused = penstock("queues", "new", "billing", option, value, "--root", str(ROOT))
    assert refused.status == 2
    assert option in refused.told


def test_the_longest_name_fits_what_kubernetes_and_keda_take() -> None:
    queue = NewQueue("q" * LONGEST, Pool.GEVENT, 1, 1)
    assert len(f"keda-hpa-penstock-{queue.service}") == 63


def test_a_folder_that_is_no_copy_of_the_repository_is_named(penstock: Penstock, tmp_path: Path) -> None:
    refused = penstock("queues", "new", "billing", "--root", str(tmp_path))
    assert refused.status == 1
    assert f"no copy of Penstock's repository in {tmp_path}" in refused.told


def test_where_a_file_is_not_as_it_was_it_is_named_and_nothing_is_written(penstock: Penstock, tmp_path: Path) -> None:
    binary("helm4")
    root = tmp_path / "repository"
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".*", "__pycache__", "results"))
    (root / ".tools").symlink_to(ROOT / ".tools")
    (root / "skaffold.yaml").write_text("apiVersion: skaffold/v4beta11\n", encoding="utf-8")
    before = contents(root)
    refused = penstock("queues", "new", "billing", "--root", str(root))
    assert refused.status == 1
    assert refused.told.startswith("skaffold.yaml cannot be changed: '^(?=deploy:$)' is in it 0 times, which were 1.")
    assert contents(root) == before


def test_where_one_file_cannot_be_written_none_is(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"before")
    (tmp_path / "z").mkdir()
    before = contents(tmp_path)
    with pytest.raises(IsADirectoryError):
        write(tmp_path, {"a/b/new": b"1", "there": b"after", "z": b"a folder is in the way"})
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["z"]


def test_queues_without_a_command_still_asks_the_api(penstock: Penstock, tmp_path: Path) -> None:
    told = penstock("queues", "--json", "--state", str(tmp_path)).told
    assert told.startswith("PENSTOCK_API_URL: is not set")
    assert "PENSTOCK_API_URL" not in penstock("queues", "new", "mail", "--root", str(tmp_path)).told
