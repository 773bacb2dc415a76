"""Dead letters in Redis: listed newest first in bounded pages, sent anew or deleted once, whatever form they have."""

import json

import pytest
import redis

from penstock_contracts.queues import MAIL, OPS_TRACE, QUEUES
from penstock_runtime.dead_letters import Page, discard, find, read_page, replay

NOW = 1_764_068_586.123457
HEADERS = {"id": "theirs", "task": "mail.greet", "lang": "py"}


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as one:
        yield one


def a_message(*, headers=None, **properties):
    info = {"exchange": "", "routing_key": "mail"}
    properties = {"priority": 0, "delivery_tag": "a", "delivery_info": info} | properties
    return json.dumps({"body": "W10=", "headers": HEADERS | (headers or {}), "properties": properties})


def a_tag(number):
    return f"penstock:01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10:{number}"


@pytest.fixture
def bury(client):
    """Make a dead letter as the transport does, and return its id."""

    def make(message=None, *, number=1, queue=MAIL, at=NOW, reason="worker_lost", error="it died", deliveries=3):
        letter = {"message": message or a_message(), "reason": reason, "error": error}
        letter |= {"deliveries": deliveries, "at": at}
        client.hset(queue.dead_key, a_tag(number), json.dumps(letter))
        client.zadd(queue.dead_index_key, {a_tag(number): at})
        return a_tag(number)

    return make


@pytest.fixture
def pages(client):
    """All pages of the dead letters, each as the list of its ids."""

    def read(queues=QUEUES, *, most=2, most_bytes=1_000_000, between=lambda page: None):
        found, behind = [], None
        while True:
            page = read_page(client, queues, most=most, most_bytes=most_bytes, behind=behind)
            found.append([letter.id for letter in page.items])
            between(page)
            if not page.more:
                return found
            behind = page.items[-1].position

    return read


def test_a_dead_letter_says_what_died_why_and_when_but_not_what_is_in_it(client, bury):
    message = a_message(priority=5)
    letter_id = bury(message)
    [letter] = read_page(client, QUEUES, most=10, most_bytes=1000).items
    assert (letter.id, letter.queue, letter.task, letter.priority.name) == (letter_id, "mail", "mail.greet", "BULK")
    assert (letter.reason, letter.error, letter.deliveries) == ("worker_lost", "it died", 3)
    assert (letter.bytes, letter.died_at.timestamp()) == (len(message), NOW)
    assert find(client, letter_id) == letter


def test_where_nothing_has_died_the_page_is_empty(client):
    assert read_page(client, QUEUES, most=10, most_bytes=1000) == Page([], more=False)
    assert find(client, a_tag(1)) is None


def test_dead_letters_of_all_queues_are_listed_newest_first_page_by_page(bury, pages):
    ids = [bury(number=number, queue=QUEUES[number % 4], at=NOW + number) for number in range(7)]
    assert pages() == [ids[6:4:-1], ids[4:2:-1], ids[2:0:-1], ids[:1]]
    assert pages(most=7) == [ids[::-1]]
    assert pages([OPS_TRACE]) == [[ids[3]]]


def test_many_of_one_moment_are_each_listed_once(bury, pages):
    ids = {bury(number=number, queue=QUEUES[number % 2]) for number in range(50)}
    found = [letter_id for page in pages(most=7) for letter_id in page]
    assert sorted(found) == sorted(ids)


def test_a_list_goes_on_though_the_last_one_of_its_page_is_gone(client, bury, pages):
    ids = [bury(number=number) for number in range(6)]
    found = pages(between=lambda page: [discard(client, letter.id) for letter in page.items])
    assert [letter_id for page in found for letter_id in page] == ids[::-1]
    assert client.keys("dead:*") == []


def test_what_dies_between_two_pages_moves_nothing_to_another(bury, pages):
    ids = [bury(number=number, at=NOW + number) for number in range(4)]
    found = pages(between=lambda page: bury(number=100 + len(page.items), at=NOW + 100))
    assert found == [ids[3:1:-1], ids[1::-1]]


def test_a_page_holds_no_more_bytes_than_it_may_but_always_one_letter(bury, pages):
    large = a_message(headers={"argsrepr": "x" * 10_000})
    ids = [bury(large, number=number, queue=QUEUES[number % 2], at=NOW + number) for number in range(6)]
    found = pages(most=100, most_bytes=4 * 25_000)
    assert [letter_id for page in found for letter_id in page] == ids[::-1]
    assert max(map(len, found)) <= 4
    assert [len(page) for page in pages([OPS_TRACE, MAIL, *QUEUES[:1]], most=100, most_bytes=1)] == [1, 1, 1]


