"""The load: clients that send jobs to the API, and repeat each with the same key until they have their answer."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import httpx
from chaos.work import Job, request

from penstock_contracts.queues import Queue

CLIENTS = 4
TIMEOUT = 12.0
"""Seconds for one request. The API answers within four of them unless it is stopped."""

AGAIN_AFTER = 0.2
EXPECTED = {httpx.codes.SERVICE_UNAVAILABLE}
"""What the API may answer in a fault; the sender repeats. Any other answer but 202 is a finding."""

Submit = Callable[[Job], str]
"""Send a job once, and note that it was accepted; returns what was said where it was not, and else nothing."""


class Load:
    """Jobs that have not been sent yet, and the clients that send what is released.

    client: makes a client, of whom each thread has its own. more: makes a job of a queue that has none left.
    """

    def __init__(
        self,
        client: Callable[[], AbstractContextManager[Submit]],
        jobs: Sequence[Job],
        more: Callable[[Queue, int], Job],
    ) -> None:
        self.released: list[Job] = []
        self.answers: Counter[str] = Counter()
        self._client = client
        self._left = list(jobs)
        self._more = more
        self._made = len(jobs)
        self._line: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._in_flight = 0
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    @property
    def in_flight(self) -> int:
        """Requests that were sent and not answered."""
        return self._in_flight

    @property
    def unanswered(self) -> int:
        """Jobs released of whose acceptance no client has been told."""
        return sum(job.accepted_at is None for job in self.released)

    def release(self, count: int | None = None) -> None:
        """Let the clients send the next `count` jobs; None: all that are left."""
        self._send(self._left[:count])

    def release_of(self, queue: Queue, count: int) -> list[Job]:
        """Let the clients send so many jobs of one queue, and return them; they are made where there are no more."""
        chosen = [job for job in self._left if job.queue is queue][:count]
        for _ in range(count - len(chosen)):
            chosen.append(self._more(queue, self._made))
            self._made += 1
        self._send(chosen)
        return chosen

    def _send(self, chosen: Sequence[Job]) -> None:
        self._left = [job for job in self._left if job not in chosen]
        for job in chosen:
            self.released.append(job)
            self._line.put(job)

    def stop(self) -> None:
        """End the clients; a request under way is not waited for longer than its time-out."""
        self._stopping.set()
        for _ in self._threads:
            self._line.put(None)
        for thread in self._threads:
            thread.join(TIMEOUT + 1)

    def _send_all(self) -> None:
        with self._client() as submit:
            while (job := self._line.get()) is not None:
                while not self._stopping.is_set() and (said := self._counted(submit, job)):
                    with self._lock:
                        self.answers[said] += 1
                    job.repeats += 1
                    time.sleep(AGAIN_AFTER)

    def _counted(self, submit: Submit, job: Job) -> str:
        with self._lock:
            self._in_flight += 1
        try:
            return submit(job)
        finally:
            with self._lock:
                self._in_flight -= 1


@contextmanager
def api_client(url: str, key: str, datasets: list[str]) -> Iterator[Submit]:
    """A client of the API. `datasets`: for the reports."""
    # Without the environment's proxies: it is this machine that is asked.
    with httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {key}"

        def submit(job: Job) -> str:
            wanted = request(job, datasets)
            try:
                response = client.post(wanted.path, **wanted.arguments)
            except httpx.TransportError as error:
                return type(error).__name__
            if response.status_code == httpx.codes.ACCEPTED:
                job.accepted(response.json().get("job_id"))
                return ""
            known = response.status_code in EXPECTED
            return f"{response.status_code}" if known else f"unexpected {response.status_code}: {response.text[:300]}"

        yield submit
