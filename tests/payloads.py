"""A payload for each task that a client may start."""

from typing import Any

PAYLOADS: dict[str, dict[str, Any]] = {
    "dataset.import_file": {"file_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10", "name": "a.csv"},
    "generation.report": {"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"},
    "mail.registration_confirmation": {"email": "li.wei@example.com"},
    "ops_trace.user_actions": {"actions": [{"user_id": "u", "action": "login", "at": "2026-05-01T08:30:00Z"}]},
}
