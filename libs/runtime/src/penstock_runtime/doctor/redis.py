"""What is wrong with the Redis that carries the queues."""

from collections.abc import Iterator, Mapping
from typing import Any

import redis
from redis.exceptions import NoPermissionError, ResponseError

from penstock_contracts.queues import QUEUES, SEPARATOR, Priority
from penstock_runtime import redis_server, waiting
from penstock_runtime.doctor.codes import Code, code_of
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.doctor.sight import Sight, clock_of
from penstock_runtime.findings import Finding, Level
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.transport.keys import QueueKeys
from penstock_runtime.transport.rights import lacking

PROBE = "penstock:doctor"
"""A key that is written to see whether Redis writes; it expires by itself."""

PROBE_LASTS = 1000
"""Milliseconds."""

SAVES = ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")
"""What INFO says of the last attempts to write to its disk."""


def look_at(sight: Sight, settings: RuntimeSettings, bounds: DoctorSettings) -> None:
    """See whether it is reached, fit, allowed, writes, and has room."""
    with redis_server.client(settings, timeout=bounds.doctor_seconds / 2, pings=False) as client:
        try:
            sight.clock = clock_of("Redis", lambda: _time(client))
            info = client.info()
            misfit = redis_server.unfit(info, settings)
            if misfit:
                sight.findings.append(misfit)
            if misfit and misfit.code == Code.REDIS_CLUSTER:
                return  # what else it says is about another server than it ought to be
            about = f"Redis at {waiting.broker(settings).where}"
            found = [*_rights(client, about), *_writing(client, info, about), *_room(info, bounds, about)]
        except (redis.RedisError, OSError) as error:
            sight.findings.append(unanswered(error, settings))
            return
    sight.findings += found
    errors = {finding.code for finding in found if finding.level is Level.ERROR}
    sight.writable = not errors
    sight.readable = errors.isdisjoint(UNREADABLE)


UNREADABLE = (Code.REDIS_RIGHTS, Code.REDIS_NOT_SAVED)
"""With these what lies in it is not read: a Redis that cannot write to its disk refuses even PING."""


def unanswered(error: BaseException, settings: RuntimeSettings) -> Finding:
    """What is wrong with a Redis that answers so."""
    server = waiting.broker(settings)
    name, _ = waiting.trouble_of(error)
    fix = waiting.advice_on(error, server)
    return Finding(code_of("redis", name), f"Redis at {server.where}", waiting.reason_of(error), fix)


def _time(client: "redis.Redis") -> float:
    seconds, micros = client.time()
    return float(seconds) + float(micros) / 1e6


def _rights(client: "redis.Redis", about: str) -> Iterator[Finding]:
    pool = client.connection_pool
    steps = sorted(priority.value for priority in Priority)
    rules: dict[str, None] = {}
    for queue in QUEUES:
        keys = QueueKeys.of(queue.name, prefix="", separator=SEPARATOR, steps=steps)
        rules |= dict.fromkeys(lacking(pool, keys))
    if rules:
        user = pool.connection_kwargs.get("username") or "default"
        what = f"its user {user} may not do all that the queues need; lacking are {' '.join(rules)}"
        yield Finding(Code.REDIS_RIGHTS, about, what, f"redis-cli ACL SETUSER {user} {' '.join(rules)}")


def _writing(client: "redis.Redis", info: Mapping[str, Any], about: str) -> Iterator[Finding]:
    replica = info.get("role") == "slave"
    said = ""
    try:
        client.set(PROBE, "1", px=PROBE_LASTS)
    except NoPermissionError:
        pass  # told with the other rights
    except ResponseError as error:
        said = f"{error.status_code or ''} {waiting.reason_of(error)}".strip()
    if replica or said.startswith("READONLY"):
        primary = f"{info.get('master_host')}:{info.get('master_port')}"
        what = f"it is a replica of {primary}: what is written there is refused, or lost"
        fix = "name the primary (CELERY_BROKER_URL), or its sentinels: sentinel:// and PENSTOCK_REDIS_SENTINEL_MASTER"
        yield Finding(Code.REDIS_READ_ONLY, about, what, fix)
    elif said.startswith(("OOM", "MISCONF")):
        pass  # told with what it says of its memory and disk
    elif said:
        yield Finding(
            Code.REDIS_REFUSES, about, f"it refuses to write: {said}", "look at what it says, and at its own log"
        )
    yield from _saving(info, said, about)
    yield from _memory(info, said, about)


def _saving(info: Mapping[str, Any], said: str, about: str) -> Iterator[Finding]:
    failed = [f"{name}: {info[name]}" for name in SAVES if info.get(name, "ok") != "ok"]
    refuses = said.startswith("MISCONF")
    if failed or refuses:
        result = "and it refuses to write" if refuses else "so that a restart would lose what came since"
        what = f"it cannot write to its disk ({', '.join(failed) or said}), {result}"
        fix = "make room on the disk of its `dir` (df -h), or let it write there: its log says why it could not"
        yield Finding(Code.REDIS_NOT_SAVED, about, what, fix, Level.ERROR if refuses else Level.WARNING)


def _memory(info: Mapping[str, Any], said: str, about: str) -> Iterator[Finding]:
    if said.startswith("OOM"):
        used, most = info.get("used_memory_human"), info.get("maxmemory_human")
        yield Finding(Code.REDIS_FULL, about, f"its memory is used up ({used} of {most}): it refuses to write", ROOMIER)


ROOMIER = "give it more (redis-cli CONFIG SET maxmemory; redis.bundled.maxmemory), or more workers to empty the queues"


def _room(info: Mapping[str, Any], bounds: DoctorSettings, about: str) -> Iterator[Finding]:
    """What is nearly used up."""
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most and bounds.doctor_full <= used / most < 1:
        what = f"{used / most:.0%} of its memory is in use, of {info.get('maxmemory_human')}"
        yield Finding(Code.REDIS_FULL, about, what, ROOMIER, Level.WARNING)
    clients, limit = int(info.get("connected_clients", 0)), int(info.get("maxclients", 0))
    if limit and clients / limit >= bounds.doctor_full:
        what = f"{clients} of {limit} connections are in use"
        yield Finding(
            Code.REDIS_CONNECTIONS, about, what, "let it have more: redis-cli CONFIG SET maxclients", Level.WARNING
        )
