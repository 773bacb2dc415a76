"""The files that a new queue brings."""

import shutil
import tomllib
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from penstock_cli.new_queue.declaration import NewQueue
from penstock_cli.new_queue.edits import CONTRACTS

_templates = Environment(
    loader=PackageLoader("penstock_cli.new_queue"), undefined=StrictUndefined, keep_trailing_newline=True
)


def add_files(root: Path, queue: NewQueue) -> None:
    """Write the contract, the service and the list of what its image installs under `root`."""
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for name, template in _contents(queue).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_templates.get_template(template).render(queue=queue, version=version), encoding="utf-8")
    (root / f"services/{queue.service}/src/{queue.package}/py.typed").touch()
    # It declares what the runtime does, and so it installs the same.
    shutil.copy(root / "requirements/runtime.txt", root / f"requirements/{queue.service}.txt")


def _contents(queue: NewQueue) -> dict[str, str]:
    """Each file's path and its template."""
    service = f"services/{queue.service}"
    source = f"{service}/src/{queue.package}"
    return {
        f"{CONTRACTS}/{queue.name}.py": "contract.py.jinja",
        f"{service}/pyproject.toml": "pyproject.toml.jinja",
        f"{service}/README.md": "README.md.jinja",
        f"{source}/__init__.py": "package.py.jinja",
        f"{source}/app.py": "app.py.jinja",
        f"{source}/tasks.py": "tasks.py.jinja",
        f"{service}/tests/test_{queue.name}.py": "test.py.jinja",
    }
