"""Every task that is served, for those who must know all of them: the API, the scheduler, the relay."""

from typing import Any

from penstock_contracts.dataset import IMPORT_FILE, SWEEP_STORAGE
from penstock_contracts.generation import REPORT
from penstock_contracts.mail import REGISTRATION_CONFIRMATION
from penstock_contracts.ops_trace import PRUNE, USER_ACTIONS, WEBHOOK
from penstock_contracts.task import Task

TASKS: tuple[Task[Any, Any], ...] = (
    IMPORT_FILE,
    SWEEP_STORAGE,
    REPORT,
    REGISTRATION_CONFIRMATION,
    USER_ACTIONS,
    PRUNE,
    WEBHOOK,
)
BY_NAME = {task.name: task for task in TASKS}

INTERNAL: tuple[Task[Any, Any], ...] = (SWEEP_STORAGE, PRUNE, WEBHOOK)
"""Tasks that Penstock starts itself and no client may: they act beyond the rows of one tenant, or in its name."""

STARTABLE = tuple(task for task in TASKS if task not in INTERNAL)
"""Tasks that a client may start by name."""
