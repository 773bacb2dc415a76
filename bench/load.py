"""A closed-loop HTTP load: so many connections, each sending its next request as soon as the last is answered.

A process of its own (`python -m bench.load`: a Load as JSON on standard input, an Outcome on standard output), so that
what it costs can be told. Sockets and a selector, nothing else: a request is bytes made once, with its number put in.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

NUMBER = "000000000000"
"""Stands in a body where each request gets its own number, of as many digits."""

PATIENCE = 30.0
"""Seconds for answers that are still due at the end."""


@dataclass(frozen=True)
class Shot:
    """One kind of request, and the status that its answer must have."""

    path: str
    body: str = ""
    status: int = 202
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[bytes, bytes]:
        """The request's bytes before and after its number. Without a number the second part is empty."""
        headers = {"Host": "127.0.0.1", **self.headers}
        if self.body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(self.body.encode()))}
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        before, _, after = ("\r\n".join(lines) + "\r\n\r\n" + self.body).partition(NUMBER)
        return before.encode(), after.encode()


@dataclass(frozen=True)
class Load:
    """What to send where: the shots in turn, until so many `seconds` are over or so many `requests` sent.

    pause: seconds between an answer and the next request; for one connection.
    """

    port: int
    shots: tuple[Shot, ...]
    connections: int
    seconds: float = 0
    requests: int = 0
    pause: float = 0


@dataclass
class Outcome:
    """What came of it. `ms`: for each answer, from the first byte sent to the last byte read.

    counted: answers within `seconds`. unexpected: what else happened, and how often. jobs: by the number of an accepted
    request, the id of its job.
    """

    seconds: float = 0
    cpu_seconds: float = 0
    counted: int = 0
    ms: list[float] = field(default_factory=list)
    unexpected: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.counted / self.seconds

    @property
    def busy(self) -> float:
        """The share of a core that sending and reading took; near 1 the load would be what was measured."""
        return self.cpu_seconds / self.seconds


def send(load: Load) -> Outcome:
    """Run the load in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(load)).encode(),
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    return Outcome(**json.loads(done.stdout))


class Connection:
    """One connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = 0
        self._sent_at = 0.0
        self._read = b""

    def send(self, number: int, request: bytes) -> None:
        """Send a whole request."""
        self.number = number
        self._read = b""
        self._sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> tuple[int, bytes, float] | None:
        """Status, body and milliseconds of the answer, once it is there whole. Raises OSError where it was cut."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError
        self._read += piece
        head, end, body = self._read.partition(b"\r\n\r\n")
        if not end:
            return None
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return None
        return int(head[9:12]), body, (time.perf_counter() - self._sent_at) * 1000


class Run:
    """One load, from its first request to its last answer."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._shots = [(shot, *shot.parts) for shot in load.shots]
        self._sent = 0
        self._unexpected: Counter[str] = Counter()
        self._selector = selectors.DefaultSelector()
        self._outcome = Outcome()

    def __call__(self) -> Outcome:
        count = min(self._load.connections, self._load.requests or self._load.connections)
        connections = [Connection(self._load.port) for _ in range(count)]
        cpu, began = time.process_time(), time.perf_counter()
        deadline = began + self._load.seconds if self._load.seconds else float("inf")
        for connection in connections:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            self._send(connection)
        under_way = len(connections)
        while under_way and time.perf_counter() < deadline + PATIENCE:
            for key, _ in self._selector.select(timeout=1):
                under_way -= self._look(key.data, lambda: time.perf_counter() < deadline)
        outcome = self._outcome
        outcome.seconds = self._load.seconds or time.perf_counter() - began
        outcome.cpu_seconds = time.process_time() - cpu
        if under_way:
            self._unexpected["no answer"] += under_way
        outcome.unexpected = dict(self._unexpected)
        for connection in connections:
            connection.socket.close()
        return outcome

    def _send(self, connection: Connection) -> None:
        _, before, after = self._shots[self._sent % len(self._shots)]
        self._sent += 1
        connection.send(self._sent, before + b"%012d" % self._sent + after if after else before)

    def _look(self, connection: Connection, in_time: Callable[[], bool]) -> bool:
        """Read what has come, and send the next request after a whole answer. True where this connection is done."""
        try:
            answer = connection.receive()
        except OSError:
            self._unexpected["connection cut"] += 1
            self._selector.unregister(connection.socket)
            return True
        if answer is None:
            return False
        self._take(connection.number, *answer)
        self._outcome.counted += in_time()
        if self._load.pause:
            time.sleep(self._load.pause)
        if not in_time() or (self._load.requests and self._sent >= self._load.requests):
            return True
        self._send(connection)
        return False

    def _take(self, number: int, status: int, body: bytes, ms: float) -> None:
        self._outcome.ms.append(round(ms, 3))
        shot = self._shots[(number - 1) % len(self._shots)][0]
        if status != shot.status:
            self._unexpected[f"{shot.method} {shot.path}: {status} instead of {shot.status}"] += 1
        elif status == 202:
            self._outcome.jobs[str(number)] = json.loads(body)["job_id"]


def main() -> None:
    given = json.loads(sys.stdin.read())
    shots = tuple(Shot(**shot) for shot in given.pop("shots"))
    json.dump(asdict(Run(Load(shots=shots, **given))()), sys.stdout)


if __name__ == "__main__":
    main()
