"""Pages of a tenant's jobs, asked of a real API over a connection that is kept."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from bench.growth_ledger import Took
from bench.growth_rows import EACH, MONTH
from bench.load import Connection, Shot

from penstock_api.cursors import write_cursor

SIZE = EACH - 1
"""Jobs on a page: so many pass each of the filters in every table, and one more, which tells of a next page."""

FILTERS: dict[str, dict[str, str]] = {
    "first page": {},
    "later page": {"cursor": write_cursor(datetime.now(UTC) - timedelta(days=MONTH // 2), "~")},
    "succeeded": {"state": "succeeded"},
    "failed": {"state": "failed"},
    "running": {"state": "running"},
    "queued": {"state": "queued"},
    "queue generation": {"queue": "generation"},
    "task dataset.sweep_storage": {"task": "dataset.sweep_storage"},
    "task mail.…, dead": {"task": "mail.registration_confirmation", "state": "dead"},
    "queue mail, running": {"queue": "mail", "state": "running"},
}
"""Those that many jobs pass, and those that few do or only the first jobs."""


class Pages:
    """Asks as several tenants in turn. keys: by the name that is shown.

    faults: answers that were no whole page.
    """

    def __init__(self, port: int, keys: Mapping[str, str]) -> None:
        self._port = port
        self._requests = {
            f"{who}: {name}": Shot(
                f"/v1/jobs?{urlencode({'limit': SIZE} | filters)}",
                method="GET",
                headers={"Authorization": f"Bearer {key}"},
            ).parts[0]
            for name, filters in FILTERS.items()
            for who, key in keys.items()
        }
        self.faults: Counter[str] = Counter()

    def take_faults(self) -> Counter[str]:
        """Those since the last call."""
        taken, self.faults = self.faults, Counter()
        return taken

    def round(self, took: Took) -> None:
        """Each page once."""
        connection = Connection(self._port)
        for name, request in self._requests.items():
            if took.wants(name):
                connection.send(0, request)
                while (answer := connection.receive()) is None:
                    pass
                status, body, ms = answer
                took.add(name, ms)
                if status != 200:
                    self.faults[f"{name}: {status} instead of 200"] += 1
                elif len(json.loads(body)["items"]) != SIZE:
                    self.faults[f"{name}: not a whole page"] += 1
        connection.socket.close()
