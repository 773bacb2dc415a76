"""`penstock dead-letters`, with a real API, ledger and Redis."""

import json
from collections.abc import Callable, Iterator

import pytest
import redis
from command_line import Penstock, RunningApi

from penstock_cli.embedded import Server
from penstock_contracts.queues import MAIL
from penstock_runtime.scopes import Scope

REPORT = '{"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}'
DEAD = """state = 'dead', attempt = 3, losses = 2, finished_at = now(),
error = '{"code"\\: "worker_lost", "message"\\: "its worker stopped answering\\nagain and again"}'"""


@pytest.fixture
def die(penstock: Penstock, running_api: RunningApi) -> Callable[[], str]:
    """Start a job and let it die; returns its id."""

    def make() -> str:
        job_id = penstock("jobs", "submit", "generation.report", REPORT).output.strip()
        running_api.change(job_id, DEAD)
        return job_id

    return make


@pytest.fixture
def message_id(redis_server: Server) -> Iterator[str]:
    """A dead letter in Redis."""
    letter_id = "penstock:01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10:1"
    message = json.dumps({"body": "x" * 1500, "headers": {"task": "mail.greet"}, "properties": {}})
    letter = {"message": message, "reason": "undecodable", "error": None, "deliveries": 1, "at": 1}
    with redis.Redis.from_url(redis_server.url) as client:
        client.hset(MAIL.dead_key, letter_id, json.dumps(letter))
        client.zadd(MAIL.dead_index_key, {letter_id: 1})
        yield letter_id
        client.delete(MAIL.dead_key, MAIL.dead_index_key, "mail")


def ids(penstock: Penstock, *options: str) -> list[str]:
    return [item["id"] for item in json.loads(penstock("dead-letters", "list", "--json", *options).output)]


def test_dead_letters_are_listed_with_their_reasons(penstock: Penstock, die: Callable[[], str]) -> None:
    first, second = die(), die()
    shown = penstock("dead-letters", "list").output

    for words in (first, second, "worker_lost", "generation.report", "deliveries", "its worker stopped answering"):
        assert words in shown
    assert len(shown.splitlines()) == 3
    assert ids(penstock) == [second, first]
    assert ids(penstock, "--queue", "mail") == ids(penstock, "--kind", "message") == []
    assert penstock("dead-letters", "list", "--queue", "post").status == 1


def test_a_list_of_dead_letters_goes_on_where_it_ended(penstock: Penstock, die: Callable[[], str]) -> None:
    letters = [die() for _ in range(3)]
    first = penstock("dead-letters", "list", "--limit", "2", "--json")
    cursor = first.told.strip().rpartition("--cursor ")[2]

    assert [item["id"] for item in json.loads(first.output)] == letters[:0:-1]
    assert ids(penstock, "--cursor", cursor) == letters[:1]


def test_ids_are_never_cut(penstock: Penstock, die: Callable[[], str]) -> None:
    job_id = die()
    assert job_id in penstock("dead-letters", "list", COLUMNS="80").output


def test_a_dead_letter_is_shown_with_its_size_and_its_units(penstock: Penstock, die: Callable[[], str]) -> None:
    job_id = die()
    shown = penstock("dead-letters", "show", job_id).output

    for words in (job_id, "worker_lost", "payload", "bytes", "losses", "died at", "again and again"):
        assert words in shown
    assert json.loads(penstock("dead-letters", "show", job_id, "--json").output)["losses"] == 2


def test_a_message_of_another_client_is_shown_replayed_and_discarded(
    penstock: Penstock, running_api: RunningApi, redis_server: Server, message_id: str
) -> None:
    owner = {"PENSTOCK_API_KEY": running_api.key("default", Scope.READ, Scope.WRITE)}
    shown = penstock("dead-letters", "show", message_id, **owner).output
    for words in ("mail.greet", "undecodable", "1.6 kB"):
        assert words in shown
    assert penstock("dead-letters", "discard", message_id).status == 1

    assert penstock("dead-letters", "replay", message_id, **owner).output == f"replayed {message_id}\n"
    again = penstock("dead-letters", "discard", message_id, **owner)
    assert (again.status, again.output) == (1, "")
    assert "there is no such dead letter (not_found, request " in again.told
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.llen("mail") == 1


def test_several_dead_letters_are_settled_at_once(penstock: Penstock, die: Callable[[], str]) -> None:
    first, second, third = die(), die(), die()
    replayed = penstock("dead-letters", "replay", first, second)
    discarded = penstock("dead-letters", "discard", third, "--json")

    assert replayed.output == f"replayed {first}\nreplayed {second}\n"
    settled = {"id": third, "kind": "job", "queue": "generation", "outcome": "discarded"}
    assert json.loads(discarded.output) == settled
    assert ids(penstock) == []
    states = [json.loads(penstock("jobs", "show", one, "--json").output)["state"] for one in (first, second, third)]
    assert states == ["accepted", "accepted", "cancelled"]


def test_all_of_a_queue_are_settled_once_somebody_has_said_yes(penstock: Penstock, die: Callable[[], str]) -> None:
    letters = [die(), die()]
    everything = ("dead-letters", "discard", "--all", "--queue", "generation")

    for answer in ("n\n", ""):
        refused = penstock(*everything, given=answer)
        assert refused.status == 1
        assert "discard 2 dead letters of generation?" in refused.told
    assert len(ids(penstock)) == 2
    done = penstock(*everything, given="y\n")
    assert done.status == 0
    for letter_id in letters:
        assert f"discarded {letter_id}\n" in done.output
    assert ids(penstock) == []


def test_all_of_a_queue_are_settled_unasked_with_yes(penstock: Penstock, die: Callable[[], str]) -> None:
    job_id = die()
    assert penstock("dead-letters", "replay", "--all", "--queue", "mail", "--yes").output == ""
    assert ids(penstock) == [job_id]
    done = penstock("dead-letters", "replay", "--all", "--queue", "generation", "--yes", "--json")
    assert [json.loads(line)["id"] for line in done.output.splitlines()] == [job_id]


@pytest.mark.parametrize("given", [[], ["--all"], ["--queue", "mail"], ["--all", "--queue", "mail", "an-id"]])
def test_what_is_to_be_settled_is_said_in_one_way(penstock: Penstock, given: list[str]) -> None:
    refused = penstock("dead-letters", "discard", *given)
    assert refused.status == 2
    assert "by their ids, or all of a queue" in " ".join(refused.told.split())
