"""What a webhook is told of a job's end."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field


class EndedJob(BaseModel):
    """The job as it ended."""

    id: str
    task: str
    queue: str
    state: Literal["succeeded", "failed", "cancelled", "dead"]
    attempt: int = Field(description="how often it was started")
    result: dict[str, Any] | None = Field(description="where it succeeded")
    error: dict[str, Any] | None = Field(description="where it did not: `code` and `message`")
    created_at: datetime = Field(description="when it was accepted")
    finished_at: datetime


class Notice(BaseModel):
    """The body of a webhook."""

    type: Literal["job.succeeded", "job.failed", "job.cancelled", "job.dead"]
    timestamp: datetime = Field(description="when the job ended")
    job: EndedJob