def test_a_message_is_sent_anew_once_at_the_end_of_its_line(client, bury, broker):
    broker.lpush("mail:5", "one that waits")
    marks = {"penstock_deliveries": 3, "redelivered": True}
    info = {"exchange": "", "routing_key": "mail", "redelivered": True}
    letter_id = bury(a_message(headers=marks, priority=5, delivery_info=info))
    assert replay(client, letter_id).id == letter_id
    assert replay(client, letter_id) is None
    assert client.keys("dead:*") == []
    newest, waiting = broker.lrange("mail:5", 0, -1)
    assert waiting == "one that waits"
    assert json.loads(newest) == json.loads(a_message(priority=5))


@pytest.mark.parametrize(
    ("priority", "name"), [(0, "mail"), (4, "mail"), (5, "mail:5"), (9, "mail:5"), ("x", "mail"), (None, "mail")]
)
def test_a_message_goes_to_the_list_of_its_priority(client, bury, broker, priority, name):
    replay(client, bury(a_message(priority=priority)))
    assert broker.keys() == [name]


@pytest.mark.parametrize("message", ["no JSON", "[]", '{"headers": []}', '{"properties": 1}', '"\\ud800"'])
def test_a_message_that_nobody_can_read_is_sent_anew_as_it_stood(client, bury, broker, message):
    letter_id = bury(message, reason="undecodable", error=None)
    letter = find(client, letter_id)
    assert (letter.task, letter.reason, letter.error) == (None, "undecodable", None)
    assert replay(client, letter_id)
    assert broker.lrange("mail", 0, -1) == [message]


@pytest.mark.parametrize(
    "broken", ["no JSON", "[]", "{}", '{"message": 7}', '{"reason": "x", "deliveries": 1e999}', "[" * 100_000, b"\xff"]
)
def test_a_dead_letter_that_is_none_is_shown_kept_and_can_only_be_discarded(client, bury, pages, broken):
    sound, letter_id = bury(number=1), a_tag(2)
    client.hset(MAIL.dead_key, letter_id, broken)
    client.zadd(MAIL.dead_index_key, {letter_id: NOW + 1})
    assert pages() == [[letter_id, sound]]
    assert find(client, letter_id).task is None
    assert replay(client, letter_id) is None
    assert discard(client, letter_id).id == letter_id
    assert pages() == [[sound]]


def test_a_dead_letter_is_told_in_text_that_can_be_written(client, bury):
    letter = find(client, bury(a_message(headers={"task": "\ud800"}), reason="\udfff", error="a\ud800b"))
    assert (letter.task, letter.reason, letter.error) == ("?", "?", "a?b")


def test_an_index_that_names_what_is_gone_can_be_cleared(client, pages):
    client.zadd(MAIL.dead_index_key, {a_tag(1): NOW})
    assert pages() == [[a_tag(1)]]
    assert replay(client, a_tag(1)) is None
    assert discard(client, a_tag(1))
    assert pages() == [[]]


def test_a_letter_is_discarded_once(client, bury):
    letter_id = bury()
    assert discard(client, letter_id).queue == "mail"
    assert discard(client, letter_id) is None
    assert client.keys() == []


def test_of_many_who_replay_and_discard_at_once_one_does(client, bury, broker, at_once):
    letter_id = bury()
    done = at_once(8, lambda number: (replay, discard)[number % 2](client, letter_id))
    assert len([letter for letter in done if letter]) == 1
    assert broker.llen("mail") == int(done.index(next(filter(None, done))) % 2 == 0)


def test_a_letter_that_cannot_be_sent_stays(client, bury, broker):
    broker.set("mail", "no list")
    letter_id = bury()
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        replay(client, letter_id)
    assert find(client, letter_id)


def test_a_full_redis_keeps_the_letter_and_lets_it_be_discarded(bury, own_redis):
    with redis.Redis.from_url(own_redis.server.url) as full:
        full.hset(MAIL.dead_key, a_tag(1), json.dumps({"message": a_message(), "reason": "x"}))
        full.zadd(MAIL.dead_index_key, {a_tag(1): NOW})
        full.config_set("maxmemory", 1)
        with pytest.raises(redis.ResponseError, match="OOM"):
            replay(full, a_tag(1))
        assert find(full, a_tag(1))
        assert discard(full, a_tag(1))


def test_scripts_that_redis_has_forgotten_are_loaded_again(client, bury):
    bury(number=1)
    letter_id = bury(number=2)
    client.script_flush()
    assert len(read_page(client, QUEUES, most=10, most_bytes=10_000).items) == 2
    client.script_flush()
    assert replay(client, letter_id)
