"""What a reader can count on in every file, where no linter says it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("libs", "services", "cli", "tests", "scripts", "bench", "examples")
MOST_LINES = 300
SAY_NOTHING = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc"}

FILES = [*ROOT.glob("*.py"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_longer_than_one_subject_needs() -> None:
    assert [str(path.relative_to(ROOT)) for path in FILES if lines(path) > MOST_LINES] == []


def test_a_files_and_a_folders_name_says_what_is_in_it() -> None:
    paths = [path.relative_to(ROOT) for path in FILES]
    assert [str(path) for path in paths if SAY_NOTHING & {path.stem, *path.parent.parts}] == []
