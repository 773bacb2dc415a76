"""Doing a fault: the process is frozen, the ledger looked at, and only when a job is seen running is it struck."""

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
import redis
from chaos import rabbitmq_faults, redis_nodes
from chaos.load import Load
from chaos.network import Ways
from chaos.node import Node
from chaos.plan import NETWORK, ON_FILES, Act, Fault, Kind
from chaos.redis_nodes import RedisNode
from chaos.sight import Sight, wait_for
from chaos.suite import LEASE, Layout, replicas, worker_name
from chaos.supervisor import process_of
from own_rabbitmq import OwnRabbit

from penstock_contracts.queues import DATASET, MAIL, QUEUES

SIGHT_DEADLINE = 45.0
"""Seconds until the state to be hit in is seen, or the fault is put off."""

START_DEADLINE = 120.0
"""Seconds until all workers are ready after the supervisor has died."""

READY = b" ready."

GRACE = 30.0
"""Seconds to end after SIGTERM; then SIGKILL, as a kubelet does."""

STOP_SECONDS = (LEASE * 1.25, LEASE * 2)
PHASE = {"dataset": 0.15, "generation": 2.0, "mail": 0.5, "ops_trace": 0.05, "api": 0.02}
"""About how many seconds a job or request takes: it is hit at a random moment of that."""

PHASE_OF_OTHERS = 0.3

BAIT = 24
"""Jobs that are released when there are none left to be caught running: more than one worker takes at once."""


@dataclass(frozen=True)
class Hit:
    """A fault that was done. `jobs`: the ids seen running; times are `time.time()`'s. `late`: it needed a SIGKILL."""

    fault: Fault
    process: str
    jobs: frozenset[str]
    began: float
    ended: float
    late: bool = False


