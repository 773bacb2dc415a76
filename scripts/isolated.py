"""Import every module of each workspace member where only what that member declares is installed.

In the shared environment a member can import what another one declared; alone, in an image, it cannot.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from workspace import REQUIREMENTS, ROOT, declared, members, uv

ENVIRONMENTS = ROOT / ".tools" / "isolated"
AT_ONCE = 2

# An app module is a process's edge: it reads its settings when it is imported, and connects to nothing.
SETTINGS = {
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "PENSTOCK_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "PENSTOCK_PUBLIC_URL": "http://127.0.0.1:1",
    "PENSTOCK_SECRET_KEY": "long enough, and no secret",
}

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
found = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
modules = [module.name for module in found if not module.name.endswith(".__main__")]  # it would run the program
for name in modules:
    try:
        importlib.import_module(name)
    except ImportError as error:
        sys.exit(f"{name}: {error}")
print(len(modules) + 1)
"""


def with_members(member: str) -> set[str]:
    """The member itself and all members it depends on."""
    direct = set(declared(member)) & members().keys()
    return {member}.union(*(with_members(other) for other in direct))


def environment_for(member: str) -> str:
    """The path of a Python that has what this member declares, and nothing else."""
    environment = ENVIRONMENTS / member
    python = str(environment / "bin" / "python")
    folders = members()
    requirements = str(REQUIREMENTS / f"{folders[member].name}.txt")
    editable = [f"--editable={folders[other]}" for other in sorted(with_members(member))]
    uv("venv", "--quiet", "--allow-existing", "--python", sys.executable, str(environment))
    uv("pip", "sync", "--quiet", "--python", python, "--require-hashes", requirements)
    uv("pip", "install", "--quiet", "--python", python, "--no-deps", *editable)
    return python


def import_alone(member: str) -> str | None:
    """Import all of one member. Returns what went wrong."""
    python = environment_for(member)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PENSTOCK_", "CELERY_"))}
    command = [python, "-I", "-c", IMPORT_ALL, member.replace("-", "_")]
    run = subprocess.run(command, env=clean | SETTINGS, capture_output=True, text=True, check=False)
    if run.returncode:
        return f"{member}: {run.stderr.strip().splitlines()[-1]}"
    sys.stdout.write(f"{member}: {run.stdout.strip()} modules\n")
    return None


def main() -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [failure for failure in pool.map(import_alone, members()) if failure]
    if failures:
        advice = "What a member imports, its own pyproject.toml must declare; then run `make lock`."
        sys.exit("\n".join([*failures, advice]))


if __name__ == "__main__":
    main()
