"""Write every dependency's exact version and hashes into requirements/, and the versions as uv's constraints.

`uv.lock` records where each file was downloaded, so it is not committed; an export names versions and
hashes alone. Versions that no pyproject.toml pins stay as they are unless --upgrade is given.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from workspace import PYPROJECT, REQUIREMENTS, declared, distribution, members, read, uv

CONSTRAINTS = re.compile(r"^constraint-dependencies = \[\n.*?^\]\n", re.MULTILINE | re.DOTALL)
APART = ("fuzz", "compat", "peers")
"""Groups of tools that are installed beside the environment of development, not in it, when they are asked for."""
EXPORT = ["export", "--quiet", "--frozen", "--no-emit-workspace", "--no-header"]


def export(name: str, *what: str) -> None:
    """Write requirements/<name>.txt from the lock file."""
    uv(*EXPORT, *what, "--output-file", str(REQUIREMENTS / f"{name}.txt"))


def pins(exported: Path) -> list[str]:
    """The requirements of an exported file, each as `name==version` with its marker, without the hashes."""
    lines = exported.read_text(encoding="utf-8").splitlines() if exported.exists() else []
    return [line.removesuffix("\\").strip() for line in lines if line and not line.startswith((" ", "#"))]


def locked() -> list[str]:
    """What all exports that are not a member's or uv's pin, each once."""
    found = {pin for name in ("dev", *APART) for pin in pins(REQUIREMENTS / f"{name}.txt")}
    return sorted(found, key=lambda pin: (distribution(pin), pin))


def write_constraints(constraints: list[str]) -> None:
    """Replace the one list of constraints in the root's pyproject.toml."""
    rows = "".join(f'  "{pin}",\n' for pin in constraints)
    before = PYPROJECT.read_text(encoding="utf-8")
    after, found = CONSTRAINTS.subn(f"constraint-dependencies = [\n{rows}]\n", before)
    if found != 1:
        raise SystemExit("pyproject.toml: [tool.uv] needs one list constraint-dependencies, one item a line")
    PYPROJECT.write_text(after, encoding="utf-8")


def unpinned_by_hand(constraints: list[str]) -> list[str]:
    """Those constraints that no pyproject.toml decides, so that a version edited there can move."""
    groups = read(PYPROJECT)["dependency-groups"]
    by_hand = {distribution(requirement) for group in ("dev", *APART) for requirement in groups[group]}
    for member in members():
        by_hand |= {distribution(requirement) for requirement in declared(member)}
    return [constraint for constraint in constraints if distribution(constraint) not in by_hand]


def lock(*, upgrade: bool) -> None:
    """Resolve for every Python and platform; export for development, tools apart, each member and uv itself."""
    REQUIREMENTS.mkdir(exist_ok=True)
    write_constraints([] if upgrade else unpinned_by_hand(locked()))
    uv("lock", *(["--upgrade"] if upgrade else []))
    export("dev", "--all-packages")
    export("uv", "--only-group", "bootstrap")
    for group in APART:
        export(group, "--only-group", group)
    for member, folder in members().items():
        export(folder.name, "--package", member, "--no-dev")
    write_constraints(locked())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="let every version that nothing pins move")
    arguments = parser.parse_args()
    before = PYPROJECT.read_text(encoding="utf-8")
    try:
        lock(upgrade=arguments.upgrade)
    except subprocess.CalledProcessError as error:
        PYPROJECT.write_text(before, encoding="utf-8")
        sys.exit(error.returncode)


if __name__ == "__main__":
    main()
