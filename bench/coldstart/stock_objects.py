"""A stock Celery worker on the cluster, scaled by KEDA on the length of its list alone, and a Redis of its own."""

from pathlib import Path
from typing import Any

from bench.coldstart.contestants import Stock

from penstock_cli.cluster.connection import Cluster, Object

REDIS, APP = "stock-redis", Path(__file__).with_name("stock_app.py")
PORT = 6379
FOLDER = "/app"
COMMAND = f"celery -A {APP.stem} worker -Q {Stock.queue} -P gevent -c 100 --without-gossip --without-mingle -l INFO"


def make(cluster: Cluster, scaling: dict[str, int]) -> None:
    """Make all of it, with the images of the suite's worker and Redis, and its requests. Raises ClusterError."""
    worker = _container(cluster, "deployments", "penstock-worker-opstrace")
    server = _container(cluster, "statefulsets", "penstock-redis")
    apps = cluster.group("apps/v1", "deployments")
    files = {APP.name: APP.read_text(encoding="utf-8")}
    for path, body in (
        (f"{cluster.path}/configmaps", {"metadata": {"name": APP.stem.replace("_", "-")}, "data": files}),
        (f"{cluster.path}/services", _service()),
        (apps, _deployment(REDIS, 1, {"name": "redis", "image": server["image"], "ports": [{"containerPort": PORT}]})),
        (apps, _deployment(Stock.deployment, 0, _worker(worker), APP.stem.replace("_", "-"))),
        (cluster.group("keda.sh/v1alpha1", "scaledobjects"), _scaled(cluster.namespace, scaling)),
    ):
        cluster.create(path, body)


def _container(cluster: Cluster, kind: str, name: str) -> Object:
    found: Object = cluster.get(f"{cluster.group('apps/v1', kind)}/{name}")
    container: Object = found["spec"]["template"]["spec"]["containers"][0]
    return container


def _worker(suite: Object) -> Object:
    environment = {"CELERY_BROKER_URL": f"redis://{REDIS}:{PORT}/0", "PYTHONPATH": FOLDER}
    return {
        "name": "worker",
        "image": suite["image"],
        "command": COMMAND.split(),
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "resources": suite["resources"],
        "volumeMounts": [{"name": "app", "mountPath": FOLDER, "readOnly": True}],
    }


def _deployment(name: str, replicas: int, container: Object, config: str = "") -> Object:
    labels = {"app": name}
    spec: dict[str, Any] = {"containers": [{"imagePullPolicy": "IfNotPresent"} | container]}
    if config:
        spec["volumes"] = [{"name": "app", "configMap": {"name": config}}]
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def _service() -> Object:
    return {"metadata": {"name": REDIS}, "spec": {"selector": {"app": REDIS}, "ports": [{"port": PORT}]}}


def _scaled(namespace: str, scaling: dict[str, int]) -> Object:
    metadata = {"address": f"{REDIS}.{namespace}.svc:{PORT}", "listName": Stock.queue, "listLength": "100"}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": Stock.deployment},
        "spec": {
            "scaleTargetRef": {"name": Stock.deployment},
            "minReplicaCount": 0,
            **scaling,
            "triggers": [{"type": "redis", "metadata": metadata}],
        },
    }
