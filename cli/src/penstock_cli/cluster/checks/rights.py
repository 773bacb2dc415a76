"""Whether the user may do to the cluster what a deployment does."""

from collections.abc import Iterable, Iterator

from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import Cluster, ClusterError, Object
from penstock_runtime.findings import Finding

REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

PLURALS = {"networkpolicy": "networkpolicies", "ingress": "ingresses"}
"""Of kinds that do not get an s."""

ALWAYS = (("", "secrets"), ("", "pods"), ("apps", "deployments"))
"""Where Helm keeps its releases, and what is looked at to see how it goes."""


def of_rights(cluster: Cluster, objects: Iterable[Object]) -> Iterator[Finding]:
    """One finding that names all that the user may not create."""
    wanted = {_resource(one) for one in objects} | set(ALWAYS)
    refused = sorted(name for group, name in wanted if not may(cluster, "create", group, name))
    if refused:
        yield Finding(
            Code.NO_RIGHTS,
            f"namespace {cluster.namespace}",
            f"you may not create {', '.join(refused)} in it",
            f"ask for a RoleBinding to `admin` in the namespace, and for KEDA's kinds; then `kubectl "
            f"-n {cluster.namespace} auth can-i create {refused[0]}` says yes",
        )


def may(cluster: Cluster, verb: str, group: str, resource: str) -> bool:
    """Whether the user may; yes where the cluster does not say."""
    about = {"namespace": cluster.namespace, "verb": verb, "group": group, "resource": resource}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    try:
        answer = cluster.create(REVIEW, body | {"spec": {"resourceAttributes": about}})
    except ClusterError as error:
        if error.code != "cluster_refused":
            raise
        return True
    return bool(answer["status"].get("allowed"))


def _resource(one: Object) -> tuple[str, str]:
    group, slash, _ = one["apiVersion"].partition("/")
    kind = one["kind"].lower()
    return (group if slash else "", PLURALS.get(kind, f"{kind}s"))
