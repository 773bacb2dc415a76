"""The transport's log. A worker that has nothing to say does without structlog, and what structlog imports."""

from typing import Any


class Log:
    """structlog's logger of that name, imported with its first line."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        import structlog

        return getattr(structlog.get_logger(self._name), method)
