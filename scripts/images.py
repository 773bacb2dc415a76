"""Build the image of each service, under the repository and tag that are the chart's defaults, and show the sizes.

python scripts/images.py [--repository R] [--tag T] [--push] [--names]
"""

import argparse
import subprocess
import sys

import yaml
from rich.console import Console
from rich.table import Table
from workspace import ROOT

CHART = ROOT / "charts" / "penstock"


def services() -> list[str]:
    """The services, each of which has an image of its own."""
    return [folder.parent.name for folder in sorted(ROOT.glob("services/*/pyproject.toml"))]


def default_repository() -> str:
    """Where the chart looks for images."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return str(values["image"]["repository"])


def default_tag() -> str:
    """Which of them it takes."""
    return str(yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"])


def docker(*arguments: str) -> str:
    """What docker printed. Raises CalledProcessError; docker has said why."""
    ran = subprocess.run(["docker", *arguments], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    return ran.stdout.strip()


def build(images: dict[str, str], *, push: bool) -> None:
    """Build, and with `push` push, the image of each service. Raises CalledProcessError."""
    table = Table(title="images")
    table.add_column("image")
    table.add_column("size, MB", justify="right")
    with Console(stderr=True).status("") as status:
        for service, image in images.items():
            status.update(f"building {image}")
            docker("build", "--quiet", "--build-arg", f"SERVICE={service}", "--tag", image, ".")
            if push:
                status.update(f"pushing {image}")
                docker("push", "--quiet", image)
            size = int(docker("image", "inspect", "--format", "{{.Size}}", image))
            table.add_row(image, f"{size / 1_000_000:.0f}")
    Console().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repository", default=default_repository(), help="default: the chart's, %(default)s")
    parser.add_argument("--tag", default=default_tag(), help="default: the chart's, %(default)s")
    parser.add_argument("--push", action="store_true", help="push each image once it is built")
    parser.add_argument("--names", action="store_true", help="print the names of the images and build nothing")
    given = parser.parse_args()
    images = {service: f"{given.repository}/{service}:{given.tag}" for service in services()}
    if given.names:
        sys.stdout.writelines(f"{image}\n" for image in images.values())
        return 0
    try:
        build(images, push=given.push)
    except FileNotFoundError:
        sys.stderr.write("There is no docker on the PATH, which builds the images: install Docker with BuildKit.\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"docker {error.cmd[1]} failed (status {error.returncode}); what it said stands above.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
