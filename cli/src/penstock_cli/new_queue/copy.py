"""A copy of the repository, in which a queue is added, and what is different there."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from penstock_cli.new_queue.declaration import NewQueue, QueueRefused
from penstock_cli.new_queue.edits import CONTRACTS, edit
from penstock_cli.new_queue.files import add_files

HELM = ".tools/helm/helm4"
LAST_WORDS = 15
"""Lines of what a tool said that are repeated where it failed."""

_left_out = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "node_modules")


def added(root: Path, queue: NewQueue) -> dict[str, bytes]:
    """Every file that is new or other with the queue, by its path from the root. Raises QueueRefused."""
    if not ((root / HELM).exists() or shutil.which("helm")):
        raise QueueRefused(
            f"there is no helm in {root / HELM}, and none on the PATH, and k8s/ is rendered with it: "
            "`make .tools/helm/installed` puts it there on Linux on x86-64. Nothing was written"
        )
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        copy = Path(shutil.copytree(root, Path(folder) / "copy", ignore=_left_out))
        if (root / ".tools").exists():
            (copy / ".tools").symlink_to((root / ".tools").resolve())
        edit(copy, queue)
        add_files(copy, queue)
        _tidy(copy, queue)
        _render(copy)
        return dict(_differences(root, copy))


def _tidy(copy: Path, queue: NewQueue) -> None:
    """Imports in their order, and lines of their length."""
    contracts = [f"{CONTRACTS}/{name}.py" for name in ("queues", "tasks", queue.name)]
    python = ["app.py", *contracts, f"services/{queue.service}"]
    _run(copy, "-m", "ruff", "check", "--quiet", "--no-cache", "--select", "I", "--fix", *python)
    _run(copy, "-m", "ruff", "format", "--quiet", "--no-cache", *python)


def _render(copy: Path) -> None:
    """k8s/, and what the chart's scenarios are compared with."""
    _run(copy, "scripts/k8s.py")
    _run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/chart/test_golden.py", "-k", "rendered_as_it_was")


def _run(copy: Path, *command: str) -> None:
    """Run this environment's Python there, with the copy's own packages."""
    sources = [str(path) for path in [*copy.glob("*/src"), *copy.glob("*/*/src")]]
    more = {"PYTHONPATH": os.pathsep.join(sources), "PYTHONDONTWRITEBYTECODE": "1", "PENSTOCK_WRITE": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=copy, env=os.environ | more, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-LAST_WORDS:])
        raise QueueRefused(
            f"in a copy of the repository with the queue, `python {' '.join(command)}` failed, so nothing was written; "
            f"mend what it says, or `make setup` what is missing:\n{said}"
        )


def _differences(root: Path, copy: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(copy.rglob("*")):
        name = path.relative_to(copy)
        if not path.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        before, content = root / name, path.read_bytes()
        if not before.is_file() or before.read_bytes() != content:
            yield str(name), content
