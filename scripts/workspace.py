"""What the scripts know of this workspace: its members, what they declare, and the uv that serves it."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"
REQUIREMENTS = ROOT / "requirements"


def uv(*arguments: str) -> None:
    """Run uv at the root. Raises CalledProcessError; uv has said why."""
    subprocess.run([str(ROOT / "scripts" / "uv"), *arguments], cwd=ROOT, check=True)


def read(pyproject: Path) -> dict[str, Any]:
    """One pyproject.toml."""
    return tomllib.loads(pyproject.read_text(encoding="utf-8"))


def members() -> dict[str, Path]:
    """Each member's name and folder: penstock-api is services/api."""
    globs = read(PYPROJECT)["tool"]["uv"]["workspace"]["members"]
    folders = [path.parent for glob in globs for path in sorted(ROOT.glob(f"{glob}/pyproject.toml"))]
    return {f"penstock-{folder.name}": folder for folder in folders}


def declared(member: str) -> list[str]:
    """The requirements that a member's pyproject.toml lists."""
    requirements: list[str] = read(members()[member] / "pyproject.toml")["project"]["dependencies"]
    return requirements


def distribution(requirement: str) -> str:
    """The name that a requirement begins with."""
    return re.split(r"[\[=<>~!; ]", requirement, maxsplit=1)[0]
