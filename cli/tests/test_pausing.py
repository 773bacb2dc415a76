"""`penstock pause`, `resume` and `drain`, with a real API, ledger and Redis."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from command_line import Penstock, RunningApi
from processes import eventually

from penstock_cli.client.pausing import DRAIN
from penstock_contracts.queues import BY_NAME, MAIL
from penstock_runtime.schema import pauses
from penstock_runtime.scopes import Scope


@pytest.fixture
def penstock(running_api: RunningApi, tenant: str) -> Iterator[Penstock]:
    """The command line of one who may pause. No queue is paused before or after."""
    key = running_api.key(tenant, Scope.READ, Scope.ADMIN)
    yield Penstock({"PENSTOCK_API_URL": running_api.url, "PENSTOCK_API_KEY": key})
    with running_api.database.begin() as connection:
        connection.execute(pauses.delete())


@pytest.fixture
def broker(redis_url: str) -> Iterator["redis.Redis"]:
    """The run's Redis, emptied."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def take(broker: "redis.Redis") -> Callable[[], None]:
    """A worker has taken a mail."""
    return lambda: broker.hset(MAIL.unacked_key, "penstock:x:1", "a message") and None


def reasons(penstock: Penstock) -> dict[str, Any]:
    """Of the queues that are paused."""
    items = json.loads(penstock("queues", "--json").output)
    return {item["queue"]: item["paused"]["reason"] for item in items if item["paused"]}


@pytest.mark.usefixtures("broker")
def test_a_queue_is_paused_shown_with_its_reason_and_resumed(penstock: Penstock) -> None:
    paused = penstock("pause", "mail", "--reason", "the server moves & back")
    assert paused.status == 0
    assert paused.output.startswith("mail is paused since 2")
    assert paused.output.endswith(" (the server moves & back)\n")
    shown = penstock("queues").output
    assert "paused since" in shown
    assert "(the server moves & back)" in shown

    assert penstock("resume", "mail").output == "mail is not paused any more\n"
    assert "paused" not in penstock("queues").output


@pytest.mark.usefixtures("broker")
def test_several_queues_are_paused_at_once_and_told_as_one_line_each(penstock: Penstock) -> None:
    lines = [json.loads(line) for line in penstock("pause", "mail", "dataset", "--json").output.splitlines()]
    assert [(one["queue"], one["paused"]["in_force"]) for one in lines] == [("mail", True), ("dataset", True)]
    lines = [json.loads(line) for line in penstock("resume", "mail", "dataset", "--json").output.splitlines()]
    assert [(one["queue"], one["paused"]) for one in lines] == [("mail", None), ("dataset", None)]


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_queue_that_is_not_there_is_told_with_those_that_are(penstock: Penstock, verb: str) -> None:
    refused = penstock(verb, "../jobs")
    assert refused.status == 1
    assert refused.told.startswith("there is nothing at this address (not_found")
    refused = penstock(verb, "post")
    assert refused.status == 1
    assert refused.told.startswith(f"there is no such queue; the queues are {', '.join(BY_NAME)} (not_found")


def test_a_key_of_another_scope_is_told_what_it_lacks(penstock: Penstock, running_api: RunningApi, tenant: str) -> None:
    refused = penstock("drain", PENSTOCK_API_KEY=running_api.key(tenant))
    assert refused.status == 1
    assert "this key lacks the scope admin" in refused.told
    assert reasons(penstock) == {}


@pytest.mark.usefixtures("broker")
def test_a_drain_of_idle_queues_is_done_at_once_and_its_end_resumes_them(penstock: Penstock) -> None:
    drained = penstock("drain")
    assert (drained.status, drained.told) == (0, "")
    assert drained.output.startswith("nothing is in flight; Redis may be stopped.")
    assert reasons(penstock) == dict.fromkeys(BY_NAME, DRAIN)

    assert penstock("drain", "--end").output.splitlines() == [f"{name} is not paused any more" for name in BY_NAME]
    assert reasons(penstock) == {}
    assert penstock("drain", "--end").output == ""


def test_a_drain_that_is_not_done_in_time_tells_what_is_in_flight(penstock: Penstock, take: Callable[[], None]) -> None:
    take()
    drained = penstock("drain", "--within", "0", "--json")
    assert drained.status == 3
    assert drained.told.startswith("penstock: in flight: mail 1; the queues stay paused: ")
    assert {one["queue"]: one["in_flight"] for one in json.loads(drained.output)} == dict.fromkeys(BY_NAME, 0) | {
        "mail": 1
    }
    assert reasons(penstock).keys() == BY_NAME.keys()


def test_a_drain_waits_for_what_is_in_flight_and_says_so(
    penstock: Penstock, take: Callable[[], None], broker: "redis.Redis", tmp_path: Path
) -> None:
    take()
    log = tmp_path / "log"
    with log.open("wb") as into, penstock.begin("drain", into=into) as draining:
        eventually(lambda: "penstock: in flight: mail 1\n" in log.read_text(), "it waits")
        broker.delete(MAIL.unacked_key)
        assert draining.wait(40) == 0
    assert "nothing is in flight" in log.read_text()


def test_who_ends_a_drain_early_is_told_that_the_queues_stay_paused(
    penstock: Penstock, take: Callable[[], None], tmp_path: Path
) -> None:
    take()
    log = tmp_path / "log"
    with log.open("wb") as into, penstock.begin("drain", into=into) as draining:
        eventually(lambda: "in flight" in log.read_text(), "it waits")
        draining.send_signal(signal.SIGINT)
        assert draining.wait(40) == 130
    assert "stays paused until `penstock drain --end`" in log.read_text()
    assert reasons(penstock).keys() == BY_NAME.keys()


def test_a_drain_ends_when_somebody_resumes_a_queue_meanwhile(
    penstock: Penstock, take: Callable[[], None], tmp_path: Path
) -> None:
    take()
    log = tmp_path / "log"
    with log.open("wb") as into, penstock.begin("drain", into=into) as draining:
        eventually(lambda: "in flight" in log.read_text(), "it waits")
        penstock("resume", "dataset")
        assert draining.wait(40) == 3
    assert "resumed meanwhile: dataset; in flight: mail 1" in log.read_text()


@pytest.mark.usefixtures("broker")
def test_what_was_paused_before_a_drain_stays_paused_after_it(penstock: Penstock) -> None:
    penstock("pause", "mail", "--reason", "the server moves")
    penstock("drain")
    ended = penstock("drain", "--end")
    assert reasons(penstock) == {"mail": "the server moves"}
    assert "(the server moves), and stays so: `penstock resume mail`" in ended.told


def test_a_drain_is_not_done_before_redis_knows_of_it(penstock: Penstock, broker: "redis.Redis") -> None:
    penstock("drain")
    broker.flushall()
    drained = penstock("drain", "--within", "0")
    assert drained.status == 3
    assert f"Redis does not know yet that these are paused: {', '.join(BY_NAME)}" in drained.told


def test_a_pause_that_redis_does_not_take_is_written_down_and_said_not_to_be_in_force_yet(
    penstock: Penstock, broker: "redis.Redis"
) -> None:
    broker.hset(MAIL.paused_key, "in", "the way")  # a key of another type
    paused = penstock("pause", "mail")
    assert paused.status == 0
    assert "Redis does not know of it yet: workers may take jobs of mail until it does" in paused.told
