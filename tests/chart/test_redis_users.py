"""The users of the chart's own Redis: what is declared for them, for the queues and workers of the release."""

import base64
import hashlib
import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis_users
import yaml
from chart.rendering import CHART, Rendered, Values

from penstock_contracts.queues import BY_NAME, QUEUES

Render = Callable[..., Rendered]
KEDA = sorted(f"~{name}" for queue in QUEUES for name in (*queue.list_names, queue.unacked_key))
OWN: Values = {"bundled": {"enabled": False}, "host": "redis.example.com", "existingSecret": "redis"}
SHOP: Values = {
    "runtime": "celery",
    "image": {"repository": "shop"},
    "app": "shop",
    "queue": "orders",
    "pool": "solo",
    "timeLimit": 60,
    "separator": "|",
    "priorities": [0, 9],
    "unackedKey": "in-flight",
}


def secret(found: Rendered) -> dict[str, str]:
    data = found.one("Secret", "penstock-redis")["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def users(found: Rendered) -> dict[str, list[str]]:
    """The rules of each user, as Redis reads them."""
    conf = secret(found)["users.conf"].replace(r"\x06\x16", "\x06\x16")
    lines = [shlex.split(line) for line in conf.splitlines()]
    assert all(line[0] == "user" for line in lines)
    return {line[1]: line[2:] for line in lines}


def of_kind(rules: list[str], sign: str) -> list[str]:
    return sorted(rule for rule in rules if rule.startswith(sign))


def test_the_services_are_the_default_user_with_what_is_declared_and_no_more(render: Render) -> None:
    password = secret(render())["password"]
    expected = [*redis_users.keys("services", BY_NAME), "&*", *redis_users.commands("services")]
    rules = users(render())["default"]
    assert rules[:3] == ["reset", "on", f"#{hashlib.sha256(password.encode()).hexdigest()}"]
    assert sorted(rules[3:]) == sorted(expected)


def test_kedas_user_reads_the_lengths_of_what_its_triggers_count_and_no_more(render: Render) -> None:
    found = render()
    password = secret(found)["keda-password"]
    rules = users(found)["keda"]
    assert rules[:3] == ["reset", "on", f"#{hashlib.sha256(password.encode()).hexdigest()}"]
    assert of_kind(rules, "~") == KEDA
    assert of_kind(rules, "&") == []
    assert of_kind(rules, "+") == sorted(redis_users.commands("keda"))
    for name in found.names("ScaledObject"):
        for trigger in found.one("ScaledObject", name)["spec"]["triggers"]:
            assert trigger["metadata"]["username"] == "keda"
            assert f"~{trigger['metadata']['listName']}" in rules
    [told] = found.one("TriggerAuthentication", "penstock-redis")["spec"]["secretTargetRef"]
    assert told == {"parameter": "password", "name": "penstock-redis", "key": "keda-password"}


def test_without_keda_there_is_no_user_for_it(render: Render) -> None:
    found = render({"autoscaling": {"enabled": False}})
    assert users(found).keys() == {"default"}
    assert "keda-password" not in secret(found)


def test_a_worker_of_another_application_adds_what_kombus_own_transport_needs(render: Render) -> None:
    rules = users(render({"suite": {"enabled": False}, "workers": {"orders": SHOP}}))
    commands = [*redis_users.commands("services"), *redis_users.commands("stock")]
    assert of_kind(rules["default"], "+") == sorted(commands)
    own = ["~orders", "~orders|9", "~in-flight", "~in-flight_index", "~in-flight_mutex"]
    keys = [*redis_users.keys("services", ["orders"]), *redis_users.keys("stock", ["orders"]), *own]
    assert of_kind(rules["default"], "~") == sorted(set(keys))
    assert of_kind(rules["keda"], "~") == ["~in-flight", "~orders", "~orders|9"]


def test_more_may_be_allowed_to_what_applications_keep_there(render: Render) -> None:
    rules = users(render({"redis": {"bundled": {"alsoAllow": ["~shop:*", "+setex"]}}}))
    assert rules["default"][-2:] == ["~shop:*", "+setex"]


def test_redis_starts_anew_when_its_users_change(render: Render) -> None:
    def annotation(found: Rendered) -> str:
        template = found.one("StatefulSet", "penstock-redis")["spec"]["template"]
        return str(template["metadata"]["annotations"]["penstock.io/users"])

    for values in ({}, {"redis": {"bundled": {"alsoAllow": ["~shop:*"]}}}):
        found = render(values)
        assert annotation(found) == hashlib.sha256(secret(found)["users.conf"].encode()).hexdigest()


def test_redis_takes_the_users_as_they_stand(render: Render, redis_url: str) -> None:
    """And so a user of KEDA's can count, and neither read nor change what it counts."""
    found = render({"workers": {"orders": SHOP}})
    kedas = secret(found)["keda-password"]
    with redis.Redis.from_url(redis_url, decode_responses=True) as admin:
        admin.execute_command("ACL", "SETUSER", "keda", *users(found)["keda"])
        admin.rpush("mail", "a", "b")
        parts = redis_url.replace("redis://", f"redis://keda:{kedas}@")
        with redis.Redis.from_url(parts) as keda:
            assert keda.eval("return redis.call('LLEN', KEYS[1])", 1, "mail") == 2
            assert keda.eval("return redis.call('TYPE', KEYS[1]).ok", 1, "mail") == b"list"
            for forbidden in (("LRANGE", "mail", 0, -1), ("LPOP", "mail"), ("LLEN", "other"), ("FLUSHALL",)):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    keda.execute_command(*forbidden)
        admin.execute_command("ACL", "DELUSER", "keda")


def test_a_redis_of_ones_own_may_have_a_user_for_keda(render: Render) -> None:
    values = OWN | {"username": "jobs", "keda": {"username": "reader", "passwordKey": "reader-password"}}
    found = render({"redis": values})
    assert found.one("ScaledObject", "penstock-worker-mail")["spec"]["triggers"][0]["metadata"]["username"] == "reader"
    [told] = found.one("TriggerAuthentication", "penstock-redis")["spec"]["secretTargetRef"]
    assert told == {"parameter": "password", "name": "redis", "key": "reader-password"}


def test_a_redis_of_ones_own_has_one_user_for_all_where_none_is_named_for_keda(render: Render) -> None:
    found = render({"redis": OWN | {"username": "jobs"}})
    assert found.one("ScaledObject", "penstock-worker-mail")["spec"]["triggers"][0]["metadata"]["username"] == "jobs"


@pytest.mark.parametrize("name", ["username", "passwordKey"])
def test_a_user_for_keda_needs_a_redis_of_ones_own_and_its_secret(name: str, refusal: Callable[..., str]) -> None:
    assert "redis.keda are for a Redis of yours" in refusal({"redis": {"keda": {name: "keda"}}})
    without = OWN | {"existingSecret": "", "keda": {name: "keda"}}
    assert "redis.existingSecret is empty" in refusal({"redis": without})


def test_the_readme_lists_what_is_declared_for_keda() -> None:
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    [listed] = re.findall(r"KEDA's own user needs\s+`([^`]+)`", readme)
    assert sorted(listed.split()) == sorted(redis_users.commands("keda"))


def test_what_is_declared_is_nothing_dangerous() -> None:
    declared: dict[str, Any] = yaml.safe_load((CHART / "files/redis-users.yaml").read_text(encoding="utf-8"))
    words = {one for user in declared.values() for one in user["commands"].split()}
    assert words & {"flushall", "flushdb", "config", "keys", "scan", "shutdown", "debug", "acl", "monitor"} == set()
    assert [one for one in words if one.startswith(("@", "-"))] == []
