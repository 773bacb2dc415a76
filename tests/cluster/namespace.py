"""One namespace of the cluster: what runs in it, how to disturb it, and what to show of it when a test fails."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from kubernetes import client
from kubernetes.client import V1Pod
from kubernetes.client.exceptions import ApiException

COMPONENT = "app.kubernetes.io/component"

TOO_MANY_REQUESTS = 429

WIDEST = 300
"""Characters shown of one line."""

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
"""Labels of a namespace that refuses every pod which the strictest of the Pod Security Standards forbids."""


def kubectl(*arguments: str, stdin: str | None = None, seconds: float = 60) -> str:
    """What `kubectl` prints. Raises CalledProcessError, with what it said in the message."""
    return run("kubectl", *arguments, stdin=stdin, seconds=seconds)


def run(*command: str, stdin: str | None = None, seconds: float = 60) -> str:
    """What a command prints. Raises Failed where it ends with an error."""
    done = subprocess.run(command, input=stdin or "", capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise Failed(" ".join(command[:4]), done.stdout + done.stderr)
    return done.stdout


class Failed(Exception):
    """A command ended with an error; `output` is all that it said."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"{command} …: {output.strip()}")
        self.output = output


class Namespace:
    """One namespace and its objects."""

    def __init__(self, name: str, api: client.ApiClient) -> None:
        self.name = name
        self.core = client.CoreV1Api(api)
        self.apps = client.AppsV1Api(api)
        self.policy = client.PolicyV1Api(api)
        self.custom = client.CustomObjectsApi(api)

    def create(self, labels: Mapping[str, str] = RESTRICTED) -> None:
        """Make it."""
        self.core.create_namespace({"metadata": {"name": self.name, "labels": dict(labels)}})

    def delete(self) -> None:
        """Delete it and all that is in it, without waiting for the end, or for what its pods still do."""
        kubectl("delete", "namespace", self.name, "--wait=false", "--ignore-not-found")
        self.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false", "--ignore-not-found")

    def kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = 60) -> str:
        """`kubectl` in this namespace."""
        return kubectl("-n", self.name, *arguments, stdin=stdin, seconds=seconds)

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        """Create or change these objects."""
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))

    def execute(self, target: str, *command: str, stdin: str | None = None, seconds: float = 60) -> str:
        """What a command prints in a pod, `deploy/x` or `statefulset/x`."""
        interactive = ["-i"] if stdin is not None else []
        return self.kubectl("exec", *interactive, target, "--", *command, stdin=stdin, seconds=seconds)

    def pods(self, component: str = "", *, going: bool = False) -> list[V1Pod]:
        """The pods of a component, or all; those being deleted only where `going`."""
        selector = f"{COMPONENT}={component}" if component else ""
        found = self.core.list_namespaced_pod(self.name, label_selector=selector).items
        return [pod for pod in found if going or pod.metadata.deletion_timestamp is None]

    def names(self, component: str) -> set[str]:
        """Names of a component's pods that are not being deleted."""
        return {pod.metadata.name for pod in self.pods(component)}

    def running(self, component: str) -> list[V1Pod]:
        """The pods of a component that are ready and stay."""
        return [pod for pod in self.pods(component) if is_ready(pod)]

    def restarts(self) -> dict[str, int]:
        """How often the containers of each pod were started again."""
        return {pod.metadata.name: _restarts(pod) for pod in self.pods(going=True)}

    def replicas(self) -> dict[str, int]:
        """What each Deployment is asked to have."""
        return {one.metadata.name: one.spec.replicas or 0 for one in self._deployments()}

    def images(self) -> dict[str, str]:
        """The image of each Deployment's first container."""
        return {one.metadata.name: one.spec.template.spec.containers[0].image for one in self._deployments()}

    def _deployments(self) -> Iterable[Any]:
        return list(self.apps.list_namespaced_deployment(self.name).items)

    def scaled_objects(self) -> dict[str, Any]:
        """KEDA's ScaledObjects by name."""
        found = self.custom.list_namespaced_custom_object("keda.sh", "v1alpha1", self.name, "scaledobjects")
        return {one["metadata"]["name"]: one for one in found["items"]}

    def objects(self, *kinds: str) -> set[str]:
        """`kind/name` of what there is of these kinds."""
        return set(self.kubectl("get", ",".join(kinds), "-o", "name").split())

    def evict(self, pod: str) -> bool:
        """What `kubectl drain` does to a pod, once. Whether its PodDisruptionBudget lets it."""
        eviction = {"metadata": {"name": pod, "namespace": self.name}}
        try:
            self.core.create_namespaced_pod_eviction(pod, self.name, eviction)
        except ApiException as error:
            if error.status != TOO_MANY_REQUESTS:
                raise
            return False
        return True

    def destroy(self, pod: str) -> None:
        """Delete it with force and without grace, as for a node that is gone."""
        self.kubectl("delete", "pod", pod, "--force", "--grace-period=0", "--wait=false")

    def logs(self, pod: str, lines: int = 200, *, previous: bool = False) -> str:
        """The last lines of all containers of a pod."""
        again = ["--previous"] if previous else []
        return self.kubectl("logs", pod, "--all-containers", f"--tail={lines}", *again)

    def report(self) -> str:
        """For people: its pods, its latest events, and the last words of what is not well."""
        parts = [f"namespace {self.name}"]
        for arguments in (("get", "pods,scaledobjects", "-o", "wide"), ("get", "events", "--sort-by=.lastTimestamp")):
            try:
                said = self.kubectl(*arguments).splitlines()
            except (Failed, subprocess.TimeoutExpired) as error:
                said = [str(error)]
            parts += said[-40:]
        for pod in self.pods(going=True):
            if pod.status.phase != "Succeeded":
                parts += [f"--- {pod.metadata.name}", *self._last_words(pod)]
        return "\n".join(part[:WIDEST] for part in parts)

    def _last_words(self, pod: V1Pod) -> list[str]:
        try:
            before = self.logs(pod.metadata.name, 8, previous=True).splitlines() if _restarts(pod) else []
            return [*before, *self.logs(pod.metadata.name, 8).splitlines()]
        except (Failed, subprocess.TimeoutExpired) as error:
            return [str(error)]


def is_well(pod: V1Pod) -> bool:
    """Whether it is ready, or did what it was for."""
    return is_ready(pod) or pod.status.phase == "Succeeded"


def is_ready(pod: V1Pod) -> bool:
    """Whether its containers answer their readiness probes."""
    conditions = pod.status.conditions or []
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)


def _restarts(pod: V1Pod) -> int:
    return sum(status.restart_count for status in pod.status.container_statuses or [])
