"""A client that posts from within the cluster, through the Service's own address."""

from pathlib import Path

from cluster.pod import RUNTIME, mount, pod_spec, start_pod
from cluster.suite import Suite, soon

SCRIPT = Path(__file__).parent / "poster.py"


class Poster:
    """A pod that posts so many mails to addresses which begin with `run`."""

    def __init__(self, suite: Suite, run: str, count: int) -> None:
        self._namespace = suite.namespace
        self._name = f"poster-{run}"
        mount(self._namespace, "poster", SCRIPT)
        environment = {
            "RUN": run,
            "COUNT": str(count),
            "API_KEY": suite.key,
            "API_URL": "http://penstock-api",
        }
        spec = pod_spec(
            suite.image(RUNTIME),
            ["python", f"/poster/{SCRIPT.name}"],
            env=[{"name": name, "value": value} for name, value in environment.items()],
            volumeMounts=[{"name": "poster", "mountPath": "/poster"}],
        )
        start_pod(
            self._namespace, self._name, spec | {"volumes": [{"name": "poster", "configMap": {"name": "poster"}}]}
        )

    def accepted(self) -> dict[str, int]:
        """The ids of the jobs that were accepted so far, and how often each was posted."""
        lines = self._namespace.logs(self._name, 10_000).splitlines()
        return {job: int(tries) for job, tries in (line.split() for line in lines)}

    def result(self) -> dict[str, int]:
        """The same, when it has posted all."""
        read = self._namespace.core.read_namespaced_pod
        soon(lambda: read(self._name, self._namespace.name).status.phase == "Succeeded", "all was posted")
        return self.accepted()
