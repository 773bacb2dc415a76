"""What a user of Redis must be allowed for a queue, asked before the first message is taken.

Half of what a script does would be worse than nothing of it: who may record a message and not trim its list doubles it.
"""

from collections.abc import Iterator
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from penstock_runtime.errors import SettingsError
from penstock_runtime.transport.keys import QueueKeys

OF_A_LIST = ("LLEN", "LRANGE 0 0", "LTRIM 0 -1", "LPUSH -", "RPUSH -")
OF_A_HASH = ("HDEL -", "HSET - -", "HSETNX - -", "HGET -", "HEXISTS -")
OF_AN_INDEX = ("ZREM -", "ZADD 0 -", "ZSCORE -", "ZCARD", "ZRANGEBYSCORE 0 0", "ZPOPMIN 1")
OF_WHO_WAITS = ("ZREM -", "ZADD 0 -", "ZPOPMAX", "PEXPIRE 1", "DEL")
OF_A_NAME = ("SET -", "GET", "GETEX", "DEL", "PERSIST")
OF_A_PAUSE = ("GET",)
OF_NO_KEY = ("TIME", "EVALSHA - 0", "EVAL - 0", "SCRIPT|LOAD -")
"""What the scripts do to each kind of key, in a form that Redis takes. The key stands behind the command."""


class NotAllowed(SettingsError):
    """The user of Redis may not do what a queue needs."""


def lacking(pool: Any, keys: QueueKeys, *names: str) -> list[str]:
    """The ACL rules that the user of these connections lacks, such as `+ltrim` and `~shop:5`.

    names: of the process's own keys. Nothing is done to any key: Redis judges a command when it joins a transaction,
    and this one is never executed. Raises what redis-py does for a connection that is gone.
    """
    asked = list(_needed(keys, names))
    connection = pool.get_connection()
    try:
        connection.send_command("MULTI")
        try:
            connection.read_response()
        except NoPermissionError:
            return ["+multi"]
        except ResponseError:  # whatever stands there knows no transactions, so it cannot be asked
            return []
        connection.send_packed_command(connection.pack_commands([command for command, _ in asked]))
        found = [_rule(connection, *one) for one in asked]
        return list(dict.fromkeys(rule for rule in found if rule))
    finally:
        connection.disconnect()  # which ends the transaction, and needs no right
        pool.release(connection)


def sentence(user: str, queue: str, rules: list[str]) -> str:
    """What is said of a user who lacks these rules."""
    return (
        f"the user {user} of Redis may not do all that the queue {queue} needs: "
        f"ACL SETUSER {user} {' '.join(rules)} allows it (docs/transport.md has the whole list)"
    )


def _needed(keys: QueueKeys, names: tuple[str, ...]) -> Iterator[tuple[list[str], str]]:
    """Commands, each with the key in it."""
    of_each = (
        (OF_A_LIST, keys.lists),
        (OF_A_HASH, (keys.unacked, keys.dead)),
        (OF_AN_INDEX, (keys.index, keys.dead_index)),
        (OF_WHO_WAITS, (keys.waiting,)),
        (OF_A_NAME, (keys.watch, *names)),
        (OF_A_PAUSE, (keys.paused,)),
        (OF_NO_KEY, ("",)),
    )
    for commands, where in of_each:
        for key in where:
            for command in commands:
                name, *arguments = command.split()
                yield [*name.split("|"), *([key] if key else []), *arguments], key


def _rule(connection: Any, command: list[str], key: str) -> str:
    """What is lacking for this command to be taken, if anything is."""
    try:
        connection.read_response()
    except NoPermissionError as error:
        # Of Redis 6 and later; a user's name can hold no blank.
        if "run the '" in str(error):
            return "+" + ("script|load" if command[0] == "SCRIPT" else command[0].lower())
        return f"~{key}"
    except ResponseError:  # it may, and Redis cannot for now: the claims will hear of it
        pass
    return ""
