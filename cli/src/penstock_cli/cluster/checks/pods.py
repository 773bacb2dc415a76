"""Pods that do not run as they should, and why."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import Cluster, Object
from penstock_cli.cluster.snapshot import Snapshot, condition, is_going, is_ready, last_words, name_of
from penstock_runtime.findings import Finding, Level

NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}
NOT_MADE = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}

AGAIN = "try again"
"""Stands in what the scheduler says of a moment, such as two who wrote a claim at once."""

WAITS = ("waiting", "relay_waits")
"""Events in a log that say for which server a process waits."""

LATELY = 600
"""Seconds after which a container that ended and has worked since is not told of any more."""

WIDEST = 300
"""Characters of one line that are shown."""


def of_pods(cluster: Cluster, seen: Snapshot) -> Iterator[Finding]:
    """One finding for each pod that is not well, and for each that was not a short time ago."""
    for pod in seen.pods:
        if is_going(pod) or pod["status"].get("phase") == "Succeeded" or _is_of_a_job(pod):
            continue
        yield from of_pod(cluster, seen, pod)


def of_pod(cluster: Cluster, seen: Snapshot, pod: Object) -> Iterator[Finding]:
    """What is wrong with one pod."""
    found = _evicted(pod) or _unschedulable(pod) or _container(cluster, pod) or _mount(seen, pod)
    if found is None and not is_ready(pod):
        found = _not_ready(cluster, pod)
    if found is not None:
        yield found


def _is_of_a_job(pod: Object) -> bool:
    return any(owner.get("kind") == "Job" for owner in pod["metadata"].get("ownerReferences") or [])


def _evicted(pod: Object) -> Finding | None:
    status = pod["status"]
    if status.get("phase") != "Failed" or status.get("reason") != "Evicted":
        return None
    return Finding(
        Code.POD_EVICTED,
        _about(pod),
        f"its node put it out: {status.get('message', '').strip()}",
        "free space or memory on the node, or ask for what it uses: `resources` and `tmpSize` of its values",
        Level.WARNING,
    )


def _unschedulable(pod: Object) -> Finding | None:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") != "False":
        return None
    said = str(scheduled.get("message", "")).strip()
    if AGAIN in said:
        return None
    return Finding(Code.POD_UNSCHEDULABLE, _about(pod), f"no node takes it: {said}", _fix_of_schedule(said))


def _fix_of_schedule(said: str) -> str:
    if "PersistentVolumeClaim" in said or "persistentvolumeclaim" in said:
        return "its volume is not there: look at its claim (kubectl get pvc), `size` and `storageClass` of the values"
    if "volume node affinity" in said:
        return "its volume lies on another node: use storage.url or ReadWriteMany, or make room on that node"
    if "Insufficient" in said:
        return "lower `resources.requests` of its values, or add a node"
    if "taint" in said:
        return "tolerate the taint (`tolerations`), or take it away"
    return "look at `nodeSelector`, `affinity` and `topologySpreadConstraints` of its values"


def _container(cluster: Cluster, pod: Object) -> Finding | None:
    """What its first container that is not well says."""
    for status in [*pod["status"].get("initContainerStatuses", []), *pod["status"].get("containerStatuses", [])]:
        waits = status.get("state", {}).get("waiting") or {}
        reason, said = waits.get("reason", ""), waits.get("message", "")
        if reason in NO_IMAGE:
            return image_missing(_about(pod), status["image"], said or reason)
        if reason in NOT_MADE:
            fix = "make the Secret, ConfigMap or key that it names, or change the value that asks for it"
            return Finding(Code.POD_MISCONFIGURED, _about(pod), f"its container is not started: {said}", fix)
        if found := _ended(cluster, pod, status, waits):
            return found
    return None


def image_missing(about: str, image: str, said: str) -> Finding:
    """An image that the node cannot get."""
    return Finding(
        Code.IMAGE_MISSING,
        about,
        f"the image {image} cannot be had: {_short(said)}",
        "build and push it (`make images REPOSITORY=… PUSH=1`), name it in `image`, or give `image.pullSecrets` for "
        "its registry",
    )


def _ended(cluster: Cluster, pod: Object, status: Object, waits: Object) -> Finding | None:
    """A container that ended, and was or will be started again."""
    now, before = status.get("state", {}).get("terminated"), status.get("lastState", {}).get("terminated")
    ended = now or before or {}
    if ended.get("reason") == "OOMKilled":
        recovered = now is None and bool(status.get("ready"))
        if recovered and _seconds_since(ended["finishedAt"]) > LATELY:
            return None
        return _out_of_memory(pod, status, recovered)
    if waits.get("reason") != "CrashLoopBackOff" and not ended.get("exitCode"):
        return None
    level = Level.WARNING if status.get("ready") else Level.ERROR
    if status.get("ready") and _seconds_since(ended["finishedAt"]) > LATELY:
        return None
    lines = last_words(cluster, name_of(pod), status["name"], previous=now is None, lines=3)
    code = ended.get("exitCode", "?")
    said = f"it ends with status {code}, {status.get('restartCount', 0)} times so far"
    words = f", and says: {_short(' | '.join(lines))}" if lines else ", and says nothing"
    fix = f"mend what it says; all of it: {_log(pod, status, now)}"
    return Finding(Code.CRASH_LOOP, _about(pod), said + words, fix, level)


def _seconds_since(time: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()


def _log(pod: Object, status: Object, now: Object | None) -> str:
    again = "" if now else " --previous"
    return f"kubectl -n {pod['metadata']['namespace']} logs {name_of(pod)} -c {status['name']}{again}"


def _out_of_memory(pod: Object, status: Object, recovered: bool) -> Finding:
    limits = {one["name"]: one.get("resources", {}).get("limits", {}) for one in pod["spec"]["containers"]}
    limit = limits.get(status["name"], {}).get("memory", "its limit")
    return Finding(
        Code.OOM_KILLED,
        _about(pod),
        f"it was killed for using more memory than {limit}, {status.get('restartCount', 0)} times so far",
        "raise `resources.limits.memory` of its values, or lower its `concurrency`",
        Level.WARNING if recovered else Level.ERROR,
    )


def _mount(seen: Snapshot, pod: Object) -> Finding | None:
    """A volume that cannot be mounted, while the pod waits for it."""
    if pod["status"].get("phase") != "Pending":
        return None
    found = seen.events_of("Pod", [name_of(pod)], "FailedMount", "FailedAttachVolume")
    if not found:
        return None
    fix = "make the Secret or key that it names (the README of the chart says how), or wait for the volume"
    return Finding(Code.VOLUME_MISSING, _about(pod), f"it waits for a volume: {_short(found[-1]['message'])}", fix)


def _not_ready(cluster: Cluster, pod: Object) -> Finding | None:
    """A pod that runs and does not work yet: it says itself for what it waits."""
    if pod["status"].get("phase") != "Running":
        return None
    container = pod["spec"]["containers"][0]["name"]
    for line in reversed(last_words(cluster, name_of(pod), container, lines=30)):
        with suppress(ValueError):
            said = json.loads(line)
            if said.get("event") in WAITS:
                where = f"{said.get('what', '')} at {said['where']}" if said.get("where") else "its servers"
                return Finding(
                    Code.POD_WAITS,
                    _about(pod),
                    f"it runs, and waits for {where.strip()}: {_short(said.get('reason', ''))}",
                    said.get("advice") or "look at that server",
                )
    return Finding(
        Code.POD_NOT_READY,
        _about(pod),
        "it runs, and is not ready; it does not say why",
        f"give it a minute, then look: kubectl -n {pod['metadata']['namespace']} logs {name_of(pod)}",
        Level.WARNING,
    )


def _about(pod: Object) -> str:
    return f"pod {name_of(pod)}"


def _short(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= WIDEST else f"{line[:WIDEST]}…"
