"""`python -m penstock_api.try_queues`, what `helm test` runs: a job through each queue by way of the Service, while the
lists that KEDA was told to count are compared with what the API says of its queues.

It asks the broker as KEDA does, without asking Kubernetes: a wrong database or list counts nothing, and would scale to
zero while all looks healthy.
"""

import json
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError, URLError
from uuid import uuid4

from pydantic import Field, SecretStr

from penstock_api.kedas_counts import Counted, Counts, open_counts
from penstock_runtime.errors import PenstockError, Unavailable
from penstock_runtime.settings import RuntimeSettings, load_or_exit

REQUEST = 10
"""Seconds for one request."""

PAUSE = 0.2
"""Seconds between two looks."""

FINISHED = ("succeeded", "failed", "cancelled", "dead")
CSV = b"item,count\nfirst,1\nsecond,2\n"
UNREACHABLE = "helm-test@penstock.invalid"
"""RFC 2606 keeps .invalid for addresses that cannot exist, so the mail worker refuses it, and sends nothing."""


class TrySettings(RuntimeSettings):
    """The runtime's settings, and what is tried. Times are in seconds."""

    try_api: str = Field("http://127.0.0.1:8000", description="the API's Service")
    try_timeout: float = Field(300, gt=0, le=3600, description="for all jobs to end")
    try_mail: str = Field("", description="gets a real mail; empty: a job that is refused")
    try_queues: list[Counted] = Field(description="what KEDA counts")
    try_management: str = Field("http://127.0.0.1:15672", description="RabbitMQ's, where that carries the messages")
    api_key: SecretStr = SecretStr("")


class Failed(PenstockError):
    """Something is not as it must be."""

    code = "failed"


