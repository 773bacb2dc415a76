"""What a consumer does when Redis answers otherwise than it should, or not at all."""

import json
import signal
import socket
import threading

import pytest
import redis
from kombu import Connection, Exchange, Queue
from kombu.utils.eventio import READ

OPTIONS = {"sep": ":", "priority_steps": [0, 5], "socket_timeout": 0.5}


@pytest.fixture
def server(own_redis):
    with redis.Redis.from_url(own_redis.server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def consumer(own_redis):
    """A consumer of the queue `shop` that acknowledges what it receives."""
    with Connection(
        own_redis.server.url, transport="penstock_runtime.transport:Transport", transport_options=OPTIONS
    ) as connection:
        consumer = Consumer(connection)
        with connection.Consumer(
            [Queue("shop", channel=connection.default_channel)], callbacks=[lambda *of_it: consumer.take(*of_it)]
        ):
            yield consumer


class Consumer:
    def __init__(self, connection):
        self.connection, self.received = connection, []

    def take(self, body, message):
        self.received.append(body)
        message.ack()

    def wait(self, seconds=5.0):
        """One message, or what it raises."""
        self.connection.drain_events(timeout=seconds)


@pytest.fixture
def send(own_redis):
    """As a stock kombu producer."""
    with Connection(own_redis.server.url, transport="kombu.transport.redis:Transport") as connection:
        producer = connection.Producer(serializer="json")
        yield lambda number: producer.publish(number, exchange="", routing_key="shop")


def settles(server):
    return server.hlen("unacked:shop") == server.llen("shop") == 0


def test_scripts_that_redis_has_forgotten_are_sent_again(consumer, send, server):
    for number in range(3):
        server.script_flush()
        send(number)
        consumer.wait()
    assert consumer.received == [0, 1, 2]
    assert settles(server)


def test_a_server_that_became_a_replica_is_left(consumer, send, server):
    send(1)
    server.replicaof("127.0.0.1", 1)
    with pytest.raises(consumer.connection.connection_errors, match="not the one to write to"):
        consumer.wait()
    server.replicaof("NO", "ONE")
    consumer.wait()
    assert consumer.received == [1]


def test_a_server_without_its_replicas_is_asked_again_until_it_writes(consumer, send, server):
    send(1)
    server.config_set("min-replicas-to-write", 1)
    with pytest.raises(socket.timeout):
        consumer.wait(0.2)
    server.config_set("min-replicas-to-write", 0)
    consumer.wait()
    assert consumer.received == [1]


def test_a_server_that_cannot_save_is_asked_again_until_it_writes(consumer, send, server, eventually):
    send(1)
    folder = server.config_get("dir")["dir"]
    server.config_set("save", "1000 1")
    server.config_set("dir", "/proc")
    server.bgsave()
    eventually(lambda: server.info("persistence")["rdb_last_bgsave_status"] == "err")
    with pytest.raises(socket.timeout):
        consumer.wait(0.2)
    server.config_set("dir", folder)
    server.config_set("stop-writes-on-bgsave-error", "no")
    consumer.wait()
    assert consumer.received == [1]


def test_a_full_server_is_drained(consumer, send, server):
    for number in range(3):
        send(number)
    server.config_set("maxmemory", 1)
    for _ in range(3):
        consumer.wait()
    assert consumer.received == [0, 1, 2]
    with pytest.raises(redis.OutOfMemoryError):
        server.lpush("shop", "no room")
    assert settles(server)


def test_a_server_that_hangs_is_given_up_and_taken_up_again(consumer, send, own_redis, server):
    send(1)
    own_redis.process.send_signal(signal.SIGSTOP)
    with pytest.raises(consumer.connection.connection_errors):
        consumer.wait()
    own_redis.process.send_signal(signal.SIGCONT)
    consumer.wait()
    assert consumer.received == [1]


def test_what_a_claim_took_whose_answer_was_lost_is_delivered_at_once(consumer, send, own_redis, server, eventually):
    with pytest.raises(socket.timeout):
        consumer.wait(0.1)
    send(1)
    own_redis.process.send_signal(signal.SIGSTOP)
    with pytest.raises(consumer.connection.connection_errors):
        consumer.wait()
    own_redis.process.send_signal(signal.SIGCONT)
    # It reads what was sent to it, and answers nobody.
    eventually(lambda: server.hlen("unacked:shop") == 1)
    consumer.wait()
    assert consumer.received == [1]
    with pytest.raises(socket.timeout):
        consumer.wait(1.5)
    assert settles(server)


def test_a_connection_that_was_cut_is_made_again(consumer, send, server):
    send(1)
    consumer.wait()
    server.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(consumer.connection.connection_errors):
        consumer.wait()
    send(2)
    consumer.wait()
    assert consumer.received == [1, 2]


def test_a_server_that_tells_of_no_changes_is_looked_at_each_second(own_redis, server, send):
    server.acl_setuser("quiet", enabled=True, nopass=True, keys="*", channels="*", commands=["+@all", "-client"])
    url = own_redis.server.url.replace("redis://", "redis://quiet:any@")
    with Connection(url, transport="penstock_runtime.transport:Transport", transport_options=OPTIONS) as connection:
        one = Consumer(connection)
        with connection.Consumer([Queue("shop", channel=connection.default_channel)], callbacks=[one.take]):
            with pytest.raises(socket.timeout):
                one.wait(0.1)
            send(1)
            one.wait()
    assert one.received == [1]


def test_a_push_that_comes_with_the_answer_to_a_claim_is_not_overlooked(consumer, send):
    """Each message is sent at the moment when the consumer settles the one before, and claims."""
    waits = threading.Semaphore(0)
    take = consumer.take

    def take_and_let_send(body, message):
        waits.release()
        take(body, message)

    consumer.take = take_and_let_send

    def sender():
        for number in range(300):
            waits.acquire()
            send(number)

    thread = threading.Thread(target=sender, daemon=True)
    waits.release()
    thread.start()
    for _ in range(300):
        consumer.wait(30)
    thread.join(5)
    assert consumer.received == list(range(300))


NO_MESSAGES = {
    "no JSON": "no JSON at all",
    "nested too deep": "[" * 200_000,
    "no base64": '{"body": "aGVsbG8", "properties": {"body_encoding": "base64"}}',
    "an unknown encoding": '{"body": "aGVsbG8=", "properties": {"body_encoding": "base65"}}',
    "a body that is no text": '{"body": [1], "properties": {"body_encoding": "base64"}}',
    "no number": '{"properties": {}, "headers": {"x": {"__type__": "decimal", "__value__": "x"}}}',
}


@pytest.mark.parametrize("text", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_a_message_that_cannot_be_read_is_a_dead_letter_and_the_next_one_is_delivered(consumer, send, server, text):
    server.lpush("shop", text)
    send(1)
    consumer.wait()
    assert consumer.received == [1]
    assert "undecodable" in server.hvals("dead:shop")[0]
    assert server.hlen("unacked:shop") == 0


@pytest.mark.parametrize("died", ["null", '"x"', "1e999"])
def test_a_count_of_deliveries_that_is_none_harms_nobody(consumer, server, died):
    headers = f'{{"penstock": {{"attempts_left": 1}}, "penstock_deliveries": {died}}}'
    about = '"content-type": "application/json", "properties": {}'
    server.lpush("shop", f'{{"body": "1", {about}, "headers": {headers}}}')
    consumer.wait()
    assert consumer.received == [1]


@pytest.mark.parametrize("text", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_one_message_that_cannot_be_read_is_a_dead_letter_also_for_who_asks_for_it(own_redis, server, text):
    server.lpush("shop", text)
    with Connection(
        own_redis.server.url, transport="penstock_runtime.transport:Transport", transport_options=OPTIONS
    ) as connection:
        assert connection.default_channel.basic_get("shop") is None
        assert "undecodable" in server.hvals("dead:shop")[0]
        assert settles(server)


def test_what_the_pool_has_to_say_ends_no_wait_for_a_message(consumer):
    """Celery's loop lends its poller, in which the pipe of a child that died speaks until the loop goes on."""
    with pytest.raises(socket.timeout):
        consumer.wait(0.1)
    pipe, child = socket.socketpair()
    with pipe:
        consumer.connection.transport.cycle.poller.register(pipe, READ)
        child.close()
        with pytest.raises(socket.timeout):
            consumer.wait(0.5)


def test_several_queues_in_one_hash_are_refused(own_redis):
    options = OPTIONS | {"unacked_key": "unacked"}
    with Connection(
        own_redis.server.url, transport="penstock_runtime.transport:Transport", transport_options=options
    ) as connection:
        queues = [Queue("shop", channel=connection.default_channel), Queue("mail", channel=connection.default_channel)]
        with pytest.raises(ValueError, match=r"unacked_key.*\{queue\}"):
            connection.Consumer(queues).consume()


def test_a_broadcast_comes_while_messages_wait(consumer, send):
    exchange = Exchange("news", "fanout")
    with consumer.connection.Consumer(
        [Queue("news", exchange)],
        callbacks=[lambda *of_it: consumer.take(*of_it)],
        channel=consumer.connection.channel(),
    ):
        consumer.wait()  # the answer to its subscription
        for number in range(50):
            send(number)
        consumer.wait()
        consumer.connection.Producer(serializer="json").publish("news", exchange=exchange)
        while "news" not in consumer.received:
            consumer.wait()
    assert len(consumer.received) < 10


def test_no_process_has_died_with_what_is_sent_again_with_its_headers(consumer, server):
    """As a Celery task that retries does."""
    server.lpush("shop", '{"body": "1", "properties": {}, "headers": {"penstock_deliveries": 3, "x": 1}}')
    send = consumer.connection.Producer(serializer="json").publish
    consumer.take = lambda body, message: (send(2, routing_key="later", headers=message.headers), message.ack())
    consumer.wait()
    assert json.loads(server.lindex("later", 0))["headers"] == {"x": 1}
