"""Pods of the tests' own, as confined as the namespace demands."""

from pathlib import Path
from typing import Any

from cluster.namespace import COMPONENT, Namespace

SECCOMP = {"type": "RuntimeDefault"}
CONFINED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""What a namespace that enforces `restricted` demands of every container."""

RUNTIME = "penstock/api"
"""An image of the suite, for its Python."""


def pod_spec(image: str, command: list[str] | None = None, **container: Any) -> dict[str, Any]:
    """A pod with one container, `main`."""
    main = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": CONFINED,
        **({"command": command} if command else {}),
        **container,
    }
    return {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001, "seccompProfile": SECCOMP},
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "restartPolicy": "Never",
        "containers": [main],
    }


def start_pod(namespace: Namespace, name: str, spec: dict[str, Any], **labels: str) -> None:
    """Run it, and wait until it is ready."""
    metadata = {"name": name, "labels": {COMPONENT: name} | labels}
    namespace.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    namespace.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s", seconds=130)


def deployment(name: str, spec: dict[str, Any], port: int = 0) -> list[dict[str, Any]]:
    """A Deployment of one such pod, with a Service of its name and port where it has one."""
    labels = {COMPONENT: name}
    template = {"metadata": {"labels": labels}, "spec": spec | {"restartPolicy": "Always"}}
    objects: list[dict[str, Any]] = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "labels": labels},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }
    ]
    if port:
        service = {"selector": labels, "ports": [{"port": port}]}
        metadata = {"name": name, "labels": labels}
        objects.append({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service})
    return objects


def deploy(namespace: Namespace, name: str, spec: dict[str, Any], port: int = 0) -> None:
    """Apply that, and wait until its pod is there and ready."""
    namespace.apply(*deployment(name, spec, port))
    namespace.kubectl("rollout", "status", f"deploy/{name}", "--timeout=120s", seconds=130)


def mount(namespace: Namespace, name: str, *files: Path) -> None:
    """A ConfigMap of these files."""
    data = {file.name: file.read_text(encoding="utf-8") for file in files}
    namespace.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})


def mounted(name: str, folder: str) -> dict[str, Any]:
    """How a chart's worker mounts that ConfigMap, so that Python imports from it."""
    return {
        "extraEnv": [{"name": "PYTHONPATH", "value": folder}],
        "extraVolumes": [{"name": name, "configMap": {"name": name}}],
        "extraVolumeMounts": [{"name": name, "mountPath": folder, "readOnly": True}],
    }
