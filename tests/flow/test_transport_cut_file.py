"""Our transport and a Redis that was killed, and whose append-only file ends in the middle of a command."""

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from own_redis import OwnRedis, own_redis
from processes import eventually
from shops import numbers, stock_client, workers

LONG = [1, 2]
SHORT = list(range(100, 200))
CUTS = [("gevent", 300), ("prefork", 300), ("gevent", 30_000), ("prefork", 30_000)]


def kept(own: OwnRedis, folder: Path) -> list[int]:
    """The tasks in a copy of the file, waiting or in flight."""
    (folder / "redis").mkdir(parents=True)
    shutil.copy(own.file, folder / "redis")
    with own_redis(folder) as copy:
        waiting = copy.client.lrange("shop", 0, -1)
        in_flight = [json.dumps(json.loads(one)[0]) for one in copy.client.hvals("unacked:shop")]
    headers = [json.loads(one)["headers"] for one in [*waiting, *in_flight]]
    return sorted(int(re.findall(r"\d+", one["argsrepr"])[0]) for one in headers)


def cut(file: Path, most: int) -> None:
    """Take away up to so many bytes, and end in the middle of a command."""
    size = file.stat().st_size
    content = file.read_bytes()[: size - random.Random(most).randrange(1, min(most, size // 2))]
    # A command begins with `*` on a line of its own.
    begins = content.rindex(b"\r\n*") + 2
    file.write_bytes(content[: max(begins + 3, len(content) - 1)])


@pytest.mark.parametrize(("pool", "most"), CUTS)
def test_all_that_is_left_in_a_truncated_file_is_run(
    own: OwnRedis, record: Any, redis_url: str, tmp_path: Path, pool: str, most: int
) -> None:
    with workers(own.url, tmp_path, record=redis_url, abandoned_after=9) as start, stock_client(own.url) as send:
        worker = start(pool, concurrency=4)
        for number in LONG:
            send(number, None)
        eventually(lambda: sorted(numbers(record, "begun")) == LONG, "the long ones run")
        for number in SHORT:
            send(number, 0.02)
        eventually(lambda: len(numbers(record, "ended")) > 20, "short ones run beside them")
        own.kill()
        cut(own.file, most)
        left = kept(own, tmp_path / "copy")
        assert left, "the cut has left something"
        own.start()
        record.set("go", "now")
        eventually(lambda: {*LONG, *left} <= set(numbers(record, "ended")), "all that was left has run")
        eventually(lambda: own.client.llen("shop") == own.client.hlen("unacked:shop") == 0, "nothing is stuck")
        send(1000, 0)
        eventually(lambda: 1000 in numbers(record, "ended"), "the worker works on")
        assert worker.process.is_running()
