"""Where it is measured: a namespace of its own with the suite and the stock worker, deleted at the end."""

import base64
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from uuid import uuid4

import httpx
from bench.coldstart import stock_objects
from bench.coldstart.contestants import PENSTOCK, STOCK, Contestant, Penstock, Stock
from bench.coldstart.moments import Unfit
from bench.forward import Forward
from bench.running import ROOT
from rich.console import Console

from penstock_cli.cluster.connection import Cluster, connect
from penstock_cli.cluster.deploy import Wish, deploy
from penstock_cli.cluster.helm import Helm
from penstock_cli.cluster.progress import Progress
from penstock_cli.cluster.values import Values
from penstock_runtime.findings import Level

RELEASE = "penstock"
CHART = ROOT / "charts" / "penstock"
COOLDOWN = 10
"""Seconds without a job until KEDA takes the pod away; the chart's own is 300."""

INSTALLED_WITHIN = 300
ONE_OF_EACH = {"api": {"replicas": 1}, "scheduler": {"replicas": 1}}

Say = Callable[[str], None]


def scaling(polling: int) -> dict[str, int]:
    """What both are told of KEDA's times, in seconds."""
    return {"pollingInterval": polling, "cooldownPeriod": COOLDOWN, "initialCooldownPeriod": 1}


def known() -> Cluster:
    """The cluster that KUBECONFIG names, and a namespace in it that is not there yet. Raises ClusterError, Unfit."""
    cluster = connect(f"penstock-coldstart-{uuid4().hex[:5]}", None)
    cluster.get("/version")
    if shutil.which("kubectl") is None:
        raise Unfit("there is no kubectl on the PATH, which leads to the API in the cluster")
    return cluster


def versions(cluster: Cluster) -> tuple[str, str]:
    """Of Kubernetes, and of KEDA by its operator's image. Raises ClusterError."""
    operators = cluster.items("/apis/apps/v1/deployments", labelSelector="app=keda-operator")
    images = [one["spec"]["template"]["spec"]["containers"][0]["image"] for one in operators]
    return str(cluster.get("/version")["gitVersion"]), images[0].rpartition(":")[2] if images else "unknown"


@contextmanager
def contestants(cluster: Cluster, polling: int, say: Say) -> Iterator[dict[str, Contestant]]:
    """Install both, and give them by name. Raises ClusterError, HelmError, Unfit where that cannot be."""
    with ExitStack() as stack:
        stack.callback(cluster.delete, cluster.path)
        _install(cluster, ONE_OF_EACH | {"autoscaling": scaling(polling)})
        stock_objects.make(cluster, scaling(polling))
        say(f"installed in the namespace {cluster.namespace}")
        api = stack.enter_context(closing(Forward(cluster.namespace, f"{RELEASE}-api", "http")))
        redis = stack.enter_context(closing(Forward(cluster.namespace, stock_objects.REDIS, stock_objects.PORT)))
        client = stack.enter_context(
            httpx.Client(
                base_url=f"http://127.0.0.1:{api.port}", headers=_authorization(cluster), timeout=30, trust_env=False
            )
        )
        yield {PENSTOCK: Penstock(client), STOCK: Stock(f"redis://127.0.0.1:{redis.port}/0")}


def _install(cluster: Cluster, values: Values) -> None:
    helm = Helm(RELEASE, cluster.namespace, None, str(CHART))
    wish = Wish(values, seconds=INSTALLED_WITHIN, patience=60, images=True, only_look=False)
    for one in deploy(cluster, helm, wish, Progress(Console(quiet=True))):
        if one.level is Level.ERROR:
            raise Unfit(f"{one.about}: {one.what}; {one.fix}")


def _authorization(cluster: Cluster) -> Mapping[str, str]:
    key = base64.b64decode(cluster.get(f"{cluster.path}/secrets/{RELEASE}-api-key")["data"]["key"]).decode()
    return {"Authorization": f"Bearer {key}"}
