"""The work that the demo sends: jobs for every queue, and those that follow when others have succeeded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

from penstock_cli.demo.api import Api, DemoError, Job

ACTIONS = 500
"""User actions in a batch."""

USER = "demo"
KINDS = ("login", "search", "borrow", "renew", "return", "logout")


@dataclass
class Sent:
    """A job that was sent, what it does for people, and what to send when it has succeeded."""

    does: str
    job: Job
    then: Callable[[], "Sent"] | None = None


def first_jobs(api: Api) -> Iterator[Sent]:
    """Send what waits for nothing."""
    yield _dataset_with_report(api, "图书借阅.csv", _loans(), locale="zh", title="图书借阅报告")
    yield _dataset_with_report(api, "share prices.csv", _share_prices(), locale="en", title="Share prices")
    handbook = (files("penstock_cli.demo") / "data/handbook.md").read_bytes()
    yield Sent("import handbook.md", api.upload("handbook.md", handbook))
    for locale in ("zh", "en"):
        # A new address each time: one address gets one mail in a while.
        email = f"demo-{uuid4().hex[:8]}@example.com"
        yield Sent(f"confirm {email} ({locale})", api.register(email, locale))
    for number in (1, 2):
        body = {"actions": _actions(number)}
        yield Sent(f"keep {ACTIONS} user actions", api.start("/v1/user-actions", body))


def _dataset_with_report(api: Api, name: str, content: bytes, *, locale: str, title: str) -> Sent:
    imports = api.upload(name, content)
    body = {"dataset_id": imports.id, "title": title, "locale": locale}
    does = f"report on {name} ({locale})"
    return Sent(f"import {name}", imports, then=lambda: Sent(does, api.start("/v1/reports", body)))


def _loans() -> bytes:
    """The library's loans, in the encoding in which a Chinese spreadsheet would have saved them."""
    text = (files("penstock_cli.demo") / "data/library_loans.csv").read_text(encoding="utf-8")
    return text.encode("gb18030")


def _share_prices() -> bytes:
    """Monthly prices of ten shares and indices since 1990: a real table, which matplotlib ships for its examples."""
    package = find_spec("matplotlib")  # found without being imported, which takes a second
    if package is None or package.origin is None:
        raise DemoError("matplotlib, whose example data the demo uses, is not installed")
    table = Path(package.origin).parent / "mpl-data/sample_data/Stocks.csv"
    # Its first line is a comment on the source.
    return table.read_bytes().partition(b"\n")[2]


def _actions(batch: int) -> list[dict[str, Any]]:
    began = datetime.now(UTC) - timedelta(hours=batch)
    return [
        {
            "user_id": f"{USER}-{number % 20:02d}",
            "action": KINDS[number % len(KINDS)],
            "at": (began + timedelta(seconds=7 * number)).isoformat(),
            "target": f"book {number * 37 % 1000}",
            "detail": {"batch": batch, "branch": "总馆"},
        }
        for number in range(ACTIONS)
    ]
