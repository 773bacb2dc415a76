"""Putting the suite onto a cluster, or changing it there: what is looked at before, and how it goes."""

import asyncio
from dataclasses import dataclass

from penstock_cli.cluster import preflight
from penstock_cli.cluster.checks.cluster import of_owner, of_release
from penstock_cli.cluster.checks.keda import of_keda
from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import CONFLICT, FORBIDDEN, Cluster, ClusterError, Object
from penstock_cli.cluster.doctor import examine
from penstock_cli.cluster.helm import Helm, HelmError
from penstock_cli.cluster.leftovers import forget
from penstock_cli.cluster.progress import Progress
from penstock_cli.cluster.snapshot import take
from penstock_cli.cluster.values import Values
from penstock_cli.cluster.watching import until_there
from penstock_runtime.findings import Finding, Level

OF_KEDA = "keda.sh"
"""Stands in what the chart says without a KEDA, and in what Helm says where only its ScaledObject is not there."""


@dataclass(frozen=True)
class Wish:
    """What is to be deployed, and how long to wait for it, in seconds.

    values: None: those that the release has, or none. images: whether to try whether they can be had.
    """

    values: Values | None
    seconds: int
    patience: int
    images: bool
    only_look: bool


def deploy(cluster: Cluster, helm: Helm, wish: Wish, progress: Progress) -> list[Finding]:
    """Look, install or upgrade, and wait until all is there; what is wrong, and whether anything was changed is said.

    Raises ClusterError and HelmError where the cluster or Helm cannot be asked.
    """
    version = cluster.get("/version")["gitVersion"]
    progress.say(f"Kubernetes {version}, namespace {cluster.namespace}, release {helm.release}")
    values = wish.values if wish.values is not None else asyncio.run(helm.values())
    found = _look(cluster, helm, values, wish, progress)
    if wish.only_look or any(one.level is Level.ERROR for one in found):
        progress.say("nothing was changed of the release")
        return found
    forget(cluster, take(cluster, helm.release))
    return [*found, *asyncio.run(_install(cluster, helm, values, wish, progress))]


def _look(cluster: Cluster, helm: Helm, values: Values, wish: Wish, progress: Progress) -> list[Finding]:
    with progress.step("the release as it is") as found:
        status = asyncio.run(helm.status())
        found += of_release(cluster.namespace, helm.release, status)
        found += of_owner(take(cluster, helm.release), helm.release, status)
    if any(one.level is Level.ERROR for one in found):
        return found
    for one in found:  # this deployment is its fix
        progress.say(f"{one.about}: {one.what}")
    rendered: list[Object] = []
    with progress.step("values and numbers") as refused:
        try:
            rendered = asyncio.run(helm.render(values))
        except HelmError as error:
            refused += _refused(cluster, error)
    if refused:
        return refused
    return _steps(cluster, helm.release, rendered, wish, progress)


def _refused(cluster: Cluster, error: HelmError) -> list[Finding]:
    if OF_KEDA in error.message and (missing := list(of_keda(cluster))):
        return missing
    fix = "change that value (charts/penstock/README.md explains each), and deploy again"
    return [Finding(error.code, "values", error.message, fix)]


def _steps(cluster: Cluster, release: str, rendered: list[Object], wish: Wish, progress: Progress) -> list[Finding]:
    found: list[Finding] = []
    todo = preflight.steps(cluster, rendered)
    if wish.images and not wish.only_look:
        todo.append(preflight.images(cluster, release, rendered, seconds=wish.patience))
    for what, look in todo:
        # The images are tried in the namespace, so it is made first, unless something is wrong already.
        if what == "images":
            if any(one.level is Level.ERROR for one in found):
                return found
            if make_namespace(cluster):
                progress.say(f"the namespace {cluster.namespace} was made")
        with progress.step(what) as seen:
            seen += look()
        found += seen
    return found


def make_namespace(cluster: Cluster) -> bool:
    """Make the namespace where it is not there, and tell whether that was done. Who may not look has one."""
    try:
        if cluster.find(cluster.path) is not None:
            return False
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}}
        cluster.create("/api/v1/namespaces", body)
    except ClusterError as error:
        if error.status not in (CONFLICT, FORBIDDEN):
            raise
        return False
    return True


async def _install(cluster: Cluster, helm: Helm, values: Values, wish: Wish, progress: Progress) -> list[Finding]:
    under_way = asyncio.create_task(helm.install(values, seconds=wish.seconds))
    try:
        with progress:
            wrong = await until_there(
                cluster, helm.release, under_way, progress.show, seconds=wish.seconds, patience=wish.patience
            )
    except HelmError as error:
        return await asyncio.to_thread(_explained, cluster, helm.release, error)
    if wrong:
        await _let_go(under_way)
        return wrong
    progress.say(f"revision {under_way.result()} is there")
    return []


async def _let_go(under_way: "asyncio.Task[int]") -> None:
    """End Helm where it still waits; it marks the release as failed."""
    under_way.cancel()
    await asyncio.wait([under_way])


def _explained(cluster: Cluster, release: str, error: HelmError) -> list[Finding]:
    """What Helm said, and what can be seen of why."""
    seen = examine(cluster, release, lambda what: None)
    wrong = [one for one in seen if one.level is Level.ERROR and one.code != Code.NOT_INSTALLED]
    fix = "mend what else is told; what ran before still runs" if wrong else "do what it says, and deploy again"
    return [Finding(error.code, "Helm", error.message, fix), *wrong]
