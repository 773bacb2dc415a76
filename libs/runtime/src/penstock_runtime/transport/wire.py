"""The connections of a channel: it sends over a line, and claims over a wire, on which Redis says, unasked, when a list
that was read has changed."""

import os
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

import redis
from hiredis import pack_command
from redis.exceptions import NoPermissionError, NoScriptError, ReadOnlyError, ResponseError

from penstock_runtime.native import is_patched, native_poll
from penstock_runtime.transport.log import Log
from penstock_runtime.transport.scripts import Script

log = Log(__name__)

TURNED = ("READONLY", "MASTERDOWN", "LOADING", "UNBLOCKED", "NOMASTERLINK")
"""What a server says that is no longer, or not yet, the one to talk to: connect anew, and ask the sentinels."""

REFUSING = ("MISCONF", "NOREPLICAS", "OOM", "BUSY", "TRYAGAIN")
"""What a server says that will write again once it is helped: wait, and ask again."""

FORBIDDEN = ("NOPERM", "can't run this command", "can't access at least one of the keys", "ACL failure in script")
"""What a server says that refuses its user something; within a script Redis 6 does so in other words than 7."""


SOON = 1
"""Milliseconds for which an idle process under gevent waits for Redis with its whole thread: most answers come in less,
and a wait in gevent's loop takes long to begin and to end."""


class Refusing(Exception):
    """Redis writes nothing for now."""


class Line:
    """A connection that is kept, for one command after another; a client of redis-py's takes one from its pool, and
    gives it back, for each. For several threads; a forked child has another."""

    def __init__(self, pool: "redis.ConnectionPool") -> None:
        self._pool = pool
        self._begin()

    def _begin(self) -> None:
        self._process, self._lock = os.getpid(), Lock()
        self._connection: Any = None
        self._readable: Any = None

    def ask(self, *command: Any) -> Any:
        """The answer. Raises what redis-py does; what follows is asked over another connection then, if that may
        help."""
        if self._process != os.getpid():
            self._begin()
        with self._lock:
            try:
                connection = self._ready()
                send(connection, command)
                return connection.read_response()
            except ResponseError as error:
                if isinstance(meaning(error), redis.ConnectionError):
                    self._close()
                raise
            except BaseException:  # a greenlet's end too: the answer would be taken for the next one's
                self._close()
                raise

    def _ready(self) -> Any:
        # Nothing is owed to it, so that what can be read is its end. redis-py asks under gevent in a turn of its loop.
        if self._connection is not None and self._readable.poll(0):
            self._close()
        if self._connection is None:
            self._connection = self._pool.get_connection()
            self._readable = native_poll(self._connection._sock)
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()
            self._pool.release(connection)


class Wire:
    """One connection, with tracking of the keys that are read over it. Used by one thread."""

    def __init__(self, pool: "redis.ConnectionPool", on_close: Callable[[int], None]) -> None:
        """on_close: told the socket's number before it is closed."""
        self._pool = pool
        self._on_close = on_close
        self._connection: Any = None
        self._number = -1
        self._readable: Any = None
        self._changed: set[bytes] = set()
        self.pushes = True
        """Whether this server tells of changes; else a list is looked at each second only."""

    def connect(self) -> None:
        """Have a connection. Raises what redis-py does."""
        if self._connection is not None:
            return
        connection: Any = self._pool.get_connection()
        try:
            connection.connect()
            set_handler = getattr(connection._parser, "set_invalidation_push_handler", None)
            if set_handler:
                set_handler(self._note)
            connection.send_command("CLIENT", "TRACKING", "ON", "NOLOOP")
            try:
                connection.read_response()
            except ResponseError as error:
                if self.pushes:
                    log.warning("no_pushes", reason=str(error)[:200], then="queues are looked at once a second")
                self.pushes = False
        except BaseException:
            connection.disconnect()
            self._pool.release(connection)
            raise
        self._connection, self._number = connection, connection._sock.fileno()
        self._readable = native_poll(connection._sock) if is_patched() else None

    def fileno(self) -> int:
        """The socket's, for a poller. Raises what redis-py does when it cannot connect."""
        self.connect()
        return self._number

    def run(self, script: Script, keys: Iterable[str], arguments: Iterable[Any], *, idle: bool = False) -> Any:
        """Run a script and return its answer. idle: nothing else runs in this process.

        Raises Refusing; what redis-py raises for a connection that is gone, and the connection is closed then.
        """
        keys = list(keys)
        rest = (len(keys), *keys, *arguments)
        try:
            self.connect()
            try:
                return self._ask(idle, "EVALSHA", script.sha, *rest)
            except NoScriptError:
                return self._ask(idle, "EVAL", script.text, *rest)
        except ResponseError as error:
            meant = meaning(error)
            if isinstance(meant, redis.ConnectionError):
                self.close()
            raise meant from error
        except (redis.RedisError, OSError):
            self.close()
            raise

    def _ask(self, idle: bool, *command: Any) -> Any:
        send(self._connection, command)
        if idle and self._readable is not None:
            self._readable.poll(SOON)
        return self._connection.read_response()

    def _note(self, push: Any) -> None:
        # None is a server that has forgotten which keys were read: any may have changed.
        self._changed.update(push[1] if push[1] is not None else (b"",))

    @property
    def has_more(self) -> bool:
        """Whether something was read that no answer was made of yet. Asks no socket, which under gevent takes a turn of
        its loop; true where the parser cannot tell."""
        parser = getattr(self._connection, "_parser", None)
        has_data = getattr(getattr(parser, "_reader", None), "has_data", None)
        return bool(has_data is None or has_data())

    def changed(self) -> set[bytes]:
        """The keys that Redis has told of since the last call; an empty name stands for all. Reads what has come."""
        if self._connection is not None:
            try:
                self._read_on()
                while self.has_more:
                    self._read_on()
            except redis.TimeoutError:
                pass  # nothing more, or a part of something
            except (redis.RedisError, OSError):
                self.close()
                raise
        found, self._changed = self._changed, set()
        return found

    def _read_on(self) -> None:
        self._connection.read_response(push_request=True, timeout=0, disconnect_on_error=False)

    def close(self) -> None:
        """Close the connection. The next `run` makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection._sock is not None:
                self._on_close(self._number)
            connection.disconnect()
            self._pool.release(connection)


def send(connection: Any, command: tuple[Any, ...]) -> None:
    """Send it as redis-py does, without a look at each of its words: they are text, bytes and numbers."""
    connection.send_packed_command((pack_command(command),))


def meaning(error: ResponseError) -> Exception:
    """What to raise for it: ConnectionError where another connection may help, Refusing where time will, or itself."""
    said = str(error)[:200]
    if isinstance(error, ReadOnlyError | redis.exceptions.MasterDownError) or _says(error, TURNED):
        return redis.ConnectionError(f"this Redis is not the one to write to: {said}")
    if isinstance(error, NoPermissionError) or any(words in str(error) for words in FORBIDDEN):
        return redis.ConnectionError(f"this user of Redis is not allowed enough: {said}")
    if isinstance(error, redis.OutOfMemoryError) or _says(error, REFUSING):
        return Refusing(said)
    return error


class Understood:
    """What Redis refuses within is raised as what it means."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ResponseError):
            raise meaning(error) from error


understood = Understood()


def _says(error: ResponseError, codes: tuple[str, ...]) -> bool:
    said = str(error)
    return said.startswith(codes) or any(f" {code} " in said[:200] or f"-{code}" in said[:200] for code in codes)
