"""Whatever the order of commands and deaths, the transport's scripts lose no message and give none to two at once."""

from uuid import uuid4

import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from hypothesis.stateful import precondition as when
from transport_actors import LIMITS, Contents, Process, Stock, a_text, is_given_up, keys_of, name_in

EXAMPLES, STEPS = 200, 50
"""Of an ordinary run. 2000 and 60 take some minutes, and are for a change of the scripts."""

QUEUES = ("mail", "ops")
KINDS = ("stock", "stock", "ledger", "headless", "garbage")
ONE = st.integers(0, 2)
ANY = st.integers(0, 1000)
TERMS = st.sampled_from([0, 200, 2000])
HOLDING = when(lambda self: any(one.held for one in self.ours))


class Sharing(RuleBasedStateMachine):
    """Three processes of ours, a stock worker and producers on two queues, each beside what ought to be there."""

    def __init__(self, client: "redis.Redis") -> None:
        super().__init__()
        self.client, self.prefix = client, f"{uuid4().hex}:"
        self.queues = [keys_of(name, self.prefix) for name in QUEUES]
        self.stock, self.started = Stock(client), 0
        self.ours = [self.start() for _ in range(3)]
        self.model = Contents({name: [] for one in self.queues for name in one.lists})
        self.model.dead = {one.queue: [] for one in self.queues}
        self.age: dict[tuple[str, str], int] = {}
        self.kinds: list[tuple[str, int]] = []
        self.popped: list[tuple[str, bytes]] = []
        self.paused: set[str] = set()

    def start(self) -> Process:
        # Tags that are the same whenever hypothesis tries the same again.
        self.started += 1
        process = Process(self.client, self.prefix, self.queues, id=f"{self.started:032x}")
        process.beat()
        return process

    def teardown(self) -> None:
        if found := self.client.keys(f"{self.prefix}*"):
            self.client.delete(*found)

    def of(self, queue: str):
        return self.queues[QUEUES.index(queue)]

    def awake(self, number: int) -> Process:
        """This one, or another that is not stopped; one always runs."""
        running = [one for one in self.ours if not one.stopped]
        return running[number % len(running)]

    def leave(self, place: tuple[str, str]) -> int:
        self.age.pop(place, None)
        return self.model.in_flight.pop(place)

    def list_of(self, queue: str, name: int) -> str:
        """Where a message goes back to: what cannot be read is not known to be bulk."""
        kind, which = self.kinds[name]
        return self.of(queue).lists[0 if kind == "garbage" else which]

    def put_back(self, place: tuple[str, str], front: bool) -> None:
        name = self.leave(place)
        line = self.model.lists[self.list_of(place[0], name)]
        line.insert(len(line) if front else 0, name)

    def bury_in_model(self, place: tuple[str, str]) -> None:
        letters = self.model.dead[place[0]]
        letters.append(self.leave(place))
        del letters[: -LIMITS.dead_letters]

    @initialize(kinds=st.lists(st.sampled_from(KINDS), min_size=4, max_size=8))
    def begin(self, kinds):
        """With messages on every list, some of them claimed."""
        for number, kind in enumerate(kinds):
            self.publish(number % 2, number // 2 % 2, kind, 2)
        for who in range(2):
            self.turn(who, (0, 1), 4, 1, 2, True)

    @rule(queue=st.integers(0, 1), which=st.integers(0, 1), kind=st.sampled_from(KINDS), count=st.integers(1, 4))
    def publish(self, queue, which, kind, count):
        for _ in range(count):
            name, to = len(self.kinds), self.queues[queue].lists[which]
            self.kinds.append((kind, which))
            self.client.lpush(to, a_text(name, (0, 5)[which], kind))
            self.model.lists[to].insert(0, name)

    @rule(
        who=ONE,
        which=st.sampled_from([(0,), (1,), (0, 1), (1, 0)]),
        want=st.integers(0, 5),
        floor=st.sampled_from([0, 0, 1, 2]),
        listening=st.integers(0, 2),
        hears=st.sampled_from([True, True, True, False]),
    )
    def turn(self, who, which, want, floor, listening, hears):
        process, queues = self.awake(who), [self.queues[i] for i in which]
        for place in process.settled:
            if self.of(place[0]) in queues and place in self.model.in_flight:
                self.leave(place)
        open_ = [one for one in queues if one.queue not in self.paused]
        lying = {name: self.client.lrange(name, 0, -1) for one in open_ for name in one.lists}
        claimed = process.turn(queues, want, floor=floor, listening=listening, hears=hears)
        assert len(claimed) == min(want, sum(map(len, lying.values())))
        bulk = 0
        for one, tag, raw in claimed:
            name, at = name_in(raw), next(name for name in one.lists if raw in lying[name])
            assert self.model.lists[at].pop() == name, "the oldest of a list comes first"
            assert lying[at].pop() == raw, "it is claimed as it lay there"
            assert (one.queue, tag) not in self.model.in_flight
            assert one.queue not in self.paused
            self.model.in_flight[one.queue, tag] = name
            self.age[one.queue, tag] = 0
            bulk += at == one.lists[1]
        if any(self.model.lists[one.lists[0]] for one in open_):
            assert bulk <= floor * len(open_), "normal before bulk, but for the floor"

    @rule(queue=st.integers(0, 1))
    def pause_or_resume(self, queue):
        self.paused ^= {QUEUES[queue]}
        key = self.queues[queue].paused
        self.client.set(key, "x") if QUEUES[queue] in self.paused else self.client.delete(key)

    def pick(self, process, data):
        place = sorted(process.held)[data % len(process.held)]
        return place, place in self.model.in_flight

    @HOLDING
    @rule(who=ONE, data=ANY, count=st.integers(1, 3))
    def settle(self, who, data, count):
        """What is settled is told with the next turn, or never."""
        process = self.awake(who)
        for _ in range(min(count, len(process.held))):
            place, _ = self.pick(process, data)
            del process.held[place]
            process.settled.append(place)

    @HOLDING
    @rule(who=ONE, data=ANY, front=st.booleans())
    def requeue(self, who, data, front):
        process = self.awake(who)
        if process.held:
            place, still = self.pick(process, data)
            assert process.put_back(self.of(place[0]), place[1], front=front)[1] == still
            if still:
                self.put_back(place, front)

    @HOLDING
    @rule(who=ONE, data=ANY)
    def bury(self, who, data):
        process = self.awake(who)
        if process.held:
            place, still = self.pick(process, data)
            assert process.bury(self.of(place[0]), place[1]) == still
            if still:
                self.bury_in_model(place)

    @rule(who=ONE, look=st.booleans(), most=st.sampled_from([1, 3, 100]))
    def beat(self, who, look, most):
        process = self.awake(who)
        before = set(process.held)
        for place in process.beat(look=look, most=most):
            self.model.in_flight[place] = name_in(process.held[place])
        assert set(process.held) == before & set(self.model.in_flight), "it learns what it has no longer"
        self.age |= dict.fromkeys(process.held, 0)
        process.sure = True
        if look:
            for queue in QUEUES:
                old = [place for place in self.age if place[0] == queue and self.is_old(place)]
                judged = [(item.keys.queue, item.tag) for item in process.judged[0] if item.keys.queue == queue]
                assert len(judged) == min(most, len(old))
                assert set(judged) <= set(old), "what is fresh is not judged"

    def is_old(self, place: tuple[str, str]) -> bool:
        after = LIMITS.abandoned_after if place[1].startswith("penstock:") else LIMITS.stock_after
        return self.age.get(place, -1) > after

    @when(lambda self: any(one.judged[0] for one in self.ours))
    @rule(who=ONE, most=st.sampled_from([1, 2, 1000]))
    def return_judged(self, who, most):
        """Long after it was judged, perhaps; some of it, perhaps, by a process that dies then."""
        process = self.awake(who)
        for item in process.return_judged(most):
            place = item.keys.queue, item.tag
            if self.is_old(place):
                if is_given_up(item.entry, self.kinds[self.model.in_flight[place]][0]):
                    self.bury_in_model(place)
                else:
                    self.put_back(place, True)

    @rule(who=ONE, seconds=TERMS)
    def die(self, who, seconds):
        self.ours[who] = self.start()
        self.silence(seconds, who + 1)

    def silence(self, seconds, judge):
        if seconds:
            self.time_passes(seconds)
            self.beat(judge, True, 100)

    @when(lambda self: sum(one.stopped for one in self.ours) < 2)
    @rule(who=ONE, seconds=TERMS)
    def stop(self, who, seconds):
        self.awake(who).stopped = True
        self.silence(seconds, who)

    @when(lambda self: any(one.stopped for one in self.ours))
    @rule(who=ONE, beats=st.booleans())
    def go_on(self, who, beats):
        """All that were stopped do; what they tell is late."""
        for process in self.ours:
            process.stopped = False
        if beats:
            self.beat(who, False, 1)

    @rule(seconds=st.sampled_from([200, 2000]))
    def time_passes(self, seconds):
        """For all that nobody gives signs of life for."""
        for process in self.ours:
            process.sure = process.sure and not process.stopped
        alive = {place for process in self.ours if process.sure for place in process.held}
        for place in set(self.model.in_flight) - alive:
            self.age[place] += seconds
            self.client.zincrby(self.of(place[0]).index, -seconds, place[1])

    @rule(queue=st.integers(0, 1))
    def stock_pops(self, queue):
        if found := self.stock.pop(self.queues[queue]):
            assert self.model.lists[found[0]].pop() == name_in(found[1])
            self.popped.append((QUEUES[queue], found[1]))

    @when(lambda self: self.popped)
    @rule(dies=st.sampled_from([False, False, True]))
    def stock_records(self, dies):
        """Or dies before it, or of what it cannot read: the message is lost then, which is why we do not do so."""
        queue, text = self.popped.pop()
        if not dies and self.kinds[name_in(text)][0] != "garbage":
            place = queue, self.stock.record(self.of(queue), text)
            self.model.in_flight[place] = name_in(text)
            self.age[place] = 0

    @when(lambda self: any(not place[1].startswith("penstock:") for place in self.age))
    @rule(data=ANY)
    def stock_acknowledges(self, data):
        if theirs := sorted(place for place in self.age if not place[1].startswith("penstock:")):
            place = theirs[data % len(theirs)]
            self.stock.ack(self.of(place[0]), place[1])
            self.leave(place)

    @when(lambda self: any(age > LIMITS.stock_after for age in self.age.values()))
    @rule(data=ANY)
    def stock_restores(self, data):
        """By its visibility timeout, what is ours too."""
        old = [place for place, age in self.age.items() if age > LIMITS.stock_after]
        old = sorted(place for place in old if self.kinds[self.model.in_flight[place]][0] != "garbage")
        if old:
            place = old[data % len(old)]
            assert self.stock.restore(self.of(place[0]), place[1]) == self.list_of(
                place[0], self.model.in_flight[place]
            )
            self.put_back(place, True)

    @when(lambda self: all(one.sure for one in self.ours))
    @rule(chance=st.integers(0, 4))
    def wipe(self, chance):
        """Redis loses everything. What a process runs is there again with its next sign of life."""
        if chance == 0:
            self.teardown()
            for process in self.ours:
                process.sure = not process.held
            for kept in (*self.model.lists.values(), *self.model.dead.values()):
                kept.clear()
            for forgotten in (self.model.in_flight, self.age, self.paused):
                forgotten.clear()

    @invariant()
    def everything_is_where_it_ought_to_be(self):
        found = Contents.read(self.client, self.queues)
        assert found == self.model
        names = found.names()
        assert len(set(names)) == len(names), "each message is in one place"

    @invariant()
    def what_a_living_process_holds_is_its_own(self):
        for process in self.ours:
            if process.sure:
                assert set(process.held) <= set(self.model.in_flight)


def test_no_order_of_commands_and_deaths_loses_a_message_or_gives_it_to_two(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        long = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None)
        run_state_machine_as_test(
            lambda: Sharing(client), settings=settings(long, suppress_health_check=list(HealthCheck))
        )
