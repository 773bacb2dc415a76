"""A copy of the repository with a queue more, as `penstock queues new` makes it, and the images that know the queue.

python tests/cluster/images/grown.py [--names]
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
GROWN = ROOT / ".tools/grown"
"""The copy. Its chart is installed by test_a_generated_queue.py."""

QUEUE = "invoices"
KNOWING = ("api", "scheduler", f"worker-{QUEUE}")
"""Who must know the declaration: the API takes its jobs, the relay publishes them again, the worker runs them."""


def tag() -> str:
    """What stands behind the images' names."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return f"{version}-{QUEUE}"


def grow() -> None:
    """Copy the repository, and add the queue to the copy. Nothing else is changed there."""
    shutil.rmtree(GROWN, ignore_errors=True)
    shutil.copytree(ROOT, GROWN, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "results"))
    (GROWN / ".tools").symlink_to(ROOT / ".tools")
    command = [str(Path(sys.executable).with_name("penstock")), "queues", "new", QUEUE, "--root", str(GROWN)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (GROWN / ".tools").unlink()


def main() -> None:
    images = {service: f"penstock/{service}:{tag()}" for service in KNOWING}
    if "--names" in sys.argv:
        sys.stdout.writelines(f"{image}\n" for image in images.values())
        return
    grow()
    for service, image in images.items():
        command = ["docker", "build", "--quiet", "--build-arg", f"SERVICE={service}", "--tag", image, str(GROWN)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
