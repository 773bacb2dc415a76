"""When a Deployment and its pods became what. The cluster is watched, and each moment noted at its first sight."""

import threading
import time
from collections.abc import Callable
from typing import Any

import urllib3
from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException

from penstock_cli.cluster.connection import Cluster, Object
from penstock_cli.cluster.snapshot import condition, name_of
from penstock_runtime.errors import PenstockError

ASKED, SCHEDULED, READY = "asked for", "scheduled", "ready"
"""A pod is asked for, has a node, its probes say yes. That its container runs is told late: see `process_age`."""

AGAIN = 1.0
"""Seconds before a watch that was lost begins anew."""


class Unfit(PenstockError):
    """This cluster cannot be measured: it lacks something, or something did not happen in time."""

    code = "unfit"


class Moments:
    """Those of one Deployment, while entered. Times are those of `time.monotonic`."""

    def __init__(self, cluster: Cluster, deployment: str, selector: str) -> None:
        self._core, self._apps = client.CoreV1Api(cluster.api), client.AppsV1Api(cluster.api)
        self._namespace, self._deployment, self._selector = cluster.namespace, deployment, selector
        self._changed = threading.Condition()
        self._seen: dict[str, float] = {}
        self._replicas: int | None = None
        self._pods: dict[str, Object] = {}
        self._zero_at = 0.0
        self._over = False
        self._watches: list[watch.Watch] = []

    def __enter__(self) -> "Moments":
        for list_them, selector, note in (
            (self._apps.list_namespaced_deployment, {"field_selector": f"metadata.name={self._deployment}"}, self._of),
            (self._core.list_namespaced_pod, {"label_selector": self._selector}, self._of_pod),
        ):
            threading.Thread(target=self._watch, args=(list_them, selector, note), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        for one in self._watches:
            one.stop()

    def begin(self) -> None:
        """Forget all moments: a round begins."""
        with self._changed:
            self._seen.clear()

    def wait(self, moment: str, seconds: float) -> float:
        """When that was. Raises Unfit where it is not within so many seconds from now."""
        self._until(lambda: moment in self._seen, f"a pod of it was {moment}", seconds)
        return self._seen[moment]

    def wait_for_zero(self, seconds: float) -> float:
        """Wait until no pod is wanted and none is there; since when none is wanted. Raises Unfit."""
        self._until(lambda: self._replicas == 0 and not self._pods, "it had no replica and no pod", seconds)
        return self._zero_at

    @property
    def pod(self) -> Object:
        """The only one that there is. Raises Unfit where there are more, or none."""
        with self._changed:
            if len(self._pods) != 1:
                raise Unfit(f"{self._deployment}: one pod was to be there, not {len(self._pods)}")
            return next(iter(self._pods.values()))

    @property
    def has_pod(self) -> bool:
        """Whether one is wanted now."""
        return bool(self._replicas)

    def _until(self, reached: Callable[[], bool], what: str, seconds: float) -> None:
        with self._changed:
            if not self._changed.wait_for(reached, seconds):
                now = f"replicas: {self._replicas}, pods: {', '.join(map(told, self._pods.values())) or 'none'}"
                raise Unfit(f"{self._deployment}: within {seconds:g} s it was not seen that {what} ({now})")

    def _watch(self, list_them: Any, selector: dict[str, str], note: Callable[[str, Object], None]) -> None:
        watching = watch.Watch()
        self._watches.append(watching)
        while not self._over:
            try:
                for event in watching.stream(list_them, self._namespace, deserialize=False, **selector):
                    with self._changed:
                        note(event["type"], event["object"])
                        self._changed.notify_all()
            except (ApiException, urllib3.exceptions.HTTPError, OSError):
                time.sleep(AGAIN)  # what is awaited has a bound of its own

    def _of(self, kind: str, deployment: Object) -> None:
        before, self._replicas = self._replicas, int(deployment["spec"].get("replicas", 1))
        if self._replicas:
            self._seen.setdefault(ASKED, time.monotonic())
        elif before != 0:
            self._zero_at = time.monotonic()

    def _of_pod(self, kind: str, pod: Object) -> None:
        if kind == "DELETED":
            self._pods.pop(name_of(pod), None)
            return
        self._pods[name_of(pod)] = pod
        for moment in reached_by(pod):
            self._seen.setdefault(moment, time.monotonic())


def reached_by(pod: Object) -> set[str]:
    """What a pod has behind it."""
    found = {
        SCHEDULED: condition(pod, "PodScheduled").get("status") == "True",
        READY: condition(pod, "Ready").get("status") == "True",
    }
    return {moment for moment, true in found.items() if true}


def told(pod: Object) -> str:
    """A pod and what it waits for, for people."""
    statuses = pod.get("status", {}).get("containerStatuses") or []
    waits = [one["state"]["waiting"].get("reason", "") for one in statuses if "waiting" in one.get("state", {})]
    return f"{name_of(pod)} {', '.join(waits) or pod.get('status', {}).get('phase', '')}"
