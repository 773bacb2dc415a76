"""Every queue's figures as JSON, for those who look from outside: python -m penstock_runtime.queues_now

It takes no key, so it is run where the settings are: in a pod of the suite.
"""

import json
import sys
from typing import Any

from penstock_runtime.backlog import read_backlog
from penstock_runtime.errors import SettingsError, Unavailable
from penstock_runtime.oldest import read_oldest
from penstock_runtime.settings import RuntimeSettings, load


def read(settings: RuntimeSettings) -> list[dict[str, Any]]:
    """Each queue: `queue`, `queued` by priority, `in_flight`, `paused`, `oldest` in seconds or null, and whether it is
    `exact`. Raises Unavailable where the broker does not answer."""
    oldest = read_oldest(settings)
    return [
        {
            "queue": one.queue,
            "queued": one.queued,
            "in_flight": one.in_flight,
            "paused": one.paused,
            "oldest": age.seconds if (age := oldest[one.queue]) else None,
            "exact": age is None or age.exact,
        }
        for one in read_backlog(settings)
    ]


def main() -> None:
    """The process: status 1 and a sentence where the broker cannot be asked."""
    try:
        sys.stdout.write(json.dumps(read(load(RuntimeSettings))))
    except (SettingsError, Unavailable) as error:
        sys.exit(f"penstock: {error.message}")


if __name__ == "__main__":
    main()
