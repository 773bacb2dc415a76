"""Whether the cluster can get the images: a pod tries it, with a container for each, before anything is installed."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from penstock_cli.cluster.checks.needs import pod_specs
from penstock_cli.cluster.checks.pods import NO_IMAGE, image_missing
from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import FORBIDDEN, MISSING, Cluster, ClusterError, Object
from penstock_cli.cluster.snapshot import condition
from penstock_runtime.findings import Finding, Level

EVERY = 0.5
"""Seconds between two looks at the pod."""

CONFINED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
SMALL = {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"cpu": "50m", "memory": "64Mi"}}


def of_images(cluster: Cluster, release: str, objects: Iterable[Object], *, seconds: float) -> Iterator[Finding]:
    """Findings of images that cannot be had. After `seconds` those still being fetched are warned of."""
    pods = [pod for _, pod in pod_specs(objects)]
    images = sorted({(one["image"], one.get("imagePullPolicy", "")) for pod in pods for one in _containers(pod)})
    secrets = sorted({one["name"] for pod in pods for one in pod.get("imagePullSecrets") or []})
    with _pod(cluster, _manifest(f"{release}-images", release, images, secrets)) as (path, refused):
        if refused is not None:
            yield refused
            return
        yield from _await(cluster, path, time.monotonic() + seconds)


def _containers(pod: Object) -> list[Object]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def _manifest(name: str, release: str, images: list[tuple[str, str]], secrets: list[str]) -> Object:
    # Whether its command is there does not matter: a container that cannot start has its image.
    containers = [
        {
            "name": f"image-{number}",
            "image": image,
            "command": ["true"],
            "resources": SMALL,
            "securityContext": CONFINED,
            **({"imagePullPolicy": policy} if policy else {}),
        }
        for number, (image, policy) in enumerate(images)
    ]
    spec: dict[str, Any] = {
        "containers": containers,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "imagePullSecrets": [{"name": one} for one in secrets],
    }
    # Not among the release's own pods, so that no policy, budget or doctor takes it for one.
    labels = {"app.kubernetes.io/part-of": "penstock", "penstock.io/checks": release}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


@contextmanager
def _pod(cluster: Cluster, manifest: Object) -> Iterator[tuple[str, Finding | None]]:
    """The pod's path, and why it was not made where it was refused. It is gone afterwards."""
    path = f"{cluster.path}/pods/{manifest['metadata']['name']}"
    cluster.delete(path)
    refused = None
    try:
        cluster.create(f"{cluster.path}/pods", manifest)
    except ClusterError as error:
        if error.status not in (FORBIDDEN, MISSING):
            raise
        what = f"they were not tried: {error.message}"
        refused = Finding(Code.IMAGES_UNTRIED, "images", what, "mend that first, or pass --no-images", Level.WARNING)
    try:
        yield path, refused
    finally:
        if refused is None:
            cluster.delete(path)


def _await(cluster: Cluster, path: str, until: float) -> Iterator[Finding]:
    while True:
        pod = cluster.get(path)
        statuses = pod["status"].get("containerStatuses") or []
        missing = [one for one in statuses if _reason(one) in NO_IMAGE]
        fetched = [one for one in statuses if _reason(one) not in {*NO_IMAGE, "ContainerCreating", "PodInitializing"}]
        if statuses and len(missing) + len(fetched) == len(statuses):
            for one in missing:
                waits = one["state"]["waiting"]
                yield image_missing("images", one["image"], waits.get("message") or waits["reason"])
            return
        if time.monotonic() > until:
            yield _late(pod, [one["image"] for one in statuses if one not in fetched])
            return
        time.sleep(EVERY)


def _reason(status: Object) -> str:
    return str((status.get("state", {}).get("waiting") or {}).get("reason", ""))


def _late(pod: Object, images: list[str]) -> Finding:
    scheduled = condition(pod, "PodScheduled")
    why = (
        scheduled.get("message") if scheduled.get("status") == "False" else f"still being fetched: {', '.join(images)}"
    )
    return Finding(
        Code.IMAGES_UNTRIED,
        "images",
        f"not all were seen to be there: {why}",
        "wait longer (--patience), or pass --no-images",
        Level.WARNING,
    )
