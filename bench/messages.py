"""Messages by the thousand: each as the application's own producer makes it, with its own id, tag and number."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import redis
from bench.worker_app import QUEUE
from celery import Celery

PIECE = 1000
"""Messages in one LPUSH."""


class Copies:
    """A message of a task, sent once by the application and then copied. `client`: of the same, still empty Redis."""

    def __init__(self, app: Celery, task: str, client: "redis.Redis") -> None:
        app.send_task(task, args=[0], queue=QUEUE)
        raw = client.rpop(QUEUE)
        assert isinstance(raw, bytes)
        self._message = json.loads(raw)
        self._embed = json.loads(b64decode(self._message["body"]))[1:]

    def copy(self, argument: Any) -> bytes:
        """Another one, with this argument."""
        job, message = str(uuid4()), self._message
        body = b64encode(json.dumps([[argument], *self._embed]).encode()).decode()
        headers = message["headers"] | {"id": job, "root_id": job, "argsrepr": f"[{argument}]"}
        properties = message["properties"] | {"correlation_id": job, "delivery_tag": str(uuid4())}
        return json.dumps(message | {"body": body, "headers": headers, "properties": properties}).encode()

    def fill(self, client: "redis.Redis", numbers: Iterable[int]) -> None:
        """Push one for each number."""
        waiting: list[bytes] = []
        for number in numbers:
            waiting.append(self.copy(number))
            if len(waiting) == PIECE:
                client.lpush(QUEUE, *waiting)
                waiting.clear()
        if waiting:
            client.lpush(QUEUE, *waiting)
