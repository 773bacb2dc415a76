"""Build the images of examples/flask-celery: as it is, and moved, by the commands and the diff of its README.

python tests/cluster/images/example.py [--names]
"""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = Path("examples/flask-celery")
OLD, MOVED = "penstock/test-example:old", "penstock/test-example:moved"


def build_moved(root: Path) -> None:
    """Change a copy as the README says, and build it as it says, under a name of the tests' own."""
    readme = (ROOT / EXAMPLE / "README.md").read_text(encoding="utf-8")
    [change] = re.findall(r"^```diff\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    [command] = re.findall(r"^    (docker build .+)$", readme, re.MULTILINE)
    shutil.copytree(ROOT / EXAMPLE, root / EXAMPLE, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "libs").symlink_to(ROOT / "libs")
    subprocess.run(["git", "apply", "-"], cwd=root / EXAMPLE, input=change, text=True, check=True)
    words = [MOVED if word.endswith("/shop:1") else word for word in shlex.split(command)]
    subprocess.run([*words, "--quiet"], cwd=root / EXAMPLE, check=True)


def main() -> None:
    if "--names" in sys.argv:
        sys.stdout.write(f"{OLD}\n{MOVED}\n")
        return
    subprocess.run(["docker", "build", "--quiet", "--tag", OLD, str(ROOT / EXAMPLE)], check=True)
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        build_moved(Path(folder))


if __name__ == "__main__":
    main()
