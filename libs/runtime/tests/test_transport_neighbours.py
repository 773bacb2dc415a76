"""A worker of several queues, and whoever else consumes in its process, such as a task that reads one itself."""

import pytest
from kombu import Connection, Queue

OPTIONS = {"sep": ":", "priority_steps": [0, 5], "socket_timeout": 0.5}


@pytest.fixture
def connect(own_redis):
    made = []

    def connect(**options):
        transport = "penstock_runtime.transport:Transport"
        made.append(Connection(own_redis.server.url, transport=transport, transport_options=OPTIONS | options))
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


@pytest.mark.parametrize("order", ["priority", "sorted"])
def test_where_queues_have_an_order_the_first_one_goes_before_all_others(connect, order):
    worker, received = connect(queue_order_strategy=order), []
    worker.transport.outlives = True
    send = worker.Producer(serializer="json").publish
    for number in range(20):
        for queue in ("b", "a"):
            send(f"{queue}{number}", routing_key=queue)

    def take(body, message):
        received.append(body)
        message.ack()

    with worker.Consumer([Queue("a"), Queue("b")], callbacks=[take], prefetch_count=6):
        while len(received) < 40:
            worker.drain_events(timeout=5)
    assert received == [f"{queue}{number}" for queue in "ab" for number in range(20)]
