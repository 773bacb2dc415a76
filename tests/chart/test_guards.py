"""Values that would lose or stall work are refused, each with one sentence that says what to do."""

from collections.abc import Callable
from typing import Any

import pytest
from chart.rendering import KEDA, Values

from penstock_contracts.queues import QUEUES

Refusal = Callable[..., str]

FOREIGN: Values = {
    "runtime": "celery",
    "image": {"repository": "shop"},
    "app": "shop",
    "queue": "orders",
    "pool": "prefork",
    "timeLimit": 60,
}
"""A worker of someone else's application, such as the chart takes."""

OWN_REDIS: Values = {"bundled": {"enabled": False}, "host": "redis.example.com"}
OWN_RABBITMQ: Values = {
    "bundled": {"enabled": False},
    "host": "rabbitmq.example.com",
    "existingSecret": "rabbitmq",
}
OWN_POSTGRESQL: Values = {"bundled": {"enabled": False}, "host": "postgres.example.com"}
HPA: Values = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "mine"},
    "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "penstock-worker-mail"}},
}


def worker(name: str, **values: Any) -> Values:
    return {"workers": {name: values}}


def foreign(**values: Any) -> Values:
    """A foreign worker with these values; None leaves one out."""
    kept = {key: value for key, value in (FOREIGN | values).items() if value is not None}
    return worker("orders", **kept)


def options(text: str) -> list[str]:
    return ["celery", "-A", "shop", "worker", "-Q", "orders", "--", f"broker.transport_options=(json){{{text}}}"]


