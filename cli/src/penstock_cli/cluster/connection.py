"""A cluster as one user sees it: its objects as plain JSON, by the paths of its API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3
from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from kubernetes.stream.ws_client import ERROR_CHANNEL, websocket_call
from websocket import WebSocketException

from penstock_runtime.errors import PenstockError

CONNECT, READ = 5.0, 30.0
"""Seconds to be let in, and to be answered."""

MOST_OUTPUT = 4_000_000
"""Characters that are read of what a command in a pod prints."""

FORBIDDEN, MISSING, CONFLICT = 403, 404, 409

Object = dict[str, Any]
"""An object of Kubernetes."""


class ClusterError(PenstockError):
    """The cluster could not be asked, or refused. The code says which: `cluster_unnamed`, `cluster_unreachable`,
    `cluster_login`, `cluster_forbidden`, `cluster_refused`."""

    code = "cluster_refused"

    def __init__(self, message: str, *, code: str | None = None, status: int = 0) -> None:
        super().__init__(message, code=code)
        self.status = status


@dataclass(frozen=True)
class Cluster:
    """One namespace of a cluster. Every method raises ClusterError."""

    api: ApiClient
    namespace: str
    context: str | None

    @property
    def path(self) -> str:
        """Where objects of the core are."""
        return f"/api/v1/namespaces/{self.namespace}"

    def group(self, group: str, kind: str) -> str:
        """Where objects of a group are: `group("apps/v1", "deployments")`."""
        return f"/apis/{group}/namespaces/{self.namespace}/{kind}"

    def get(self, path: str, **query: str) -> Object:
        """One object, or a list of them."""
        return self._ask("GET", path, query=query)

    def find(self, path: str, **query: str) -> Object | None:
        """As `get`; None where there is none, or no such kind."""
        try:
            return self.get(path, **query)
        except ClusterError as error:
            if error.status == MISSING:
                return None
            raise

    def items(self, path: str, **query: str) -> list[Object]:
        """The objects at a path; empty where the cluster does not know the kind."""
        found = self.find(path, **query)
        return list(found["items"]) if found else []

    def create(self, path: str, body: Object) -> Object:
        """Make an object."""
        return self._ask("POST", path, body=body)

    def delete(self, path: str, **query: str) -> None:
        """Delete an object, if it is there."""
        try:
            self._ask("DELETE", path, query={"gracePeriodSeconds": "0"} | query)
        except ClusterError as error:
            if error.status != MISSING:
                raise

    def log(self, pod: str, **query: str) -> str:
        """What a container printed, in the words of Kubernetes' own query: container, tailLines, previous …"""
        path = f"{self.path}/pods/{quote(pod, safe='')}/log"
        return self._send("GET", path, query=query).decode(errors="replace")

    def execute(self, pod: str, container: str, command: list[str], *, seconds: float = READ) -> str:
        """What a command prints on standard output in a container. Raises ClusterError where its status is not 0."""
        query = [
            ("container", container),
            ("stdout", "true"),
            ("stderr", "true"),
            *(("command", one) for one in command),
        ]
        path = f"{self.path}/pods/{quote(pod, safe='')}/exec"
        method, url, headers, *_ = self.api.param_serialize(
            "GET", path, query_params=query, auth_settings=["BearerToken"]
        )
        with asking(f"run {command[0]} in {pod}"):
            socket = websocket_call(self.api.configuration, method, url, headers=headers, _preload_content=False)
            try:
                socket.run_forever(timeout=seconds)
                if socket.is_open():
                    raise ClusterError(f"{' '.join(command)} in {pod} did not end within {seconds:g} s")
                printed = str(socket.read_stdout(timeout=0))[:MOST_OUTPUT]
                complained = str(socket.read_stderr(timeout=0)).strip()
                ended = json.loads(socket.read_channel(ERROR_CHANNEL) or "{}")
            finally:
                socket.close()
        if ended.get("status") != "Success":
            why = complained.splitlines()[-1:] or [ended.get("message", "its end was not told")]
            raise ClusterError(f"{' '.join(command)} in {pod}: {why[0][:300]}")
        return printed

    def _ask(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: Object | None = None
    ) -> Object:
        found: Object = json.loads(self._send(method, path, query=query, body=body))
        return found

    def _send(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: Object | None = None
    ) -> bytes:
        headers = {"Accept": "*/*"} | ({"Content-Type": "application/json"} if body is not None else {})
        request = self.api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        with asking(f"{method} {path}"):
            answer = self.api.call_api(*request, _request_timeout=(CONNECT, READ))
            content: bytes = answer.read() or b""
        if not 200 <= answer.status < 300:
            raise refusal(method, path, answer.status, content)
        return content


def connect(namespace: str | None, context: str | None) -> Cluster:
    """The cluster that KUBECONFIG names, or the one this process runs in.

    namespace: default, that of the context, else `default`. Raises ClusterError.
    """
    settings = Configuration()
    settings.retries = False  # an unreachable cluster is said at once
    try:
        contexts, current = config.list_kube_config_contexts()
    except ConfigException as error:
        return _within(namespace, settings, error)
    names = [one["name"] for one in contexts]
    if context is not None and context not in names:
        known = ", ".join(names[:10]) or "none"
        raise ClusterError(
            f"the kubeconfig has no context {context}; it has {known} (kubectl config get-contexts)",
            code="cluster_unnamed",
        )
    chosen = next((one for one in contexts if one["name"] == context), current)
    with asking("log in"):
        config.load_kube_config(context=context, client_configuration=settings)
    return Cluster(ApiClient(settings), namespace or chosen["context"].get("namespace") or "default", context)


def _within(namespace: str | None, settings: Configuration, error: ConfigException) -> Cluster:
    """The cluster in which this process is a pod."""
    try:
        config.load_incluster_config(client_configuration=settings)
    except ConfigException:
        raise ClusterError(
            f"no cluster is named: {error}; set KUBECONFIG to a file that kubectl can use", code="cluster_unnamed"
        ) from None
    return Cluster(ApiClient(settings), namespace or "default", None)


@contextmanager
def asking(what: str) -> Iterator[None]:
    """What the client and the network say, as a ClusterError. `what` was asked for."""
    try:
        yield
    except ConfigException as error:
        raise ClusterError(f"the kubeconfig cannot be used: {error}", code="cluster_unnamed") from error
    except (urllib3.exceptions.HTTPError, OSError, WebSocketException) as error:
        reason = str(getattr(error, "reason", None) or error).strip().partition("\n")[0]
        raise ClusterError(
            f"the cluster does not answer ({what}): {reason}; is it up, and does KUBECONFIG name the right one? "
            "`kubectl version` asks it too",
            code="cluster_unreachable",
        ) from error
    except ApiException as error:
        raise ClusterError(f"{what}: {error.reason or error}", status=error.status or 0) from error


def refusal(method: str, path: str, status: int, content: bytes) -> ClusterError:
    """What a status of the API server means."""
    try:
        said = str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        said = content[:200].decode(errors="replace")
    if status == 401:
        advice = "the cluster does not know who asks: log in again (kubectl auth whoami)"
        return ClusterError(f"{said}; {advice}", code="cluster_login", status=status)
    if status == FORBIDDEN:
        return ClusterError(said, code="cluster_forbidden", status=status)
    return ClusterError(f"{method} {path}: {said} ({status})", status=status)
