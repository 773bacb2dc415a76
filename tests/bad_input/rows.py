"""What a row of the table is: a name, a request, and what it gets."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MARK = "do-not-echo-me"
"""Stands for a secret in what is sent; no answer and no log may hold it."""

ID = "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"
"""Of nothing that there is."""

JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """What is sent, byte by byte. In target, headers and body `{names}` of the world stand for what is only known then.

    rest: pieces that follow, one each `pause` seconds, until there is an answer or the connection is closed.
    """

    method: str = "GET"
    target: str = "/v1/jobs"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    rest: Callable[[], Iterator[bytes]] = tuple[bytes]().__iter__
    pause: float = 0
    deaf: bool = False  # it reads nothing before the server has closed the connection

    def head(self) -> str:
        """The request line and the headers. One that is set to "" is left out."""
        headers = {"Host": "api", "Authorization": "Bearer {key}", "Connection": "close"} | dict(self.headers)
        if self.body and "Transfer-Encoding" not in headers:
            headers.setdefault("Content-Length", str(len(self.body)))
        lines = [f"{name}: {value}" for name, value in headers.items() if value]
        return "\r\n".join([f"{self.method} {self.target} HTTP/1.1", *lines, "", ""])


@dataclass(frozen=True)
class Raw(Request):
    """A request that is none, or a broken one: the body is all of it."""

    def head(self) -> str:
        return ""


@dataclass(frozen=True)
class Row:
    """One case. code: of the problem document; None: the status says it all. Status 0: the connection is closed."""

    name: str
    request: Request
    status: int
    code: str | None = None


def get(target: str, **headers: str) -> Request:
    """A GET with the key of the tenant whose table this is. In a header's name `_` stands for `-`."""
    return Request("GET", target, _named(headers))


def post(target: str, body: str | bytes | dict[str, Any] = b"", *, kind: str = JSON, **headers: str) -> Request:
    """As `get`, with a body of that media type."""
    raw = json.dumps(body) if isinstance(body, dict) else body
    return Request(
        "POST", target, {"Content-Type": kind} | _named(headers), raw if isinstance(raw, bytes) else raw.encode()
    )


def a_job(**fields: Any) -> dict[str, Any]:
    """A job that would be accepted, but for what is given."""
    return {"task": "generation.report", "payload": {"dataset_id": ID}} | fields


def an_action(**fields: Any) -> dict[str, Any]:
    """A user action that would be accepted, but for what is given."""
    return {"actions": [{"user_id": "u", "action": "login", "at": "2026-05-01T08:30:00Z"} | fields]}


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
