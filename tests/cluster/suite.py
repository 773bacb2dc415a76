"""An installed suite: its API, its ledger, its Redis, and the jobs that its probe runs."""

import base64
import time
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.forward import Forward
from cluster.api import Api
from cluster.mailbox import Mailbox
from cluster.namespace import Namespace, is_well
from cluster.pod import mount
from cluster.release import CHART, VERSION, Release, Values, merged
from cluster.watch import Watch, watching
from processes import eventually

ENDED = {"succeeded", "failed", "cancelled", "dead"}
PROBE = Path(__file__).parent / "probe.py"
WORKER = "-worker-"
OPEN = "SELECT id FROM jobs WHERE finished_at IS NULL AND not_before IS NULL LIMIT 1"
LOOKS = 1.0
"""Seconds between two looks at the cluster: its API server shares the processors with what is tested."""


def soon(condition: Any, what: str, *, seconds: float = 120) -> Any:
    """`eventually`, in the cluster's time."""
    return eventually(condition, what, seconds=seconds, every=LOOKS)


class Suite:
    """The release `penstock` in one namespace, with a mail server of the tests' own beside it."""

    def __init__(self, namespace: Namespace, chart: Path = CHART) -> None:
        self.namespace = namespace
        self.release = Release(namespace, chart)
        self.mailbox = Mailbox(namespace)
        self.values: Values = {}

    def install(self, values: Values) -> float:
        """Install it, and return the seconds until all was ready."""
        self.values = values
        began = time.monotonic()
        self.release.install(values)
        # Helm does not wait for the Job that migrates and then makes the key known.
        soon(lambda: not self.unwell(), "every pod is ready, or has done its work", seconds=60)
        return time.monotonic() - began

    def unwell(self) -> list[str]:
        """The pods that are not ready and have not done their work."""
        return [pod.metadata.name for pod in self.namespace.pods() if not is_well(pod)]

    def upgrade(self, *values: Values) -> Watch:
        """Upgrade it to its values with these over them; what became of the replicas meanwhile."""
        self.values = merged(self.values, *values)
        with watching(self.namespace) as watch:
            self.release.upgrade(self.values)
        return watch

    @cached_property
    def key(self) -> str:
        """The key of the API that the chart made."""
        return self.secret("penstock-api-key", "key")

    @cached_property
    def api(self) -> Api:
        """The API over its Service."""
        return Api(Forward(self.namespace.name, "penstock-api", "http"), self.key)

    def image(self, repository: str) -> str:
        """An image of the version that is installed."""
        return f"{repository}:{self.tag()}"

    def tag(self, variant: str = "") -> str:
        """The tag of this version's images, or of a variant that the tests bring: `next`, `broken`."""
        return f"{VERSION}-{variant}" if variant else VERSION

    def sql(self, query: str) -> list[list[str]]:
        """The rows of a query, in text."""
        command = ("psql", "-U", "penstock", "-d", "penstock", "-AtF", "\t", "-v", "ON_ERROR_STOP=1", "-c", query)
        said = self.namespace.execute("statefulset/penstock-postgresql", *command)
        return [line.split("\t") for line in said.splitlines()]

    def redis(self, *command: str) -> str:
        """What Redis answers to a command of the services' user."""
        return self.namespace.execute("statefulset/penstock-redis", "redis-cli", *command).strip()

    def redis_as_keda(self, *command: str) -> str:
        """What Redis answers to a command of KEDA's user."""
        password = self.secret("penstock-redis", "keda-password")
        login = ("--user", "keda", "--pass", password, "--no-auth-warning")
        return self.namespace.execute("statefulset/penstock-redis", "redis-cli", *login, *command).strip()

    def secret(self, name: str, key: str) -> str:
        """What a Secret holds."""
        data = self.namespace.core.read_namespaced_secret(name, self.namespace.name).data
        return base64.b64decode(data[key]).decode()

    def mount_probe(self) -> None:
        """The probe's code, for a worker to mount."""
        mount(self.namespace, "probe", PROBE)

    def states(self, ids: Iterable[str]) -> Counter[str]:
        """How many of these jobs are in each state."""
        wanted = ", ".join(f"'{one}'" for one in ids)
        rows = self.sql(f"SELECT state, count(*) FROM jobs WHERE id IN ({wanted}) GROUP BY state")
        return Counter({state: int(count) for state, count in rows})

    def await_running(self, ids: Iterable[str], count: int | None = None, *, seconds: float = 120) -> None:
        """Wait until so many of these jobs (all of them) run."""
        ids = list(ids)
        count = count or len(ids)
        soon(lambda: self.states(ids)["running"] >= count, f"{count} of {len(ids)} jobs run", seconds=seconds)

    def await_end(self, ids: Iterable[str], *, seconds: float = 180) -> None:
        """Wait until all these jobs have succeeded."""
        ids = list(ids)

        def all_ended() -> bool:
            states = self.states(ids)
            assert not set(states) & (ENDED - {"succeeded"}), f"jobs ended as {dict(states)}"
            return states["succeeded"] == len(ids)

        soon(all_ended, f"{len(ids)} jobs end", seconds=seconds)

    def runs(self, job_id: str) -> tuple[int, int]:
        """How often the probe began this job, and how often its effect was kept."""
        rows = self.sql(f"SELECT split_part(email, ' ', 1) FROM accounts WHERE email LIKE '% {job_id} %'")
        marks = Counter(mark for (mark,) in rows)
        return marks["began"], marks["ended"]

    def worker_of(self, job_id: str) -> str:
        """The pod that runs a job, from the worker's name in its row."""
        ((worker,),) = self.sql(f"SELECT worker FROM jobs WHERE id = '{job_id}'")
        return worker.rpartition("@")[2]

    def await_replicas(self, deployment: str, number: int, *, seconds: float = 120) -> None:
        """Wait until a Deployment is asked to have so many, and has them."""

        def there() -> bool:
            pods = self.namespace.pods(deployment.removeprefix("penstock-"), going=number == 0)
            return self.namespace.replicas()[deployment] == number and len(pods) == number

        soon(there, f"{deployment} has {number} replicas", seconds=seconds)

    def await_rest(self, *, seconds: float = 120) -> None:
        """Wait until there is no worker and every job has ended."""

        def rests() -> bool:
            replicas = self.namespace.replicas()
            return not any(number for name, number in replicas.items() if WORKER in name) and not self.sql(OPEN)

        soon(rests, "no job is open and no worker there", seconds=seconds)

    def close(self) -> None:
        """Close what leads to it from here."""
        if "api" in self.__dict__:
            self.api.close()
            del self.api