@dataclass
class Api:
    """The API at an address, with a key. Every method raises Failed."""

    url: str
    key: str

    def ask(self, path: str, body: bytes | None = None, content_type: str = "application/json") -> dict[str, Any]:
        """The answer to a GET, or to a POST where there is a body."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": content_type}
        if body is not None:
            headers["Idempotency-Key"] = uuid4().hex
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=REQUEST) as answer:
                return dict(json.load(answer))
        except HTTPError as error:
            raise Failed(f"{path}: {error.code} {error.read(500).decode(errors='replace')}") from None
        except (URLError, OSError, ValueError) as error:
            raise Failed(f"{path}: {self.url} does not answer ({error})") from None

    def start(self, path: str, body: dict[str, Any]) -> str:
        """The id of the job that a JSON body starts."""
        return str(self.ask(path, json.dumps(body).encode())["job_id"])

    def upload(self, name: str, content: bytes) -> str:
        """The id of the job that imports a file."""
        boundary = uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return str(self.ask("/v1/datasets", body, f"multipart/form-data; boundary={boundary}")["job_id"])


@dataclass
class Trial:
    """A job of one queue, and how it must end."""

    queue: str
    does: str
    job_id: str
    ends: tuple[str, str] = ("succeeded", "")
    ended: dict[str, Any] | None = None

    def row(self) -> str:
        job = self.ended
        if job is None:
            return f"{self.queue:<12}{self.does:<34}did not end"
        waited, ran = (_seconds(job, *ends) for ends in (("created_at", "started_at"), ("started_at", "finished_at")))
        code = f" ({job['error']['code']})" if job["error"] else ""
        return f"{self.queue:<12}{self.does:<34}waited {waited:6.2f} s   ran {ran:6.2f} s   {job['state']}{code}"

    @property
    def is_right(self) -> bool:
        job = self.ended
        return job is not None and (job["state"], (job["error"] or {}).get("code", "")) == self.ends


@dataclass
class Figures:
    """What KEDA counts, compared with what the API says, queue by queue."""

    counts: Counts
    queues: list[Counted]
    most: dict[str, int] = field(default_factory=dict)
    differs: dict[str, int] = field(default_factory=dict)

    def compare(self, api: Api) -> None:
        """Look once. Raises Failed where both went on saying different things."""
        ours = {one["queue"]: sum(one["queued"].values()) + one["in_flight"] for one in api.ask("/v1/queues")["items"]}
        for queue in self.queues:
            kedas = self.counts.count(queue)
            if kedas == ours.get(queue.queue):
                self.differs[queue.queue] = 0
                self.most[queue.queue] = max(kedas, self.most.get(queue.queue, 0))
                continue
            self.differs[queue.queue] = self.differs.get(queue.queue, 0) + 1
            if self.differs[queue.queue] > self.counts.disagreements:
                raise Failed(
                    f"the queue {queue.queue}: KEDA counts {kedas} in {', '.join(queue.keys)}, and the API "
                    f"{ours.get(queue.queue)}; {self.counts.kind}, its database or the lists are not the same"
                )

    @property
    def complete(self) -> bool:
        """Whether both have said the same of each queue."""
        return all(one.queue in self.most for one in self.queues)


def start(api: Api, queues: set[str], mail: str) -> Iterator[Trial]:
    """Send what waits for nothing."""
    if "dataset" in queues:
        yield Trial("dataset", "import a CSV of two rows", api.upload("helm-test.csv", CSV))
    elif "generation" in queues:
        job_id = api.start("/v1/reports", {"dataset_id": str(uuid4())})
        yield Trial("generation", "refuse a report on no dataset", job_id, ("failed", "dataset_missing"))
    if "mail" in queues:
        job = {"task": "mail.registration_confirmation", "payload": {"email": mail or UNREACHABLE, "locale": "en"}}
        ends = ("succeeded", "") if mail else ("failed", "invalid_address")
        yield Trial("mail", "send a mail" if mail else "refuse an address", api.start("/v1/jobs", job), ends)
    if "ops_trace" in queues:
        action = {"user_id": "helm-test", "action": "test", "at": datetime.now(UTC).isoformat()}
        yield Trial("ops_trace", "keep a user action", api.start("/v1/user-actions", {"actions": [action]}))


def follow(api: Api, trials: list[Trial], queues: set[str], deadline: float, look: Callable[[], None]) -> None:
    """Ask until all have ended, or the time is over; a report follows its dataset."""
    while any(trial.ended is None for trial in trials) and time.monotonic() < deadline:
        look()
        for trial in [trial for trial in trials if trial.ended is None]:
            job = api.ask(f"/v1/jobs/{trial.job_id}")
            if job["state"] not in FINISHED:
                continue
            trial.ended = job
            if trial.queue == "dataset" and trial.is_right and "generation" in queues:
                body = {"dataset_id": trial.job_id, "locale": "en"}
                trials.append(Trial("generation", "report on it", api.start("/v1/reports", body)))
        time.sleep(PAUSE)


def refuse_paused(api: Api, queues: set[str]) -> None:
    """Raise Failed where one of them is paused: its job would wait until somebody resumes it."""
    found = [one for one in api.ask("/v1/queues")["items"] if one["queue"] in queues and one["paused"]]
    if found:
        paused = ", ".join(f"{one['queue']} since {one['paused']['since']}" for one in found)
        raise Failed(f"nothing was tried, for there are paused queues: {paused}; `penstock resume` ends that")


def attempt(settings: TrySettings) -> list[str]:
    """Try everything, and return the lines to be read. Raises Failed."""
    api = Api(settings.try_api.rstrip("/"), settings.api_key.get_secret_value())
    deadline = time.monotonic() + settings.try_timeout
    _wait(api, deadline)
    queues = {one.queue for one in settings.try_queues}
    refuse_paused(api, queues)
    with open_counts(settings, settings.try_management) as counts:
        figures = Figures(counts, settings.try_queues)
        try:
            counts.relay_is_here()
            trials = list(start(api, queues, settings.try_mail))
            follow(api, trials, queues, deadline, lambda: figures.compare(api))
            # Short jobs may have come and gone between two looks.
            while not ((moved := counts.relay_is_here()) and figures.complete) and time.monotonic() < deadline:
                figures.compare(api)
                time.sleep(PAUSE)
        except Unavailable as error:
            raise Failed(error.message) from None
    lines = [trial.row() for trial in trials]
    lines += [f"{queue}: KEDA's count and the API's agree, at most {most}" for queue, most in figures.most.items()]
    if not all(trial.is_right for trial in trials):
        raise Failed("\n".join([*lines, "not every job ended as it must; look at the log of its worker"]))
    if not figures.complete:
        unseen = ", ".join(one.queue for one in settings.try_queues if one.queue not in figures.most)
        raise Failed(f"KEDA's count and the API's were not seen to agree on {unseen}; try again when less moves")
    if not moved:
        raise Failed(
            f"the relay does not write into the {counts.kind} that KEDA is told of: it is another one, or none runs"
        )
    return lines


def _wait(api: Api, deadline: float) -> None:
    while True:
        try:
            api.ask("/readyz")
            return
        except Failed:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def _seconds(job: dict[str, Any], first: str, second: str) -> float:
    if not (job[first] and job[second]):
        return 0
    return (datetime.fromisoformat(job[second]) - datetime.fromisoformat(job[first])).total_seconds()


def main() -> None:
    """The process: status 0 and a table where all is well, else status 1 and why."""
    try:
        lines = attempt(load_or_exit(TrySettings))
    except Failed as error:
        sys.exit(f"penstock: {error.message}")
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
