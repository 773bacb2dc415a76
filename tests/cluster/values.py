"""Values with which the suite is installed for tests: the chart's own, with times that tests can wait for."""

from typing import Any

from cluster.mailbox import Mailbox
from cluster.pod import mounted
from cluster.release import merged

CONCURRENCY = 4
MOST_MAIL_PODS = 5

QUICK = {"pollingInterval": 2, "cooldownPeriod": 15, "initialCooldownPeriod": 1, "scaleDownWindow": 10}
"""Seconds; of the chart's own some are minutes."""

SMALL = {"resources": {"requests": {"cpu": "10m"}}}
"""Several suites at once are to fit on a node with two processors."""

PROBE = {"app": "probe", **mounted("probe", "/probe")}
"""The generation worker's own image, running the probe."""


def for_tests(mailbox: Mailbox | None = None, *, cooldown: int = 15) -> dict[str, Any]:
    """All queues begin at no pod and are quick to return there; generation runs the probe, four jobs a pod."""
    return merged(
        {
            "autoscaling": QUICK | {"cooldownPeriod": cooldown},
            "redis": {"bundled": SMALL},
            "postgresql": {"bundled": SMALL},
            "api": SMALL,
            "scheduler": SMALL,
            "migrations": SMALL,
            "workerDefaults": SMALL,
            "workers": {
                "dataset": SMALL,
                "generation": SMALL | PROBE | {"concurrency": CONCURRENCY},
                "mail": {"autoscaling": {"maxReplicas": MOST_MAIL_PODS}},
            },
        },
        mailbox.values if mailbox else {},
    )


def one_job_a_pod(most: int = 4) -> dict[str, Any]:
    """Generation runs one job in each pod."""
    return {"workers": {"generation": {"concurrency": 1, "autoscaling": {"maxReplicas": most}}}}
