"""Messages by the thousand: each as the application's own producer makes it, with its own id, tag and number.

`python -m bench.messages TASK` has the application that BENCH_WORKER describes send one: in a process of its own, since
Penstock's transport is installed for a whole process.
"""

import json
import os
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis
from bench.worker_app import QUEUE, SETUP_VARIABLE, URL_VARIABLE, Setup, from_environment

PIECE = 1000
"""Messages in one LPUSH."""


class Copies:
    """A message of a task, sent once by the application and then copied. `client`: of the same, still empty Redis.

    padding: characters of a second argument; without it there is none.
    """

    def __init__(self, setup: Setup, url: str, task: str, client: "redis.Redis", padding: int = 0) -> None:
        environment = {**os.environ, SETUP_VARIABLE: setup.text, URL_VARIABLE: url}
        subprocess.run(
            [sys.executable, "-m", "bench.messages", task], env=environment, cwd=Path(__file__).parents[1], check=True
        )
        raw = client.rpop(QUEUE)
        assert isinstance(raw, bytes)
        self._message = json.loads(raw)
        self._more = ["x" * padding] if padding else []
        self._embed = json.loads(b64decode(self._message["body"]))[1:]

    def copy(self, argument: Any) -> bytes:
        """Another one, with this argument."""
        job, message = str(uuid4()), self._message
        body = b64encode(json.dumps([[argument, *self._more], *self._embed]).encode()).decode()
        headers = message["headers"] | {"id": job, "root_id": job, "argsrepr": f"[{argument}]"}
        properties = message["properties"] | {"correlation_id": job, "delivery_tag": str(uuid4())}
        return json.dumps(message | {"body": body, "headers": headers, "properties": properties}).encode()

    def fill(self, client: "redis.Redis", arguments: Iterable[Any]) -> None:
        """Push one for each argument."""
        waiting: list[bytes] = []
        for argument in arguments:
            waiting.append(self.copy(argument))
            if len(waiting) == PIECE:
                client.lpush(QUEUE, *waiting)
                waiting.clear()
        if waiting:
            client.lpush(QUEUE, *waiting)


def main() -> None:
    with from_environment() as app:
        app.send_task(sys.argv[1], args=[0], queue=QUEUE)


if __name__ == "__main__":
    main()
