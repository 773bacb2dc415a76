"""When keys were last used, told to the database now and then."""

import time
from uuid import UUID

from penstock_runtime.keys import STAMP_EVERY


class KeyUses:
    """Which keys this process told of within `STAMP_EVERY` seconds, bounded in number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._told: dict[UUID, float] = {}

    def is_due(self, key_id: UUID) -> bool:
        """Whether this use is to be told. It then counts as told."""
        now = time.monotonic()
        if now - self._told.get(key_id, float("-inf")) < STAMP_EVERY:
            return False
        self._told.pop(key_id, None)
        if len(self._told) >= self._most:
            del self._told[next(iter(self._told))]
        self._told[key_id] = now
        return True
