"""What the rendered objects need and do not bring: Secrets, storage classes."""

from collections.abc import Iterable, Iterator

from penstock_cli.cluster.checks.controllers import claim_pending
from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import FORBIDDEN, Cluster, ClusterError, Object
from penstock_cli.cluster.snapshot import name_of
from penstock_runtime.findings import Finding

DEFAULT = "storageclass.kubernetes.io/is-default-class"


def of_needs(cluster: Cluster, objects: list[Object]) -> Iterator[Finding]:
    """What the namespace, or the cluster, lacks. What may not be looked at is not judged."""
    for look in (_secrets, _storage):
        try:
            yield from look(cluster, objects)
        except ClusterError as error:
            if error.status != FORBIDDEN:
                raise


def _secrets(cluster: Cluster, objects: list[Object]) -> Iterator[Finding]:
    made = {name_of(one) for one in objects if one["kind"] == "Secret"}
    wanted: dict[str, str] = {}
    for one, pod in pod_specs(objects):
        wanted |= {name: f"{one['kind'].lower()} {name_of(one)}" for name in _named(pod)}
    for name in sorted(set(wanted) - made):
        if cluster.find(f"{cluster.path}/secrets/{name}") is None:
            yield Finding(
                Code.SECRET_MISSING,
                wanted[name],
                f"it needs the Secret {name}, and the namespace {cluster.namespace} has none of that name",
                f"kubectl -n {cluster.namespace} create secret generic {name} --from-literal=KEY=VALUE",
            )


def pod_specs(objects: Iterable[Object]) -> Iterator[tuple[Object, Object]]:
    """The objects that make pods, each with its pods' spec."""
    for one in objects:
        template = one.get("spec", {}).get("template", {}) if one["kind"] != "Pod" else one
        if "containers" in template.get("spec", {}):
            yield one, template["spec"]


def _named(pod: Object) -> Iterator[str]:
    """The Secrets without which a pod does not start."""
    for volume in pod.get("volumes") or []:
        sources = [volume.get("secret") or {}] + [
            one.get("secret") or {} for one in volume.get("projected", {}).get("sources") or []
        ]
        yield from (one.get("secretName") or one["name"] for one in sources if one and not one.get("optional"))
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        given = [one.get("secretRef") for one in container.get("envFrom") or []]
        given += [one.get("valueFrom", {}).get("secretKeyRef") for one in container.get("env") or []]
        yield from (one["name"] for one in given if one and not one.get("optional"))


def _storage(cluster: Cluster, objects: list[Object]) -> Iterator[Finding]:
    wanted = {name_of(one): one["spec"].get("storageClassName") for one in claims(objects)}
    if not wanted:
        return
    classes = {name_of(one): one for one in cluster.items("/apis/storage.k8s.io/v1/storageclasses")}
    defaults = [one for one in classes.values() if (one["metadata"].get("annotations") or {}).get(DEFAULT) == "true"]
    there = ", ".join(sorted(classes)) or "none"
    for name, wanted_class in wanted.items():
        if wanted_class and wanted_class not in classes:
            yield claim_pending(name, f"the cluster has no storage class {wanted_class}; it has {there}")
        elif not wanted_class and not defaults:
            yield claim_pending(name, f"no storage class is the cluster's default; it has {there}")


def claims(objects: Iterable[Object]) -> Iterator[Object]:
    """The volumes that are asked for."""
    for one in objects:
        if one["kind"] == "PersistentVolumeClaim":
            yield one
        yield from one.get("spec", {}).get("volumeClaimTemplates") or []
