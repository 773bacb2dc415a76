"""Whether NetworkPolicies let KEDA's operator reach the chart's own Redis."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from penstock_cli.cluster.checks.keda import operator_pods
from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import FORBIDDEN, Cluster, ClusterError, Object
from penstock_cli.cluster.snapshot import COMPONENT, name_of
from penstock_runtime.findings import Finding

BROKERS = ("redis", "rabbitmq")


def of_network(cluster: Cluster, objects: Iterable[Object], policies: list[Object]) -> Iterator[Finding]:
    """objects: what the release consists of, pods or what makes them. Nothing where KEDA may not be looked at."""
    brokers = [labels for labels in map(_labels, objects) if labels.get(COMPONENT) in BROKERS]
    if not brokers or not policies:
        return
    try:
        operators = operator_pods(cluster)
        spaces = {name_of(one): one["metadata"].get("labels") or {} for one in cluster.items("/api/v1/namespaces")}
    except ClusterError as error:
        if error.status != FORBIDDEN:
            raise
        return
    for operator in operators[:1]:
        for broker in brokers[:1]:
            if not admitted(policies, broker, operator, spaces.get(operator["metadata"]["namespace"], {})):
                yield shut_out(broker[COMPONENT], operator)


def shut_out(broker: str, operator: Object) -> Finding:
    """KEDA's operator runs where the policies do not let it come from."""
    where, labels = operator["metadata"]["namespace"], operator["metadata"].get("labels") or {}
    return Finding(
        Code.KEDA_SHUT_OUT,
        f"networkpolicy of {broker}",
        f"it does not let KEDA's operator in, which runs in the namespace {where} with app={labels.get('app')}",
        f"set networkPolicy.kedaNamespace={where} and networkPolicy.kedaPodLabels to labels of that pod; else "
        "nothing is scaled",
    )


def admitted(policies: Iterable[Object], target: Mapping[str, str], source: Object, space: Mapping[str, str]) -> bool:
    """Whether a pod may open a connection to pods with the labels `target`; ports are not looked at.

    space: labels of the namespace in which `source` is. As Kubernetes has it: where no policy selects the target for
    ingress, all may; else who is named by any rule of any of them.
    """
    mine = [one["spec"] for one in policies if selects(one["spec"].get("podSelector") or {}, target)]
    mine = [spec for spec in mine if "Ingress" in spec.get("policyTypes", ["Ingress"])]
    rules = [rule for spec in mine for rule in spec.get("ingress") or []]
    return not mine or any(
        not rule.get("from") or any(_is_peer(peer, source, space) for peer in rule["from"]) for rule in rules
    )


def _is_peer(peer: Object, source: Object, space: Mapping[str, str]) -> bool:
    if "ipBlock" in peer:
        return _within(peer["ipBlock"], str(source.get("status", {}).get("podIP", "")))
    if "namespaceSelector" not in peer:
        return False  # pods of the policy's own namespace, where KEDA is not
    labels = source["metadata"].get("labels") or {}
    return selects(peer["namespaceSelector"] or {}, space) and selects(peer.get("podSelector") or {}, labels)


def _within(block: Object, address: str) -> bool:
    try:
        place = ipaddress.ip_address(address)
        left_out = any(place in ipaddress.ip_network(one) for one in block.get("except") or [])
        return place in ipaddress.ip_network(block["cidr"]) and not left_out
    except ValueError:
        return False


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector means these labels."""
    wanted = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in wanted) and all(
        _matches(one, labels) for one in selector.get("matchExpressions") or []
    )


def _matches(expression: Object, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _labels(one: Object) -> Mapping[str, str]:
    """Those of a pod, or of the pods that an object makes."""
    of: Object = one.get("spec", {}).get("template") or one
    return of.get("metadata", {}).get("labels") or {}
