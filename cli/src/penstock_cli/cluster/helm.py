"""A release of the chart: what Helm does with it, through pyhelm3."""

import logging
import re
import shutil
from pathlib import Path
from typing import Any

import yaml
from pyhelm3 import Client, Command
from pyhelm3.errors import Error, ReleaseNotFoundError

from penstock_cli.cluster.connection import Object
from penstock_cli.cluster.values import Values
from penstock_runtime.errors import PenstockError

BROUGHT = Path(".tools/helm/helm4")
"""Where `make` puts a helm in the repository."""

SAID_BY_THE_CHART = re.compile(r"execution error at \([^)]*\): (.+)")
SCHEMA = re.compile(r"^\s*-\s*(?:at )?(.+)$", re.MULTILINE)

PENDING = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")


# What fails is raised, and told once, in its own words.
logging.getLogger("pyhelm3").addHandler(logging.NullHandler())


class HelmError(PenstockError):
    """Helm refused, or there is none. The code says which: `helm_missing`, `values_refused`, `helm_failed`."""

    code = "helm_failed"


class Helm:
    """One release in one namespace. Every method raises HelmError."""

    def __init__(self, release: str, namespace: str, context: str | None, chart: str) -> None:
        executable = _executable(Path(chart))
        self.release, self.namespace, self._chart = release, namespace, chart
        self._command = Command(executable=executable, kubecontext=context)
        self._client = Client(self._command, executable=executable)

    async def render(self, values: Values) -> list[Object]:
        """The manifests as the cluster would get them. The chart looks at the cluster, and refuses what cannot work."""
        command = ["template", self.release, self._chart, "--dry-run=server", "--namespace", self.namespace]
        try:
            printed = await self._command.run([*command, "--values", "-"], yaml.safe_dump(values).encode())
        except Error as error:
            raise refusal(error) from None
        return [one for one in yaml.safe_load_all(printed) if one]

    async def status(self) -> str | None:
        """What Helm thinks of the release: `deployed`, `failed`, one of PENDING …; None: there is none."""
        try:
            revision = await self._client.get_current_revision(self.release, namespace=self.namespace)
        except ReleaseNotFoundError:
            return None
        except Error as error:
            raise refusal(error) from None
        return str(revision.status.value)

    async def values(self) -> Values:
        """The values that the release was given; empty where there is none."""
        try:
            revision = await self._client.get_current_revision(self.release, namespace=self.namespace)
            found: Any = await revision.values()
        except ReleaseNotFoundError:
            return {}
        except Error as error:
            raise refusal(error) from None
        return dict(found or {})

    async def install(self, values: Values, *, seconds: int) -> int:
        """Install, or upgrade to exactly these values; the number of the revision. Waits for what migrates, and not for
        the pods."""
        try:
            chart = await self._client.get_chart(self._chart)
            revision = await self._client.install_or_upgrade_release(
                self.release, chart, values, namespace=self.namespace, reset_values=True, timeout=f"{seconds}s"
            )
        except Error as error:
            raise refusal(error) from None
        return int(revision.revision)

    async def uninstall(self, *, seconds: int) -> None:
        """Take it away, and wait for its objects to be gone."""
        try:
            await self._client.uninstall_release(
                self.release, namespace=self.namespace, wait=True, timeout=f"{seconds}s"
            )
        except Error as error:
            raise refusal(error) from None


def _executable(chart: Path) -> str:
    found = shutil.which("helm")
    if found is not None:
        return found
    folders = [chart.resolve(), *chart.resolve().parents]
    brought = [folder / BROUGHT for folder in folders if (folder / BROUGHT).exists()]
    if brought:
        return str(brought[0])
    raise HelmError(
        "there is no helm on the PATH; install Helm 3.14 or newer, or `make .tools/helm/installed` in the repository",
        code="helm_missing",
    )


def refusal(error: Error) -> HelmError:
    """What Helm said, without its own frame around the chart's sentence."""
    said = error.stderr.decode(errors="replace").strip()
    if found := SAID_BY_THE_CHART.search(said):
        return HelmError(found[1], code="values_refused")
    if "don't meet the specifications of the schema" in said:
        wrong = "; ".join(one.replace("'/", "'").replace("'': ", "") for one in SCHEMA.findall(said))
        return HelmError(f"the chart does not take these values: {wrong}", code="values_refused")
    return HelmError(said[said.find("Error: ") :].removeprefix("Error: "))
