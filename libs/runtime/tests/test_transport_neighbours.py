"""A worker and whoever else consumes in its process, such as a task that reads a queue of its own."""

import pytest
from kombu import Connection, Queue

OPTIONS = {"sep": ":", "priority_steps": [0, 5], "socket_timeout": 0.5}


@pytest.fixture
def connect(own_redis):
    made = []

    def connect():
        made.append(
            Connection(
                own_redis.server.url, transport="penstock_runtime.transport:Transport", transport_options=OPTIONS
            )
        )
        return made[-1]

    yield connect
    for one in made:
        one.release()


def test_what_a_task_reads_from_a_queue_takes_none_of_its_workers_room(connect):
    worker, task = connect(), connect()
    worker.transport.outlives = True
    send = task.Producer(serializer="json").publish
    for queue in ("shop", "list"):
        send(queue, routing_key=queue)
    read, received = task.default_channel.basic_get("list"), []

    def take(body, message):
        received.append(body)
        message.ack()

    with worker.Consumer([Queue("shop")], callbacks=[take], prefetch_count=1):
        worker.drain_events(timeout=5)
    assert received == ["shop"]
    read.ack()
