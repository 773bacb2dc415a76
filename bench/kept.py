"""What runs have kept in `results/`: a folder for each, in it a file for each measure; and how long measures take."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import growth, mail_backlog, sizes, waiting
from bench.peers import latency, throughput
from bench.running import ROOT, Machine
from pydantic import TypeAdapter, ValidationError

RESULTS = ROOT / "bench" / "results"

_READ: dict[str, TypeAdapter[Any]] = {
    "peers": TypeAdapter(throughput.Result),
    "latency": TypeAdapter(latency.Result),
    "mail": TypeAdapter(mail_backlog.Result),
    "growth": TypeAdapter(growth.Result),
    "waiting": TypeAdapter(waiting.Result),
    "sizes": TypeAdapter(sizes.Result),
}
"""Of the measures whose results are read again."""

MINUTES = {
    "accept": (3, 1),
    "memory": (2, 1),
    "import": (1, 1),
    "mail": (5, 4),
    "drain": (26, 3),
    "worker": (4, 2),
    "waiting": (5, 2),
    "peers": (19, 8),
    "latency": (8, 6),
    "growth": (8, 4),
    "sizes": (8, 4),
    "tenants": (3, 2),
    "ceiling": (1, 1),
    "startup": (3, 2),
    "coldstart": (8, 5),
}
"""What a measure takes about, whole and short, where nobody has taken it yet."""


def keep(folder: Path, name: str, result: Any, machine: Machine, arguments: Mapping[str, Any], seconds: float) -> None:
    """Write a result, where, when and how it was measured, and how long that took."""
    about = {
        "measured_at": datetime.now().astimezone().isoformat(),
        "took_seconds": round(seconds, 1),
        "arguments": dict(arguments),
        "machine": asdict(machine),
    }
    (folder / f"{name}.json").write_text(json.dumps(about | asdict(result)), encoding="utf-8")


def newest(results: Path, name: str) -> Iterator[dict[str, Any]]:
    """What is kept of a measure, the newest first."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in results.glob(f"*/{name}.json")]
    yield from sorted(found, key=lambda one: datetime.fromisoformat(one["measured_at"]), reverse=True)


def read(results: Path, name: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """The same, each also as the result that it was; what another version has kept is passed over."""
    for raw in newest(results, name):
        try:
            yield raw, _READ[name].validate_python(raw)
        except ValidationError:
            continue


def minutes(results: Path, name: str, arguments: Mapping[str, Any]) -> float:
    """What a measure will take about: as long as the last time with the same arguments."""
    for one in newest(results, name):
        if one.get("arguments") == arguments:
            return float(one["took_seconds"]) / 60
    whole, short = MINUTES.get(name, (1, 1))
    return short if arguments.get("short") else whole
