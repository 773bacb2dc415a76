"""The suites that are run: kombu's and Celery's own tests, out of the source distributions that `requirements/` pins.

Nothing of them is in this repository. They are downloaded once, checked by hash, and kept in `.tools/compat/sources`.
"""

import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".tools" / "compat"
"""Made by `make compat`: the runtime's own dependencies, pytest, and pip to download with."""

PINS = ROOT / "requirements" / "compat.txt"
KEPT = ENVIRONMENT / "sources"
TESTS = ("t/", "setup.cfg", "pyproject.toml")
"""What is unpacked. Not the packages: tests must import the installed ones."""


class SourceError(Exception):
    """A source distribution could not be had; the text says why."""


def pin(distribution: str) -> tuple[str, str]:
    """The version and the lines with the hashes of one distribution, as in `requirements/compat.txt`."""
    found = re.search(
        rf"^{distribution}==(\S+) \\\n(?:    --hash=.*\n)+", PINS.read_text(encoding="utf-8"), re.MULTILINE
    )
    if found is None:
        raise SourceError(f"{PINS} has no {distribution}")
    return found[1], found[0]


def unpacked(distribution: str) -> Path:
    """The folder with the tests of this distribution in its pinned version; downloaded where it is not there yet.

    Raises SourceError where it cannot be downloaded.
    """
    version, requirement = pin(distribution)
    folder = KEPT / f"{distribution}-{version}"
    if not folder.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT) as name:
            _unpack(_download(distribution, requirement, Path(name)), Path(name))
            (Path(name) / folder.name).rename(folder)
    return folder


def _download(distribution: str, requirement: str, folder: Path) -> Path:
    (folder / "requirements.txt").write_text(requirement, encoding="utf-8")
    words = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    words += ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
    words += ["--requirement", str(folder / "requirements.txt"), "--dest", str(folder)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SourceError(f"{distribution}: its source distribution could not be downloaded: {ran.stderr.strip()}")
    return next(folder.glob("*.tar.gz"))


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        wanted = [member for member in tar if member.name.partition("/")[2].startswith(TESTS)]
        tar.extractall(folder, wanted, filter="data")
