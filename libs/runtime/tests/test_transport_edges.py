"""The sharp edges of the transport's scripts: a full Redis, keys of another type, two judges, limits."""

import json
from itertools import takewhile

import pytest
import redis
from transport_actors import LIMITS, Contents, Process, Stock, a_text, keys_of

from penstock_runtime.transport.giving_back import Return, put_back
from penstock_runtime.transport.scripts import BORN

OTHER_TYPES = {"mail": "zset", "mail:5": "zset", "unacked:mail": "list", "unacked:mail_index": "list"}
BESIDE = {f"penstock:{name}:mail": "list" for name in ("watch", "waiting", "paused")}
DEAD = {"dead:mail": "list", "dead:mail_index": "list"}
OLD = LIMITS.abandoned_after * 2


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as one:
        yield one


@pytest.fixture
def full(own_redis):
    """A Redis of the test's own, and a call that fills it up to its limit."""
    with redis.Redis.from_url(own_redis.server.url) as one:

        def fill():
            one.config_set("maxmemory", 1)
            with pytest.raises(redis.OutOfMemoryError):
                one.lpush("mail", "no room")

        yield one, fill


MAIL = keys_of("mail", "")


def ours(client):
    process = Process(client, "", [MAIL])
    process.beat()
    return process


def publish(client, numbers, *, bulk=False, kind="stock"):
    for number in numbers:
        client.lpush(MAIL.lists[bulk], a_text(number, 5 * bulk, kind))


def age(client, seconds):
    for tag in client.zrange(MAIL.index, 0, -1):
        client.zincrby(MAIL.index, -seconds, tag)


def now_in(client):
    return Contents.read(client, [MAIL])


def held(process):
    return [(MAIL, tag) for _, tag in sorted(process.held, key=lambda place: int(place[1].rpartition(":")[2]))]


def judged(process):
    process.beat(look=True)
    return [item.tag for item in process.judged[0]]


def test_a_full_redis_is_drained_to_its_end(full):
    client, fill = full
    publish(client, range(40))
    process = ours(client)
    fill()
    for _ in range(40):
        assert len(process.turn([MAIL], 1, listening=2)) == 1
        process.settled, process.held = list(process.held), {}
    process.turn([MAIL], 0)
    assert now_in(client).names() == []


def test_in_a_full_redis_what_is_given_back_or_buried_or_abandoned_is_kept(full):
    client, fill = full
    publish(client, range(6))
    process, other = ours(client), ours(client)
    process.turn([MAIL], 4)
    age(client, OLD)
    fill()
    first, second, *_ = held(process)
    assert process.put_back(*first, front=True) == ("mail", True)
    assert process.bury(*second)
    assert len(judged(other)) == 2
    other.return_judged()
    assert now_in(client) == Contents({"mail": [5, 4, 0, 3, 2], "mail:5": []}, dead={"mail": [1]})


def spoil(client, name, kind):
    client.delete(name)
    client.rpush(name, "x") if kind == "list" else client.zadd(name, {"x": 1})


def everything(client):
    return {key: client.dump(key) for key in client.scan_iter()}


@pytest.mark.parametrize("listening", [1, 2])
def test_a_key_that_a_waiting_process_wrote_is_read_after_it(client, listening):
    """From Redis 7 on nothing is told of it else, and what came then would wait for a second."""
    publish(client, range(3))
    process = ours(client)
    client.set(f"penstock:wake:{process.id}", "1")
    with client.monitor() as monitor:
        process.turn([MAIL], 9, listening=listening)
        client.echo("end")
        told = takewhile(lambda command: command != "ECHO end", (each["command"] for each in monitor.listen()))
        said = [command.split() for command in told if " " in command]
    last = {key: command for command, key, *_ in said if command in ("LTRIM", "DEL", "LLEN", "GET")}
    assert last[MAIL.lists[0]] == "LLEN"
    assert last[f"penstock:wake:{process.id}"] == "GET"
    assert {command for command, *_ in said} >= {"LTRIM", "DEL"}


@pytest.mark.parametrize(("name", "kind"), (OTHER_TYPES | BESIDE).items())
def test_a_turn_that_meets_a_key_of_another_type_changes_nothing(client, name, kind):
    publish(client, range(3))
    publish(client, range(3, 6), bulk=True)
    process = ours(client)
    process.turn([MAIL], 2)
    process.settled = list(process.held)
    spoil(client, name, kind)
    before = everything(client)
    for want in (1, 9):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            process.turn([MAIL], want, floor=1, listening=2)
        assert everything(client) == before


def test_nor_does_one_whose_wake_key_or_second_queue_is_of_another_type(client):
    publish(client, range(3))
    process, other = ours(client), keys_of("ops", "")
    beside = (other.unacked, other.index, other.watch, other.waiting, other.paused)
    for name in (f"penstock:wake:{process.id}", *other.lists, *beside):
        client.delete(name)
        client.hset(name, "x", "1") if name != other.unacked else client.set(name, "x")
        before = everything(client)
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            process.turn([MAIL, other], 2, listening=2)
        assert everything(client) == before
        client.delete(name)
    assert len(process.turn([MAIL, other], 2, listening=2)) == 2


