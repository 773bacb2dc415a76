"""Tests that hold with either broker."""

from typing import Any

from penstock_runtime.settings import RuntimeSettings

BROKERS = ("redis", "rabbitmq")


def carried_by(broker: str, request: Any, settings: RuntimeSettings) -> RuntimeSettings:
    """The settings with that broker in them: the run's own, emptied."""
    if broker == "redis":
        return settings
    return settings.model_copy(update={"broker": request.getfixturevalue("rabbitmq").url})
