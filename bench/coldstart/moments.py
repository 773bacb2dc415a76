"""When a Deployment and its pods became what. The cluster is watched, and each moment noted at its first sight."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import urllib3
from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException

from penstock_cli.cluster.connection import Cluster, Object
from penstock_cli.cluster.snapshot import condition, name_of
from penstock_runtime.errors import PenstockError

ASKED, SCHEDULED, READY = "asked for", "scheduled", "ready"
"""A pod is asked for, has a node, its probes say yes. That its container runs is told late: see `process_age`."""

LISTED = "LISTED"

AGAIN = 1.0
"""Seconds before a watch that was lost begins anew."""

RENEWED = 600
"""Seconds after which a watch begins anew in any case."""


class Unfit(PenstockError):
    """This cluster cannot be measured: it lacks something, or something did not happen in time."""

    code = "unfit"


class Moments:
    """Those of one Deployment, while entered. Times are those of `time.monotonic`."""

    def __init__(self, cluster: Cluster, deployment: str, selector: str) -> None:
        self._cluster, self._deployment, self._selector = cluster, deployment, selector
        self._changed = threading.Condition()
        self._seen: dict[str, float] = {}
        self._replicas: int | None = None
        self._pods: dict[str, Object] | None = None
        self._zero_at = 0.0
        self._over = False
        self._watches: list[watch.Watch] = []

    def __enter__(self) -> "Moments":
        core, apps = client.CoreV1Api(self._cluster.api), client.AppsV1Api(self._cluster.api)
        for list_them, selector, note in (
            (apps.list_namespaced_deployment, {"field_selector": f"metadata.name={self._deployment}"}, self._of),
            (core.list_namespaced_pod, {"label_selector": self._selector}, self._of_pod),
        ):
            threading.Thread(target=self._watch, args=(list_them, selector, note), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        for one in self._watches:
            one.stop()

    def begin(self) -> bool:
        """Forget all moments, for a round begins; whether it may: no pod is wanted, and none is there."""
        with self._changed:
            self._seen.clear()
            return self._at_zero()

    def wait(self, moment: str, seconds: float) -> float:
        """When that was. Raises Unfit where it is not within so many seconds from now."""
        self._until(lambda: moment in self._seen, f"a pod of it was {moment}", seconds)
        return self._seen[moment]

    def wait_for_zero(self, seconds: float) -> float:
        """Wait until no pod is wanted and none is there; since when none is wanted. Raises Unfit."""
        self._until(self._at_zero, "it had no replica and no pod", seconds)
        return self._zero_at

    def _at_zero(self) -> bool:
        return self._replicas == 0 and self._pods == {}

    @property
    def pod(self) -> Object:
        """The only one that there is. Raises Unfit where there are more, or none."""
        with self._changed:
            found = list((self._pods or {}).values())
        if len(found) != 1:
            raise Unfit(f"{self._deployment}: one pod was to be there, not {len(found)}")
        return found[0]

    @property
    def has_pod(self) -> bool:
        """Whether one is wanted now."""
        return bool(self._replicas)

    def _until(self, reached: Callable[[], bool], what: str, seconds: float) -> None:
        with self._changed:
            if not self._changed.wait_for(reached, seconds):
                now = f"replicas: {self._replicas}, pods: {', '.join(map(told, (self._pods or {}).values())) or 'none'}"
                raise Unfit(f"{self._deployment}: within {seconds:g} s it was not seen that {what} ({now})")

    def _watch(self, list_them: Any, selector: dict[str, str], note: Callable[[str, Object], None]) -> None:
        watching = watch.Watch()
        self._watches.append(watching)
        while not self._over:
            try:
                for kind, one in self._events(watching, list_them, selector):
                    with self._changed:
                        note(kind, one)
                        self._changed.notify_all()
            except (ApiException, urllib3.exceptions.HTTPError, OSError):
                time.sleep(AGAIN)  # what is awaited has a bound of its own

    def _events(self, watching: watch.Watch, list_them: Any, selector: dict[str, str]) -> Iterator[tuple[str, Object]]:
        """LISTED with all that there is, then each change."""
        listed = json.loads(list_them(self._cluster.namespace, _preload_content=False, **selector).data)
        yield LISTED, listed
        options = selector | {"timeout_seconds": RENEWED, "resource_version": listed["metadata"]["resourceVersion"]}
        for event in watching.stream(list_them, self._cluster.namespace, deserialize=False, **options):
            yield event["type"], event["object"]

    def _of(self, kind: str, deployment: Object) -> None:
        if kind == LISTED:
            for one in deployment["items"]:
                self._of("", one)
            return
        before, self._replicas = self._replicas, int(deployment["spec"].get("replicas", 1))
        if self._replicas:
            self._seen.setdefault(ASKED, time.monotonic())
        elif before != 0:
            self._zero_at = time.monotonic()

    def _of_pod(self, kind: str, pod: Object) -> None:
        if kind == LISTED:
            self._pods = {}
            for one in pod["items"]:
                self._of_pod("", one)
            return
        pods = self._pods = self._pods or {}
        if kind == "DELETED":
            pods.pop(name_of(pod), None)
            return
        pods[name_of(pod)] = pod
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