@pytest.mark.parametrize(("name", "kind"), (OTHER_TYPES | DEAD).items())
def test_nothing_is_given_back_or_buried_where_a_key_is_of_another_type(client, name, kind):
    publish(client, range(2), bulk=True)
    process = ours(client)
    process.turn([MAIL], 2)
    spoil(client, name, kind)
    before = everything(client)
    first, second = held(process)
    if name != "mail" and name not in DEAD:
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            process.put_back(*first, front=True)
    if not name.startswith("mail"):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            process.bury(*second)
    assert everything(client) == before


def test_what_is_abandoned_returns_in_its_order_and_what_is_fresh_does_not(client):
    publish(client, range(12))
    publish(client, range(12, 15), bulk=True)
    dead, alive, judge = ours(client), ours(client), ours(client)
    dead.turn([MAIL], 11, floor=2)
    alive.turn([MAIL], 2)
    age(client, OLD)
    alive.beat()
    judge.beat(look=True)
    judge.return_judged()
    found = now_in(client)
    assert found.lists == {"mail": [11, 8, 7, 6, 5, 4, 3, 2, 1, 0], "mail:5": [14, 13, 12]}
    assert sorted(found.in_flight.values()) == [9, 10]


def test_two_judges_return_a_message_once(client, at_once):
    publish(client, range(30))
    ours(client).turn([MAIL], 30)
    age(client, OLD)
    judges = [ours(client) for _ in range(4)]
    assert all(len(judged(judge)) == 30 for judge in judges)
    at_once(4, lambda number: judges[number].return_judged())
    assert now_in(client).names() == list(range(30))
    assert all(json.loads(text)["headers"]["penstock_deliveries"] == 1 for text in client.lrange("mail", 0, -1))


@pytest.mark.parametrize("kind", ["stock", "garbage"])
def test_who_gives_a_sign_of_life_after_the_judgement_keeps_what_he_has(client, kind):
    publish(client, [0], kind=kind)
    late, judge = ours(client), ours(client)
    late.turn([MAIL], 1)
    age(client, OLD)
    assert len(judged(judge)) == 1
    late.beat()
    judge.return_judged()
    assert list(now_in(client).in_flight.values()) == [0]
    assert len(late.held) == 1


def test_who_comes_back_after_the_return_removes_nothing_and_learns_of_it(client):
    publish(client, range(2))
    late, heir = ours(client), ours(client)
    late.turn([MAIL], 2)
    age(client, OLD)
    judged(heir)
    heir.return_judged()
    heir.turn([MAIL], 2)
    (_, first), (_, second) = held(late)
    assert late.put_back(MAIL, first, front=True) == ("mail", False)
    late.settled = [("mail", second)]
    late.turn([MAIL], 0)
    assert set(now_in(client).in_flight) == set(heir.held)
    late.beat()
    assert not late.held


def test_a_stock_worker_has_its_own_longer_term(client):
    publish(client, range(2))
    judge, stock = ours(client), Stock(client)
    for _ in range(2):
        stock.record(MAIL, stock.pop(MAIL)[1])
    age(client, LIMITS.stock_after - 10)
    assert judged(judge) == []
    age(client, 20)
    assert judged(judge) == ["their-0", "their-1"]


def test_however_many_a_stock_worker_has_what_we_abandon_is_found_behind_them(client):
    theirs, (seconds, _) = [f"their-{number}" for number in range(2500)], client.time()
    client.hset(MAIL.unacked, mapping=dict.fromkeys(theirs, "[{}]"))
    client.zadd(MAIL.index, dict.fromkeys(theirs, seconds - LIMITS.stock_after / 2))
    publish(client, [0])
    dead = ours(client)
    dead.turn([MAIL], 1)
    client.zincrby(MAIL.index, -OLD, held(dead)[0][1])
    assert judged(ours(client)) == [held(dead)[0][1]]


def test_a_message_without_headers_is_returned_to_its_own_list(client):
    publish(client, [0], bulk=True, kind="headless")
    dead, judge = ours(client), ours(client)
    dead.turn([MAIL], 1)
    age(client, OLD)
    judged(judge)
    judge.return_judged()
    judge.turn([MAIL], 1)
    judge.put_back(*held(judge)[0], front=True)
    assert now_in(client).lists == {"mail": [], "mail:5": [0]}


@pytest.mark.parametrize("text", ["[" * 200_000, '{"headers": {"penstock_deliveries": 1e999}, "properties": {}}'])
def test_what_is_abandoned_and_cannot_be_read_is_a_dead_letter_and_keeps_nobody_else_there(client, text):
    client.lpush("mail", text)
    publish(client, [0])
    dead, judge = ours(client), ours(client)
    dead.turn([MAIL], 2)
    age(client, OLD)
    judged(judge)
    judge.return_judged()
    assert client.hlen(MAIL.dead) == 1
    assert client.llen("mail") == 1
    assert client.hlen(MAIL.unacked) == 0


def test_only_the_newest_dead_letters_are_kept(client):
    publish(client, range(LIMITS.dead_letters + 2))
    process = ours(client)
    process.turn([MAIL], 9)
    for one in held(process):
        process.bury(*one)
    assert now_in(client).dead["mail"] == list(range(2, LIMITS.dead_letters + 2))


def test_what_is_given_back_after_a_wipe_is_on_its_list_again_and_what_others_were_given_is_not(client):
    given = Return(MAIL, "penstock:one:1", "its text", "mail", True)
    client.set(BORN, "a name")
    put_back(client, [given], BORN, "a name")
    assert client.llen("mail") == 0, "it is another's by now"
    client.flushall()
    put_back(client, [given], BORN, "a name")
    assert client.lrange("mail", 0, -1) == [b"its text"]
