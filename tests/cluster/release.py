"""A release of the chart: what `helm` does with it."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.namespace import Namespace, run

from penstock_cli.cluster.values import merged as merged  # for those who install

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "penstock"

VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
"""The tag of the suite's own images."""

Values = Mapping[str, Any]


class Release:
    """A release called `penstock` in a namespace of its own."""

    name = "penstock"

    def __init__(self, namespace: Namespace, chart: Path = CHART) -> None:
        self.namespace = namespace
        self._chart = str(chart)

    def helm(self, *arguments: str, values: Values | None = None, seconds: float = 300) -> str:
        """What `helm` prints about this release. Raises Failed."""
        given = ["-f", "-"] if values is not None else []
        command = ("helm", *arguments, *given, "-n", self.namespace.name)
        return run(*command, stdin=json.dumps(values) if given else None, seconds=seconds)

    def template(self, values: Values, *options: str) -> str:
        """The manifests of an installation, as this cluster would get them."""
        return self.helm("template", self.name, self._chart, "--dry-run=server", *options, values=values)

    def install(self, values: Values, *, wait: str = "5m") -> str:
        """`helm install --wait`, which ends when everything is ready; what it prints. With wait="" it does not wait."""
        return self.helm("install", self.name, self._chart, *_waiting(wait), values=values, seconds=600)

    def upgrade(self, values: Values, *, wait: str = "6m") -> str:
        """`helm upgrade --wait` to exactly these values. With wait="" only for the migration."""
        arguments = ("upgrade", self.name, self._chart, "--reset-values", *_waiting(wait))
        return self.helm(*arguments, values=values, seconds=600)

    def rollback(self, revision: int = 0) -> str:
        """Back to a revision; 0 is the one before."""
        return self.helm("rollback", self.name, str(revision), "--wait", "--timeout=6m", seconds=600)

    def test(self) -> str:
        """`helm test`, with what its pods said."""
        return self.helm("test", self.name, "--logs", "--timeout=4m", seconds=300)

    def uninstall(self) -> str:
        """`helm uninstall --wait`; what it prints says what stays."""
        return self.helm("uninstall", self.name, "--wait", "--timeout=4m", seconds=300)

    def revision(self) -> int:
        """The number of the revision that is installed."""
        return int(json.loads(self.helm("status", self.name, "-o", "json"))["version"])


def _waiting(wait: str) -> tuple[str, ...]:
    return ("--wait", f"--timeout={wait}") if wait else ()
