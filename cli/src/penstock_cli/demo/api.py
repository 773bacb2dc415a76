"""The API as a client sees it: what the demo sends and asks."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from pydantic import BaseModel

from penstock_contracts import tasks
from penstock_contracts.task import Contract
from penstock_runtime.errors import PenstockError

TIMEOUT = 10
"""Seconds for one request."""

FINISHED = ("succeeded", "failed", "cancelled", "dead")


class DemoError(PenstockError):
    """The demo did not get what it asked for."""

    code = "demo"


class Progress(BaseModel):
    """How far a running job has come."""

    done: int
    total: int | None
    unit: str


class Reason(BaseModel):
    """Why a job did not succeed."""

    code: str
    message: str


class Job(BaseModel):
    """What the API says about one job."""

    id: str
    task: str
    queue: str
    state: str
    request_id: str | None
    progress: Progress | None
    result: dict[str, Any] | None
    error: Reason | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED

    def outcome(self) -> Contract:
        """The result, as the task's contract has it."""
        result: type[Contract] = tasks.BY_NAME[self.task].result
        return result.model_validate(self.result)


class Api:
    """Each method raises DemoError with the problem's code and detail where the API refuses, or does not answer."""

    def __init__(self, url: str, key: str) -> None:
        # Without the environment's proxies: the API is on this machine.
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=False)

    def start(self, path: str, body: dict[str, Any]) -> Job:
        """Post a JSON body that starts a job."""
        return self.job(self._ask("POST", path, json=body, headers=_once()).json()["job_id"])

    def upload(self, name: str, content: bytes) -> Job:
        """Upload a file, which starts its import."""
        answer = self._ask("POST", "/v1/datasets", files={"file": (name, content)}, headers=_once())
        return self.job(answer.json()["job_id"])

    def register(self, email: str, locale: str) -> Job:
        """Register an address. The answer is the same for all, so the job is found by the request's id."""
        request_id = uuid4().hex
        self._ask(
            "POST",
            "/v1/registrations",
            json={"email": email, "locale": locale},
            headers={"X-Request-Id": request_id},
        )
        listed = self._ask("GET", "/v1/jobs", params={"queue": "mail"}).json()["items"]
        found = [job for job in map(Job.model_validate, listed) if job.request_id == request_id]
        if not found:
            raise DemoError(f"the registration of {email} started no job")
        return found[0]

    def job(self, job_id: str) -> Job:
        return Job.model_validate(self._ask("GET", f"/v1/jobs/{job_id}").json())

    def download(self, file_id: UUID, to: Path) -> None:
        """Save a file under this name."""
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(self._ask("GET", f"/v1/files/{file_id}").content)

    def close(self) -> None:
        self._client.close()

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            raise DemoError(f"{method} {path}: the API did not answer ({type(error).__name__})") from error
        if answer.is_success:
            return answer
        try:
            problem = answer.json()
            raise DemoError(f"{method} {path}: {answer.status_code} {problem['code']}: {problem['detail']}")
        except (ValueError, KeyError, TypeError):
            raise DemoError(f"{method} {path}: {answer.status_code}") from None


def _once() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}
