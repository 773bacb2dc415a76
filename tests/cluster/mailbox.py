"""The mail server of a namespace: what was delivered, and how long it thinks."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from cluster.namespace import COMPONENT, Namespace
from cluster.pod import deployment, pod_spec

IMAGE = "penstock/test-mailbox:dev"
PORT = 2525
TARGET = "deploy/mailbox"


@dataclass(frozen=True)
class Delivery:
    """One message that the server took; the time is in seconds since 1970."""

    at: float
    to: str
    message_id: str


class Mailbox:
    """A mail server in a namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def start(self) -> None:
        """Run it, and wait until it takes mail."""
        self._namespace.apply(*_manifests())
        self._namespace.kubectl("rollout", "status", TARGET, "--timeout=120s", seconds=130)

    @property
    def values(self) -> dict[str, Any]:
        """What leads a release's mail worker to it, and lets it through."""
        where = [{"podSelector": {"matchLabels": {COMPONENT: "mailbox"}}}]
        return {"smtp": {"host": "mailbox", "port": PORT}, "networkPolicy": {"smtpTo": where}}

    def think(self, seconds: float) -> None:
        """From now on it answers each recipient only after so many seconds."""
        self._namespace.execute(TARGET, "sh", "-c", f"echo {seconds} > /mail/thinks")

    def deliveries(self, run: str = "") -> list[Delivery]:
        """What was delivered to addresses that begin with `run`, in order."""
        lines = self._namespace.execute(TARGET, "cat", "/mail/deliveries").splitlines()
        found = [Delivery(float(at), to, message_id) for at, to, message_id in (line.split() for line in lines)]
        return [one for one in found if one.to.startswith(run)]

    def counts(self, run: str) -> Counter[str]:
        """How often each Message-ID was delivered."""
        return Counter(one.message_id for one in self.deliveries(run))


def _manifests() -> list[dict[str, Any]]:
    pod = pod_spec(
        IMAGE,
        ports=[{"name": "smtp", "containerPort": PORT}],
        readinessProbe={"tcpSocket": {"port": "smtp"}, "periodSeconds": 1},
        volumeMounts=[{"name": "mail", "mountPath": "/mail"}],
    )
    labels = {COMPONENT: "mailbox"}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "mailbox", "labels": labels},
        "spec": {"podSelector": {"matchLabels": labels}, "ingress": [{"ports": [{"port": PORT}]}]},
    }
    return [*deployment("mailbox", pod | {"volumes": [{"name": "mail", "emptyDir": {}}]}, PORT), policy]
