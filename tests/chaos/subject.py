"""What is put to the test: how it is started and loaded, seen at its work, and judged. Here: the whole of Penstock."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

import httpx
from chaos import work
from chaos.faults import Hit
from chaos.load import Load, api_client
from chaos.node import Node
from chaos.record import Findings, examine
from chaos.sight import Ledger, Sight
from chaos.sink import Sink, smtp_sink
from chaos.suite import Layout
from sqlalchemy import Engine

from penstock_contracts.queues import DATASET, Queue
from penstock_runtime.keys import create_key
from penstock_runtime.migrate import upgrade

START_SECONDS = 90.0


class Subject(Protocol):
    """Something that takes jobs from a load. `sight`: what it says of them."""

    @property
    def sight(self) -> Sight: ...

    def start(self, node: Node, jobs: Sequence[work.Job], more: Callable[[Queue, int], work.Job]) -> Load:
        """Wait until it can take jobs. Raises RuntimeError where it does not even start."""

    def examine(self, released: Sequence[work.Job], hits: Sequence[Hit]) -> Findings:
        """Compare what was accepted with what there is, when nothing runs any more."""


class Penstock:
    """API, schedulers and workers over the ledger, with a mail server that counts."""

    def __init__(self, layout: Layout, engine: Engine, sink: Sink) -> None:
        self._layout = layout
        self._engine = engine
        self._sink = sink
        self.sight: Sight = Ledger(engine)

    def start(self, node: Node, jobs: Sequence[work.Job], more: Callable[[Queue, int], work.Job]) -> Load:
        """Its tables, a key, and one imported dataset, where there is a worker for it, for the reports."""
        layout = self._layout
        await_postgres(node, layout, self._engine)
        upgrade(layout.settings.database_url)
        with self._engine.begin() as connection:
            _, key = create_key(connection, "default", "chaos")
        if not node.until(lambda: _is_ready(layout.api_url), START_SECONDS):
            raise RuntimeError(f"the API did not start; see {layout.folder}/logs")
        datasets: list[str] = []
        load = Load(partial(api_client, layout.api_url, key, datasets), jobs, more)
        if layout.pool not in (None, DATASET.pool):
            return load
        [base] = load.release_of(DATASET, 1)
        ledger = Ledger(self._engine)
        if not node.until(lambda: base.id is not None and ledger.state(base.id) == "succeeded", START_SECONDS):
            raise RuntimeError(f"the first import did not succeed; see {layout.folder}/logs")
        datasets.append(str(base.id))
        return load

    def examine(self, released: Sequence[work.Job], hits: Sequence[Hit]) -> Findings:
        """The ledger, and the effects themselves."""
        layout = self._layout
        return examine(self._engine, released, self._sink, layout.storage, hits, layout.slots)


@contextmanager
def penstock(layout: Layout, engine: Engine, seed: int) -> Iterator[Penstock]:
    """It, as long as its mail server is there."""
    with smtp_sink(layout.smtp, seed) as sink:
        yield Penstock(layout, engine, sink)


def await_postgres(node: Node, layout: Layout, engine: Engine) -> None:
    """Raises RuntimeError where it does not start."""

    def answers() -> bool:
        with engine.connect():
            return True

    if not node.until(answers, START_SECONDS):
        raise RuntimeError(f"PostgreSQL did not start; see {layout.folder}/logs")


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=3, trust_env=False).is_success
    except httpx.TransportError:
        return False
