"""Keys that were found in the database a moment ago."""

import time

from penstock_runtime.keys import Key, hash_key


class KeyCache:
    """Bounded in number and age. Only keys that exist are kept, so that guesses cannot push them out."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        # By hash, so that it holds no working secret.
        self._found: dict[bytes, tuple[float, Key]] = {}

    def get(self, secret: str) -> Key | None:
        """The key, unless its time is over."""
        until, key = self._found.get(hash_key(secret), (0.0, None))
        return key if time.monotonic() < until else None

    def put(self, secret: str, key: Key) -> None:
        """Keep a key; the oldest one makes room for it."""
        name = hash_key(secret)
        self._found.pop(name, None)
        if len(self._found) >= self._most:
            del self._found[next(iter(self._found))]
        self._found[name] = (time.monotonic() + self._seconds, key)