class Striker:
    """Does faults, one after another, on a suite under load."""

    def __init__(
        self,
        layout: Layout,
        sight: Sight,
        load: Load,
        ways: Ways,
        node: Node,
        random: Random,
        own: OwnRabbit | None,
    ) -> None:
        self._layout = layout
        self._rabbitmq = own
        self._ways = ways
        self._sight = sight
        self._load = load
        self._random = random
        # How often it is asked depends on time, so it must not take from the other's numbers.
        self._phase = Random(random.random())
        self._node = node
        # Of a pool without mail the other quick jobs.
        self._queue = DATASET if layout.pool is DATASET.pool else MAIL

    def strike(self, fault: Fault) -> Hit | None:
        """Wait until something of it runs, and do it. None: that was not seen within the deadline."""
        if fault.kind is Kind.RABBITMQ:
            return self._on_rabbitmq(fault)
        if fault.act in (*ON_FILES, Act.CUT, Act.FAILOVER):
            return self._on_redis(fault)
        name = self._choose(fault.kind)
        frozen = wait_for(lambda: self._freeze_running(fault.kind, name), SIGHT_DEADLINE)
        if frozen is None:
            return None
        tree, seen = frozen
        began = time.time()
        late = self._on_the_way(fault, tree) if fault.act in NETWORK else self._signal(fault, name, tree)
        return Hit(fault, name, seen, began, time.time(), late)

    def _choose(self, kind: Kind) -> str:
        name = kind.value.partition(" ")[0]
        if kind is Kind.REDIS:
            return self._master().name
        several = kind.queue is not None or kind is Kind.SCHEDULER
        return self._random.choice(replicas(name, self._layout)) if several else name

    def _process(self, name: str) -> psutil.Process | None:
        return self._node.supervisor if name == Kind.SUPERVISOR else process_of(self._layout.folder, name)

    def _freeze_running(self, kind: Kind, name: str) -> "tuple[list[psutil.Process], frozenset[str]] | None":
        """The process and its children, stopped, and the jobs that are then still running; None: there are none.

        Whom PostgreSQL waits for or is cannot be looked at when stopped: those are seen running just before.
        """
        parent = self._process(name)
        if parent is None or not _runs(parent) or not self._seen(kind, name):
            return None
        time.sleep(self._phase.uniform(0, PHASE.get(kind.value.partition(" ")[0], PHASE_OF_OTHERS)))
        with suppress(psutil.Error):
            tree = [parent, *parent.children(recursive=True)]
            if kind.is_child and len(tree) < 2:
                return None
            if kind in (Kind.POSTGRES, Kind.SUPERVISOR):
                seen = self._seen(kind, name)
                return (tree, seen) if seen else None
            _send(tree, signal.SIGSTOP)
            seen = frozenset()
            try:
                seen = self._seen(kind, name)
            finally:
                if not seen:
                    _send(tree, signal.SIGCONT)
            return (tree, seen) if seen else None
        return None

    def _seen(self, kind: Kind, name: str) -> frozenset[str]:
        """The jobs that run and that this process has to do with; none where the api has no request in hand."""
        idle = kind in (Kind.API, Kind.API_CHILD) and not self._load.in_flight
        mine = self._sight.running(worker=worker_name(name) if kind.queue else None)
        if not self._load.unanswered and (idle or not (mine or self._sight.open(kind.queue))):
            self._load.release_of(kind.queue or self._queue, BAIT)
        return frozenset() if idle else mine

    def _signal(self, fault: Fault, name: str, tree: "list[psutil.Process]") -> bool:
        """Strike the parent or its child, and let the rest go on. Whether it had to be killed after all."""
        whole = fault.kind in (Kind.POSTGRES, Kind.SUPERVISOR)
        target = tree[1] if fault.kind.is_child else tree[0]
        if fault.act is Act.STOP:
            if whole:
                _send(tree, signal.SIGSTOP)
            else:
                _send([one for one in tree if one != target], signal.SIGCONT)
            time.sleep(self._random.uniform(*STOP_SECONDS))
            _send(tree, signal.SIGCONT)
            return False
        in_order = signal.SIGINT if fault.kind is Kind.POSTGRES else signal.SIGTERM
        logs = self._workers_logs() if fault.kind is Kind.SUPERVISOR else {}
        _send([target], signal.SIGKILL if fault.act is Act.KILL else in_order)
        _send(tree, signal.SIGCONT)
        late = not wait_for(lambda: not _runs(target), GRACE)
        if late:
            _send([target], signal.SIGKILL)
        # What took everything with it is over when everything is there again, which takes a small machine a while.
        wait_for(lambda: all(READY in _read_from(log, size) for log, size in logs.items()), START_DEADLINE)
        return late

    def _workers_logs(self) -> dict[Path, int]:
        """The logs of the workers, with their present sizes."""
        names = [name for queue in QUEUES for name in replicas(queue.name, self._layout)]
        logs = [self._layout.folder / "logs" / f"{name}.log" for name in names]
        return {log: log.stat().st_size for log in logs if log.exists()}

    def _on_the_way(self, fault: Fault, tree: "list[psutil.Process]") -> bool:
        """Trouble the connections that these processes have to the broker now, or everybody's, and let them go on."""
        seconds = self._random.uniform(*STOP_SECONDS)
        self._ways.trouble(fault.act, seconds, None if fault.kind in (Kind.REDIS, Kind.RABBITMQ) else tree)
        _send(tree, signal.SIGCONT)
        time.sleep(seconds)
        self._ways.heal()
        return False

    def _on_redis(self, fault: Fault) -> Hit | None:
        seen = wait_for(lambda: self._seen(Kind.REDIS, "redis"), SIGHT_DEADLINE)
        server = self._master()
        began = time.time()
        acts = {Act.WIPE: self._wipe, Act.COPY: self._copy, Act.RESTORE: self._restore}
        acts |= {Act.CUT: self._cut, Act.FAILOVER: self._fail_over}
        if seen is None or not acts[fault.act](server):
            return None
        return Hit(fault, server.name, seen, began, time.time())

    def _on_rabbitmq(self, fault: Fault) -> Hit | None:
        seen = wait_for(lambda: self._seen(fault.kind, "rabbitmq"), SIGHT_DEADLINE)
        rabbitmq = self._rabbitmq
        if seen is None or rabbitmq is None:
            return None
        began = time.time()
        if fault.act in NETWORK:
            self._on_the_way(fault, [])
        else:
            rabbitmq_faults.do(fault.act, rabbitmq, self._random.uniform(*STOP_SECONDS))
        return Hit(fault, "rabbitmq", seen, began, time.time())

    def _master(self) -> RedisNode:
        layout = self._layout
        found = wait_for(lambda: redis_nodes.master(layout.redis, layout.sentinel), SIGHT_DEADLINE)
        assert found is not None, "the sentinel does not answer"
        return found

    def _wipe(self, server: RedisNode) -> bool:
        return self._told(server, lambda client: client.flushall())

    def _cut(self, server: RedisNode) -> bool:
        return self._told(server, lambda client: client.execute_command("CLIENT", "KILL", "TYPE", "normal"))

    def _fail_over(self, server: RedisNode) -> bool:
        """Kill the server, and start it again only when its replica has taken over."""
        if not self._told(server, _has_replica):
            return False
        with self._held(server) as process:
            process.kill()
            return wait_for(lambda: self._master() != server, SIGHT_DEADLINE) is not None

    def _told(self, server: RedisNode, command: "Callable[[redis.Redis], object]") -> bool:
        """Whether the server did it within the deadline, asked past its proxy."""
        with redis.Redis(port=server.port, socket_timeout=5) as client:

            def done() -> bool:
                with suppress(redis.RedisError):
                    return bool(command(client))
                return False

            return bool(wait_for(done, SIGHT_DEADLINE))

    def _copy(self, server: RedisNode) -> bool:
        """Keep Redis's files as they are now: a volume's snapshot."""
        process = self._running(server)
        process.suspend()  # so that no command is half written
        try:
            shutil.rmtree(self._older, ignore_errors=True)
            shutil.copytree(server.data(self._layout.folder), self._older)
        finally:
            process.resume()
        return True

    def _restore(self, server: RedisNode) -> bool:
        """Stop Redis, put the older files in the place of its own, and let it be started."""
        data = server.data(self._layout.folder)
        with self._held(server) as process:
            process.kill()
            wait_for(lambda: not _runs(process), GRACE)
            shutil.rmtree(data)
            shutil.copytree(self._older, data)
        return True

    @contextmanager
    def _held(self, server: RedisNode) -> Iterator[psutil.Process]:
        """Meanwhile nobody starts it again."""
        hold = self._layout.folder / f"hold-{server.name}"
        hold.touch()
        try:
            yield self._running(server)
        finally:
            hold.unlink()

    def _running(self, server: RedisNode) -> psutil.Process:
        process = wait_for(lambda: self._process(server.name), SIGHT_DEADLINE)
        assert process is not None, "the supervisor does not start Redis"
        return process

    @property
    def _older(self) -> Path:
        return self._layout.folder / "redis-older"


def _send(processes: "list[psutil.Process]", number: signal.Signals) -> None:
    for one in processes:
        with suppress(psutil.Error):
            one.send_signal(number)


def _read_from(log: Path, size: int) -> bytes:
    with log.open("rb") as file:
        file.seek(size)
        return file.read()


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _has_replica(client: "redis.Redis") -> bool:
    """Whether another server has all that this one has, or nearly."""
    known = client.info("replication")
    return known["role"] == "master" and any(known.get(f"slave{n}", {}).get("state") == "online" for n in range(2))
