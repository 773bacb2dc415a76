"""The backlog: what Redis holds of each queue, waiting and in flight."""

import pytest
from kombu import Connection
from kombu.transport.redis import Transport as StockTransport

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import QUEUES, Priority
from penstock_runtime.backlog import QueueBacklog, read_backlog
from penstock_runtime.broker import Publisher, transport_options
from penstock_runtime.errors import Unavailable
from penstock_runtime.transport import Transport

BULK = PRUNE.message(Prune(), priority=Priority.BULK)


@pytest.fixture
def publish(ledger, settings):
    publisher = Publisher(settings)
    yield lambda *messages: publisher.publish([ledger.accept(message).publication for message in messages])
    publisher.close()


@pytest.fixture
def take(settings):
    """Take one message as a worker does: ours, or one of stock Celery's with in-flight keys as ours."""
    open_connections = []

    def one(transport):
        stock = {"unacked_key": "unacked:ops_trace", "unacked_index_key": "unacked:ops_trace_index"}
        options = transport_options(settings) | (stock if transport is not Transport else {})
        connection = Connection(settings.broker_url, transport=transport, transport_options=options)
        open_connections.append(connection)
        return connection.default_channel.basic_get("ops_trace", no_ack=False)

    yield one
    for connection in open_connections:
        connection.close()


def of_ops_trace(settings):
    return next(backlog for backlog in read_backlog(settings) if backlog.queue == "ops_trace")


def test_an_empty_redis_has_no_backlog(settings):
    assert read_backlog(settings) == [QueueBacklog(queue.name, {"normal": 0, "bulk": 0}, 0) for queue in QUEUES]


def test_what_waits_is_counted_by_priority(settings, publish):
    publish(None, None, BULK)
    assert of_ops_trace(settings) == QueueBacklog("ops_trace", {"normal": 2, "bulk": 1}, 0)


def test_what_is_in_flight_is_counted_whether_its_worker_is_ours_or_stock_celerys(settings, publish, take):
    publish(None, None, None)
    take(Transport)
    take(StockTransport)
    assert of_ops_trace(settings) == QueueBacklog("ops_trace", {"normal": 1, "bulk": 0}, 2)
    assert sum(backlog.in_flight for backlog in read_backlog(settings)) == 2


@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
def test_a_redis_that_does_not_answer_is_said_to_be_away(quick, silent_port, trouble):
    port = silent_port if trouble == "hangs" else 1
    with pytest.raises(Unavailable, match="Redis"):
        read_backlog(quick(broker_url=f"redis://127.0.0.1:{port}/0", redis_timeout=0.1))
