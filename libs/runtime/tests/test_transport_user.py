"""What the chart declares for a user of Redis is enough for a worker; a worker with less is told so at once."""

import re
from pathlib import Path

import pytest
import redis
import redis_users
from kombu import Connection, Exchange, Queue

from penstock_runtime.transport import scripts
from penstock_runtime.transport.keys import QueueKeys
from penstock_runtime.transport.rights import NotAllowed

DOCUMENT = Path(__file__).parents[3] / "docs" / "transport.md"
SHOP = QueueKeys.of("shop", prefix="", separator=":", steps=(0, 5))
SCRIPTS = [one.text for one in vars(scripts).values() if isinstance(one, scripts.Script)]
OF_THE_SCRIPTS = sorted(set(re.findall(r"redis\.call\('([A-Z]+)'", "".join(SCRIPTS))) | {"RPUSH", "LPUSH"})
OF_ALL_SCRIPTS = ["MULTI", "EVAL", "EVALSHA", "SCRIPT"]


@pytest.fixture
def user(broker, redis_url):
    """The URL for a user with these rules: `user("-get")` has what is declared, but for GET."""
    made = []

    def make(*rules, keys=None):
        name = f"worker-{len(made)}"
        made.append(name)
        keys = redis_users.keys("services", ["shop"]) if keys is None else keys
        return redis_users.as_user(
            broker, redis_url, name, *keys, "&*", *redis_users.commands("services"), *(one.lower() for one in rules)
        )

    yield make
    for name in made:
        broker.execute_command("ACL", "DELUSER", name)


@pytest.fixture
def waiting(broker):
    """Three messages that wait."""
    broker.rpush("shop", "1", "2", "3")
    return lambda: (broker.lrange("shop", 0, -1), broker.hlen("unacked:shop"), sorted(broker.keys()))


def open_as(url):
    options = {"sep": ":", "priority_steps": [0, 5]}
    return Connection(url, transport="penstock_runtime.transport:Transport", transport_options=options)


def begin(connection):
    """Consume the shop's queue."""
    channel = connection.default_channel
    return connection.Consumer([Queue("shop", channel=channel)], channel=channel, auto_declare=False)


def test_it_publishes_claims_acknowledges_requeues_buries_and_gives_signs_of_life(user, broker):
    with open_as(user()) as connection:
        channel = connection.default_channel
        queue = Queue("shop", Exchange("shop", type="direct"), routing_key="shop")(channel)
        queue.declare()
        producer, received = connection.Producer(channel, serializer="json"), []
        with connection.Consumer([queue], callbacks=[lambda body, message: received.append(message)], channel=channel):
            for number in range(3):
                producer.publish({"number": number}, exchange="shop", routing_key="shop", priority=5 * (number % 2))
                connection.drain_events(timeout=5)
            channel.in_flight.signs.beat()
            received[0].ack()
            received[1].requeue()
            channel.dead_letter(received[2].delivery_tag, "tried", None)
            connection.drain_events(timeout=5)
            assert received[3].delivery_info["redelivered"]
            received[3].ack()
    assert broker.hlen("unacked:shop") == broker.llen("shop") == broker.llen("shop:5") == 0
    assert broker.hlen("dead:shop") == 1


@pytest.mark.parametrize("command", OF_THE_SCRIPTS + OF_ALL_SCRIPTS)
def test_who_may_not_run_one_command_begins_nothing_and_is_told_which(command, user, waiting):
    before = waiting()
    with open_as(user(f"-{command}")) as connection:
        with pytest.raises(NotAllowed, match=re.escape(f" worker-0 +{command.lower()}") + r"\b"):
            begin(connection).consume()
        assert waiting() == before


@pytest.mark.parametrize("key", [*SHOP.lists, SHOP.unacked, SHOP.index, SHOP.dead, SHOP.dead_index])
def test_who_may_not_touch_one_key_begins_nothing_and_is_told_which(key, user, waiting):
    before = waiting()
    others = [f"~{other}" for other in (*SHOP.lists, SHOP.unacked, SHOP.index, SHOP.dead, SHOP.dead_index)]
    others.remove(f"~{key}")
    with open_as(user(keys=[*others, "~penstock:*", "~_kombu.*"])) as connection:
        with pytest.raises(NotAllowed, match=re.escape(f" worker-0 ~{key} ")):
            begin(connection).consume()
        assert waiting() == before


def test_all_that_is_lacking_is_told_in_one_sentence(user):
    with open_as(user("-ltrim", "-zadd", keys=["~shop", "~unacked:*", "~dead:*"])) as connection:
        with pytest.raises(NotAllowed) as told:
            begin(connection).consume()
        rules = "~shop:5 +ltrim +zadd ~penstock:watch:shop ~penstock:paused:shop"
        for rule in rules.split():
            assert f" {rule} " in told.value.message
        assert "\n" not in told.value.message


def test_asking_changes_nothing_and_wakes_nobody(user, waiting, broker):
    before, changes = waiting(), broker.info("persistence")["rdb_changes_since_last_save"]
    with open_as(user()) as connection, begin(connection):
        assert waiting() == before
        assert broker.info("persistence")["rdb_changes_since_last_save"] == changes


def test_a_user_who_lacks_what_no_script_needs_begins(user, waiting):
    with open_as(user("-info", "-hgetall")) as connection, begin(connection):
        assert waiting()[0] == ["1", "2", "3"]


def test_what_a_user_may_no_longer_is_said(user, broker):
    with open_as(user()) as connection, begin(connection):
        broker.execute_command("ACL", "SETUSER", "worker-0", "-lrange")
        broker.lpush("shop", "{}")
        with pytest.raises(connection.connection_errors, match="not allowed enough"):
            connection.drain_events(timeout=5)


@pytest.mark.parametrize(
    "said",
    [
        "ERR The user executing the script can't run this command or subcommand",
        "ERR ACL failure in script: User worker-0 has no permissions to run the 'lrange' command",
    ],
    ids=["Redis 6", "Redis 7 and 8"],
)
def test_a_refusal_within_a_script_is_known_as_each_redis_says_it(said, user):
    refuses = scripts.Script(f'return redis.error_reply("{said}")')
    with open_as(user()) as connection, pytest.raises(redis.ConnectionError, match="not allowed enough"):
        connection.default_channel.wire.run(refuses, [], [])


def test_the_document_lists_what_is_declared():
    [listed] = re.findall(r"```\n(~<queue> .*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    keys = [key.replace("\x06\x16", r"\x06\x16") for key in redis_users.keys("services", ["<queue>"])]
    assert listed.split() == [*keys, "&*", *redis_users.commands("services")]
