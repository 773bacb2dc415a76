"""Redis is told which queues are paused: it is there that each claim asks."""

from collections.abc import Callable, Mapping
from datetime import UTC

import redis

from penstock_contracts.queues import QUEUES
from penstock_runtime.broker import redis_errors
from penstock_runtime.ledger.pauses import Pause

PUT = """
redis.call('PERSIST', KEYS[1])
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
"""
"""Put a text in the place of the one that was read there; empty is none. Who is slower than another changes nothing.

The first write needs no memory, and so lets the script through where a full Redis refuses what needs memory.
"""


def tell(client: "redis.Redis", read: Callable[[], Mapping[str, Pause]]) -> None:
    """Have Redis say of each queue what the ledger, asked by `read`, says of it.

    Any number may do so at once. Redis is read before the ledger, so what stands in Redis alone was resumed, and is
    taken away only while it is still the same: nobody who is late ends a newer pause. One who is late may pause a queue
    that was just resumed; the relay's next pass finds that. Raises Unavailable when Redis is gone, and
    what `read` does.
    """
    with redis_errors():
        pipeline = client.pipeline(transaction=False)
        for queue in QUEUES:
            pipeline.get(queue.paused_key)
        found = [text or b"" for text in pipeline.execute()]
    pauses = read()
    for queue, text in zip(QUEUES, found, strict=True):
        pause = pauses.get(queue.name)
        wanted = _text_of(pause).encode() if pause else b""
        if text != wanted:
            with redis_errors():
                client.eval(PUT, 1, queue.paused_key, text, wanted)


def _text_of(pause: Pause) -> str:
    # In UTC: PostgreSQL answers each client in the time zone of its session.
    return pause.since.astimezone(UTC).isoformat()