REFUSED: dict[str, tuple[Values, str]] = {
    # How a pod ends.
    "grace_not_above_the_limit": (
        worker("mail", gracePeriod=120),
        "mail has a gracePeriod of 120 s, within which a job",
    ),
    "foreign_grace_below_the_limit": (foreign(gracePeriod=30), "orders has a gracePeriod of 30 s, within which a job"),
    "giving_back_under_gevent": (worker("mail", giveBackAfter=5), "only the prefork pool does without losing them"),
    "remap_sigterm_under_gevent": (
        worker("mail", extraEnv=[{"name": "REMAP_SIGTERM", "value": "SIGQUIT"}]),
        "REMAP_SIGTERM or soft_shutdown_timeout), which only the prefork pool",
    ),
    "remap_sigterm_for_all_under_gevent": (
        {"extraEnv": [{"name": "REMAP_SIGTERM", "value": "SIGQUIT"}]},
        "REMAP_SIGTERM or soft_shutdown_timeout), which only the prefork pool",
    ),
    "soft_shutdown_under_gevent": (
        worker("mail", args=["--", "worker.soft_shutdown_timeout=10"]),
        "soft_shutdown_timeout), which only the prefork pool",
    ),
    "grace_not_above_giving_back": (
        worker("dataset", giveBackAfter=30, gracePeriod=30),
        "gracePeriod of 30 s, and would give its jobs back after 30 s",
    ),
    # When Redis hands out a message again.
    "visibility_not_above_the_limit": (foreign(visibilityTimeout=179), "may run for 60 s: it must be at least 180"),
    "visibility_in_the_command": (
        foreign(command=options('"visibility_timeout": 100')),
        "visibility_timeout of 100 s in its command",
    ),
    "visibility_of_our_own": (worker("mail", visibilityTimeout=240), "leave it out, it is for runtime celery"),
    # What scales a worker.
    "redis_that_keda_would_look_for_elsewhere": (
        {"redis": OWN_REDIS | {"host": "redis"}},
        "redis.host names the host redis, which KEDA would look for in its own namespace: write redis.jobs.svc",
    ),
    "sentinel_that_keda_would_look_for_elsewhere": (
        {
            "redis": {
                "bundled": {"enabled": False},
                "sentinel": {"master": "jobs", "addresses": ["one.example.com:26379", "two:26379"]},
            }
        },
        "redis.sentinel.addresses names the host two, which KEDA would look for in its own namespace",
    ),
    "fallback_to_none": (
        worker("mail", autoscaling={"fallback": {"replicas": 0}}),
        "fallback.replicas 0, with which KEDA",
    ),
    "fallback_to_none_for_all": (
        {"autoscaling": {"fallback": {"replicas": 0}}},
        "fallback.replicas 0, with which KEDA",
    ),
    "activation_target": (worker("mail", autoscaling={"activationTarget": 1}), "activationTarget 1, below which KEDA"),
    "target_in_parts": (
        worker("mail", autoscaling={"target": 2.5}),
        "target 2.5: jobs for each pod are a whole number",
    ),
    "minimum_above_maximum": (worker("mail", autoscaling={"minReplicas": 9}), "minReplicas 9 above maxReplicas 5"),
    "an_hpa_of_ones_own": (
        {"extraObjects": [HPA]},
        "HorizontalPodAutoscaler mine scales penstock-worker-mail, and so does",
    ),
    "an_hpa_of_ones_own_as_text": (
        {"extraObjects": [str(HPA)]},
        "HorizontalPodAutoscaler mine scales penstock-worker-mail, and so does KEDA",
    ),
    "queue_undeclared": (
        worker("mail", queue="mails"),
        "takes the queue mails, which is not declared: it is one of ",
    ),
    "no_queue": (worker("more"), "The worker more has no queue"),
    "lists_unlike_the_declaration": (worker("mail", priorities=[0]), "scaled by the lists mail, and its queue mail is"),
    "lists_with_another_separator": (
        worker("mail", priorities=[0, 5], separator="/"),
        "scaled by the lists mail, mail/5",
    ),
    "unacked_unlike_the_declaration": (
        worker("mail", unackedKey="unacked"),
        "scaled by the messages in unacked, and its",
    ),
    "pool_unlike_the_declaration": (
        worker("mail", pool="prefork"),
        "pool prefork, and its queue mail is declared with gevent",
    ),
    "limit_unlike_the_declaration": (
        worker("mail", timeLimit=60),
        "timeLimit 60, and its queue mail is declared with 120",
    ),
    "pool_in_the_command": (
        worker("mail", command=["celery", "worker", "-P", "prefork"]),
        "pool prefork by its command",
    ),
    "queue_in_the_command": (
        worker("mail", command=["celery", "worker", "--queues=mail,dataset"]),
        "takes mail,dataset by its command, and mail by its queue",
    ),
    "queue_glued_in_the_command": (
        worker("mail", command=["celery", "worker", "-Qdataset"]),
        "takes dataset by its command",
    ),
    "unacked_in_the_command": (
        foreign(command=options('"unacked_key": "mine"')),
        "in flight in mine by its command, and unacked:orders by its unackedKey",
    ),
    "one_queue_with_two_unacked_keys": (
        {"workers": {"a": FOREIGN, "b": FOREIGN | {"unackedKey": "mine"}}},
        "The workers a and b take the queue orders and keep what is in flight in different places",
    ),
    "one_unacked_key_for_two_queues": (
        {"workers": {"a": FOREIGN, "b": FOREIGN | {"queue": "more", "unackedKey": "unacked:orders"}}},
        "The workers a and b take different queues, and both keep what is in flight in unacked:orders",
    ),
    # A worker of someone else's says what no declaration says.
    "foreign_without_image": (foreign(image=None), "runtime celery and no image"),
    "foreign_without_app": (foreign(app=None), "runtime celery and no app"),
    "foreign_without_pool": (foreign(pool=None), "runtime celery and no pool"),
    "foreign_without_limit": (foreign(timeLimit=None), "runtime celery and no timeLimit"),
    "nothing_at_all": ({"suite": {"enabled": False}}, "so there is nothing to install"),
    # Storage.
    "volume_of_one_node": (
        {"storage": {"onOneNode": False}},
        "ReadWriteOnce is for one node, and api, worker-dataset,",
    ),
    "volume_of_one_pod": ({"storage": {"accessMode": "ReadWriteOncePod"}}, "ReadWriteOncePod is for one pod, and api,"),
    "files_of_each_pod": ({"storage": {"url": "file:///data"}}, "each pod has files of its own"),
    # Neighbours.
    "two_redis": ({"redis": {"host": "redis.example.com"}}, "names a Redis of yours while redis.bundled.enabled"),
    "no_redis": ({"redis": {"bundled": {"enabled": False}}}, "There is no Redis: set redis.host"),
    "tls_to_the_charts_redis": ({"redis": {"tls": {"enabled": True}}}, "are for a Redis of yours"),
    "sentinel_without_addresses": (
        {"redis": {"bundled": {"enabled": False}, "sentinel": {"master": "jobs"}}},
        "redis.sentinel.addresses is empty",
    ),
    "sentinel_and_host": (
        {"redis": OWN_REDIS | {"sentinel": {"master": "jobs", "addresses": ["s.example.com:26379"]}}},
        "redis.host and redis.sentinel.master are both set",
    ),
    "user_without_secret": ({"redis": OWN_REDIS | {"username": "jobs"}}, "redis.existingSecret is empty"),
    "ca_without_secret": (
        {"redis": OWN_REDIS | {"tls": {"enabled": True, "caKey": "ca"}}},
        "redis.existingSecret is empty",
    ),
    "redis_of_yours_that_nothing_would_use": (
        {"broker": "rabbitmq", "redis": OWN_REDIS},
        "names a Redis of yours, and broker is rabbitmq: set broker to redis",
    ),
    "rabbitmq_of_yours_that_nothing_would_use": (
        {"rabbitmq": OWN_RABBITMQ},
        "names a RabbitMQ of yours, and broker is redis: set broker to rabbitmq",
    ),
    "two_rabbitmq": (
        {"broker": "rabbitmq", "rabbitmq": {"host": "rabbitmq.example.com"}},
        "rabbitmq.host is rabbitmq.example.com while rabbitmq.bundled.enabled",
    ),
    "no_rabbitmq": (
        {"broker": "rabbitmq", "rabbitmq": {"bundled": {"enabled": False}}},
        "There is no RabbitMQ: set rabbitmq.host",
    ),
    "tls_to_the_charts_rabbitmq": (
        {"broker": "rabbitmq", "rabbitmq": {"tls": {"enabled": True}}},
        "are for a RabbitMQ of yours",
    ),
    "rabbitmq_without_secret": (
        {"broker": "rabbitmq", "rabbitmq": OWN_RABBITMQ | {"existingSecret": ""}},
        "rabbitmq.existingSecret is empty: name the Secret",
    ),
    "rabbitmq_that_keda_would_look_for_elsewhere": (
        {"broker": "rabbitmq", "rabbitmq": OWN_RABBITMQ | {"host": "rabbitmq"}},
        "rabbitmq.host names the host rabbitmq, which KEDA would look for in its own namespace: write rabbitmq.jobs.",
    ),
    "a_foreign_worker_on_rabbitmq": (
        {"broker": "rabbitmq"} | foreign(),
        "The worker orders has runtime celery, which the chart scales by what stock Celery keeps in Redis",
    ),
    "two_postgresql": (
        {"postgresql": {"host": "postgres.example.com"}},
        "postgresql.host is postgres.example.com while",
    ),
    "no_postgresql": ({"postgresql": {"bundled": {"enabled": False}}}, "There is no PostgreSQL: set postgresql.host"),
    "secret_of_the_charts_postgresql": ({"postgresql": {"existingSecret": "mine"}}, "are for a PostgreSQL of yours"),
    "postgresql_ca_without_secret": (
        {"postgresql": OWN_POSTGRESQL | {"tls": {"mode": "verify-full", "caKey": "ca"}}},
        "postgresql.existingSecret is empty",
    ),
    "postgresql_verified_by_nothing": (
        {"postgresql": OWN_POSTGRESQL | {"tls": {"mode": "verify-full"}}},
        "which key of the Secret holds the CA's",
    ),
    "mail_password_in_the_clear": ({"smtp": {"username": "jobs"}}, "set smtp.tls to starttls or tls"),
    "mail_login_without_secret": ({"smtp": {"username": "jobs", "tls": "tls"}}, "name the Secret with the password"),
    # Names and what the cluster lacks.
    "too_long_a_name": ({"fullnameOverride": "n" * 41}, "has 41 characters and may have 40"),
    "too_long_a_workers_name": ({"fullnameOverride": "n" * 40}, "characters and may have 54"),
    "route_without_gateway": ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs is empty"),
    "route_without_its_api": (
        {"httpRoute": {"enabled": True, "parentRefs": [{"name": "g"}]}},
        "this cluster has no HTTPRoute",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_a_sentence(case: str, refusal: Refusal) -> None:
    values, sentence = REFUSED[case]
    said = refusal(values)
    assert sentence in said
    assert "execution error at (penstock/templates/guards.yaml" in said, "another template failed before the guard"


def test_without_keda_the_cluster_is_named_as_the_reason(refusal: Refusal) -> None:
    assert "This cluster has no KEDA" in refusal({}, apis=())


def test_a_worker_behind_sentinels_that_want_a_password_is_refused_where_the_chart_cannot_give_it(
    refusal: Refusal,
) -> None:
    sentinel = {"master": "jobs", "addresses": ["s.example.com:26379"], "passwordKey": "sentinel"}
    values = foreign() | {"redis": {"bundled": {"enabled": False}, "existingSecret": "redis", "sentinel": sentinel}}
    assert "to which the chart cannot give the sentinels' own password" in refusal(values)


TAKEN: dict[str, Values] = {
    "a_foreign_worker": foreign(),
    "a_foreign_command": foreign(command=options('"unacked_key": "unacked:orders", "visibility_timeout": 180')),
    "a_command_that_says_nothing": foreign(command=["/app/run"]),
    "two_workers_on_one_queue": {"workers": {"a": FOREIGN, "b": FOREIGN | {"concurrency": 8}}},
    "two_workers_of_ours_on_one_queue": worker(
        "mail-large", queue="mail", app="penstock_worker_mail.app", concurrency=200
    ),
    "short_times_for_a_test": {
        "autoscaling": {"cooldownPeriod": 15, "scaleDownWindow": 10, "initialCooldownPeriod": 1}
    },
    "rabbitmq_of_ones_own": {"broker": "rabbitmq", "rabbitmq": OWN_RABBITMQ},
    "giving_back": worker("dataset", giveBackAfter=30),
    "an_hpa_of_something_else": {"extraObjects": [HPA | {"spec": {"scaleTargetRef": {"name": "web"}}}]},
    "an_hpa_where_keda_is_off": worker("mail", autoscaling={"enabled": False}) | {"extraObjects": [HPA]},
    "the_longest_name": {"fullnameOverride": "n" * (54 - max(len(f"-{queue.service}") for queue in QUEUES))},
}


@pytest.mark.parametrize("case", TAKEN)
def test_it_is_taken(case: str, render: Callable[..., Any]) -> None:
    assert render(TAKEN[case], apis=KEDA)
