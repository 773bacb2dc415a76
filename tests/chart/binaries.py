"""helm and kubectl, which `make test` puts into .tools/helm."""

import shutil
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "helm"
SERVES = {"helm4": "helm", "kubectl": "kubectl"}
"""What another installation of may serve."""


def binary(name: str) -> str:
    """The path of a binary, or of one on the PATH that serves. Skips the test where there is none."""
    path = TOOLS / name
    if path.exists():
        return str(path)
    found = shutil.which(SERVES.get(name, name))
    if name in SERVES and found:
        return found
    pytest.skip(
        f"{name} is not in .tools/helm: `make test` puts it there on Linux on x86-64, where its package is to be had"
    )
