"""The API as its clients see it, over the Service."""

import time
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

import httpx
from bench.forward import Forward

PATIENCE = 60
"""Seconds in which a request is repeated, under its own key, while no pod answers."""

PASSING = (502, 503, 504)

MAIL = "mail.registration_confirmation"
REPORT = "generation.report"
PRUNE = "ops_trace.prune"


class Api:
    """Speaks HTTP with the API, and repeats what was not answered, as a good client does."""

    def __init__(self, forward: Forward, key: str) -> None:
        self._forward = forward
        self._client = httpx.Client(timeout=30, headers={"Authorization": f"Bearer {key}"})

    def get(self, path: str) -> Any:
        """The answer's JSON. Raises httpx.HTTPStatusError where it is an error."""
        return self._ask("GET", path).json()

    def post(self, path: str, **options: Any) -> Any:
        """The answer's JSON; the request carries an Idempotency-Key. Raises httpx.HTTPStatusError."""
        headers = {"Idempotency-Key": str(uuid4())} | options.pop("headers", {})
        return self._ask("POST", path, headers=headers, **options).json()

    def start(self, task: str, payload: dict[str, Any], **wishes: Any) -> str:
        """Start one job; its id."""
        return str(self.post("/v1/jobs", json={"task": task, "payload": payload, **wishes})["job_id"])

    def start_all(self, jobs: Sequence[dict[str, Any]]) -> list[str]:
        """Start up to 1,000 jobs in one request; their ids."""
        return [item["job_id"] for item in self.post("/v1/jobs/bulk", json={"jobs": list(jobs)})["items"]]

    def job(self, job_id: str) -> dict[str, Any]:
        """What the API says of a job."""
        found: dict[str, Any] = self.get(f"/v1/jobs/{job_id}")
        return found

    def states(self, ids: Iterable[str]) -> set[str]:
        """The states in which these jobs are."""
        return {self.job(job_id)["state"] for job_id in ids}

    def queue(self, name: str) -> dict[str, Any]:
        """The figures of one queue."""
        return next(item for item in self.get("/v1/queues")["items"] if item["queue"] == name)

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self._client.request(method, f"http://127.0.0.1:{self._forward.port}{path}", **options)
                if answer.status_code not in PASSING or time.monotonic() > deadline:
                    return answer.raise_for_status()
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                self._forward.renew()
            time.sleep(0.5)

    def close(self) -> None:
        """Close the connection and the port."""
        self._client.close()
        self._forward.close()


def mail(number: int, run: str, **wishes: Any) -> dict[str, Any]:
    """A job that writes to an address of its own."""
    return {"task": MAIL, "payload": {"email": f"{run}-{number}@example.com", "locale": "en"}, **wishes}


def report(seconds: float, **wishes: Any) -> dict[str, Any]:
    """A job of the queue generation that the probe lets last so many seconds."""
    return {"task": REPORT, "payload": {"dataset_id": str(uuid4()), "title": str(seconds)}, **wishes}
