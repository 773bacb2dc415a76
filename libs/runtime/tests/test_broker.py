"""Messages on the wire: any Celery can read them, and they show their arguments to nobody on the way."""

import base64
import gc
import json
from dataclasses import replace
from datetime import datetime

import pytest
import redis
from celery import Celery, signals
from celery.exceptions import QueueNotFound
from kombu import Connection
from kombu.transport.redis import Transport as StockTransport

from penstock_cli.embedded import redis_in
from penstock_cli.local.ports import free_port
from penstock_contracts.mail import REGISTRATION_CONFIRMATION, RegistrationConfirmation
from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import MAIL, OPS_TRACE, QUEUES, Priority
from penstock_contracts.tasks import TASKS
from penstock_runtime.broker import Publisher, make_app, transport_options
from penstock_runtime.errors import SettingsError, Unavailable
from penstock_runtime.headers import ENQUEUED_AT
from penstock_runtime.redis_server import check, client

SECRET = "anna@example.com"
MAIL_TO_ANNA = REGISTRATION_CONFIRMATION.message(RegistrationConfirmation(email=SECRET))


@pytest.fixture
def publisher(quick):
    made = []

    def make(**named):
        made.append(Publisher(quick(**named)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def app(settings):
    """A Celery app as the suite makes it."""
    made = make_app(settings=settings)
    yield made
    made.close()


def test_a_messages_arguments_are_in_its_body_and_nowhere_else(ledger, publisher, broker):
    publisher().publish([ledger.accept(MAIL_TO_ANNA).publication])
    message = json.loads(broker.rpop("mail"))
    assert json.loads(base64.b64decode(message.pop("body")))[:2] == [[], {"email": SECRET, "locale": "zh"}]
    assert SECRET not in json.dumps(message)
    assert (message["headers"]["argsrepr"], message["headers"]["kwargsrepr"]) == ("-", "-")


def test_arguments_are_in_no_header_of_what_celerys_own_ways_send_either(app, broker):
    app.send_task(REGISTRATION_CONFIRMATION.name, kwargs={"email": SECRET})
    message = json.loads(broker.rpop("mail"))
    message.pop("body")
    assert SECRET not in json.dumps(message)


def test_a_message_carries_the_id_the_task_and_the_stamp_of_its_row(ledger, publisher, broker):
    job = ledger.accept(MAIL_TO_ANNA)
    publisher().publish([job.publication])
    headers = json.loads(broker.rpop("mail"))["headers"]
    assert (headers["id"], headers["task"]) == (job.job_id, REGISTRATION_CONFIRMATION.name)
    assert datetime.fromisoformat(headers["penstock"]["published_at"]) == ledger.row(job.job_id).published_at


def test_a_message_says_how_many_starts_are_left_and_whether_its_job_is_to_run_alone(ledger, publisher, broker):
    item = ledger.accept(MAIL_TO_ANNA).publication
    publisher().publish([item, replace(item, attempts_left=1, alone=True)])
    told = [json.loads(broker.rpop("mail"))["headers"]["penstock"] for _ in range(2)]
    assert [(one["attempts_left"], one["alone"]) for one in told] == [(MAIL.attempts, False), (1, True)]


@pytest.mark.parametrize(("priority", "name"), [(Priority.NORMAL, "mail"), (Priority.BULK, "mail:5")])
def test_a_messages_list_is_called_as_the_declaration_says(ledger, publisher, broker, priority, name):
    message = REGISTRATION_CONFIRMATION.message(RegistrationConfirmation(email=SECRET), priority=priority)
    publisher().publish([ledger.accept(message).publication])
    assert MAIL.list_name(priority) == name
    assert broker.keys("mail*") == [name]


def test_messages_lie_in_the_order_in_which_they_were_published(ledger, publisher, listed):
    jobs = [ledger.accept() for _ in range(20)]
    publisher().publish([job.publication for job in jobs])
    assert listed() == [job.job_id for job in jobs]


@pytest.mark.parametrize("priority", Priority)
def test_what_lies_in_redis_is_what_celery_would_put_there(ledger, publisher, settings, app, broker, priority):
    after = {"callbacks": [{"task": "mail.x"}], "root_id": "r", "parent_id": "p"}
    item = ledger.accept(PRUNE.message(Prune(days=3), priority=priority)).publication
    publisher().publish([replace(item, embed=after)])
    headers, properties, body, _ = app.amqp.as_task_v2(item.job_id, item.task, (), item.payload, **after)
    with Connection(settings.broker_url, transport_options=transport_options(settings)) as connection:
        connection.Producer(serializer="json").publish(
            body,
            exchange="",
            routing_key="ops_trace",
            priority=int(priority),
            headers=headers
            | {"penstock": {"published_at": item.stamp.isoformat(), "attempts_left": 8, "alone": False}},
            **properties,
        )
    theirs, ours = (json.loads(raw) for raw in broker.lrange(OPS_TRACE.list_name(priority), 0, -1))
    assert theirs["properties"].pop(ENQUEUED_AT) > 0  # the ledger's carry their stamp instead
    tags = {message["properties"].pop("delivery_tag") for message in (theirs, ours)}
    theirs, ours = (message | {"body": json.loads(base64.b64decode(message["body"]))} for message in (theirs, ours))
    assert ours == theirs
    assert len(tags) == 2


@pytest.mark.parametrize("priority", Priority)
def test_a_stock_kombu_consumer_reads_our_messages(ledger, publisher, settings, priority):
    job = ledger.accept(PRUNE.message(Prune(days=3), priority=priority))
    publisher().publish([job.publication])
    stock = {"sep": ":", "priority_steps": [0, 5]}
    with Connection(settings.broker_url, transport=StockTransport, transport_options=stock) as connection:
        message = connection.default_channel.basic_get("ops_trace", no_ack=True)
    assert message.headers["id"] == job.job_id
    assert message.decode()[1] == {"days": 3}


def test_a_stock_celery_clients_message_lies_on_our_list(settings, listed):
    with Celery(broker=settings.broker_url, set_as_current=False) as stock:
        sent = stock.send_task("ops_trace.prune", kwargs={"days": 3}, queue="ops_trace")
    assert listed() == [sent.id]


def test_every_declared_task_is_routed_to_its_queue(app, broker):
    for task in TASKS:
        app.send_task(task.name)
    routed = {queue.name: sum(task.queue is queue for task in TASKS) for queue in QUEUES}
    assert {queue.name: broker.llen(queue.name) for queue in QUEUES} == routed


def test_a_queue_that_is_not_declared_is_not_sent_to(app):
    with pytest.raises(QueueNotFound):
        app.send_task("ops_trace.prune", queue="ops-trace")


def test_a_task_that_is_not_declared_is_not_sent_to_a_queue_of_anothers(app, broker):
    with pytest.raises(QueueNotFound, match=r"mail\.unknown is not declared"):
        app.send_task("mail.unknown")
    assert broker.keys() == []
    app.send_task("mail.unknown", queue="mail")
    assert broker.llen("mail") == 1


def test_in_flight_messages_of_a_queue_lie_under_its_own_key(ledger, publisher, settings, broker):
    publisher().publish([ledger.accept().publication])
    options = transport_options(settings)
    assert options["visibility_timeout"] > OPS_TRACE.time_limit
    with Connection(settings.broker_url, transport_options=options) as connection:
        connection.default_channel.basic_get("ops_trace", no_ack=False)
        assert broker.hlen("unacked:ops_trace") == 1


@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
def test_a_redis_that_does_not_answer_is_given_up_at_once(ledger, publisher, silent_port, in_background, trouble):
    job = ledger.accept()
    port = silent_port if trouble == "hangs" else 1
    one = publisher(broker_url=f"redis://127.0.0.1:{port}/0", redis_timeout=0.1)
    with pytest.raises(Unavailable, match=r"\((Connection|Timeout)Error\)"):
        in_background(one.publish, [job.publication]).result(timeout=4)


def test_a_publisher_goes_on_when_redis_is_back(ledger, publisher, own_redis):
    one = publisher(broker_url=own_redis.server.url)
    jobs = [ledger.accept() for _ in range(3)]
    one.publish([jobs[0].publication])
    own_redis.kill()
    with pytest.raises(Unavailable):
        one.publish([jobs[1].publication])
    own_redis.start()
    one.publish([jobs[2].publication])
    with redis.Redis.from_url(own_redis.server.url) as connection:
        assert json.loads(connection.lindex("ops_trace", 0))["headers"]["id"] == jobs[2].job_id


def test_threads_publish_at_the_same_time(ledger, publisher, listed, at_once):
    one = publisher()
    jobs = [ledger.accept() for _ in range(12)]
    at_once(12, lambda number: one.publish([jobs[number].publication]))
    assert sorted(listed()) == [job.job_id for job in jobs]


def test_a_redis_that_evicts_is_refused(own_redis, quick):
    settings = quick(broker_url=own_redis.server.url.replace("//", "//:secret@"))
    with redis.Redis.from_url(own_redis.server.url) as connection:
        check(connection, settings)
        connection.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(SettingsError, match=r"CELERY_BROKER_URL: .* allkeys-lru.*set it to noeviction") as refused:
            check(connection, settings)
    assert "secret" not in str(refused.value)


def test_a_redis_cluster_is_refused(mortal, folder, quick):
    # Its nodes talk to each other on a port that is higher by 10,000.
    server = redis_in(folder / "redis", next(port for port in iter(free_port, None) if port < 55535))
    node = mortal(replace(server, command=[*server.command, "--cluster-enabled", "yes", "--appendonly", "no"]))
    settings = quick(broker_url=node.server.url)
    with client(settings) as connection, pytest.raises(SettingsError, match="is a Redis Cluster"):
        check(connection, settings)


def test_a_process_that_is_about_to_fork_collects_no_more_what_it_then_shares(app):
    signals.worker_before_create_process.send(sender=None)
    try:
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
