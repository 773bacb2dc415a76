"""What the doctor says of a Redis that is not well. Each is made; a fix that is a command of Redis's is done."""

import re
import shlex
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
import redis_users
from own_redis import own_redis as an_own_redis
from small_disk import fill, small_disk
from tls import TlsPort, make_certificate

from penstock_cli.embedded import redis_in
from penstock_cli.local.ports import free_port
from penstock_contracts.queues import BY_NAME
from penstock_runtime.doctor.clocks import apart
from penstock_runtime.doctor.sight import Clock
from penstock_runtime.findings import Level

PASSWORD = "not-the-one"


def with_login(url: str, login: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}"))


def test_where_all_is_well_nothing_is_found(relay, found):
    relay().one_pass()
    assert found() == {}


@pytest.mark.parametrize(
    ("place", "code", "said", "fix"),
    [
        ("127.0.0.1:{free}/0", "redis_unreachable", "refused", "look at host and port, and whether it runs"),
        ("nowhere.invalid:6379/0", "redis_host", "nowhere.invalid", "look at the host's name"),
        ("127.0.0.1:{silent}/0", "redis_silent", "imeout", "firewall or NetworkPolicy"),
        ("nobody:{password}@{redis}/0", "redis_login", "invalid username-password", "look at user name and password"),
        ("{redis}/4000", "redis_database", "DB index is out of range", "look at the number or name of the database"),
    ],
)
def test_a_redis_that_is_not_reached(found, redis_url, silent_port, place, code, said, fix):
    server = urlsplit(redis_url).netloc
    url = "redis://" + place.format(free=free_port(), silent=silent_port, redis=server, password=PASSWORD)
    seen = found(broker_url=url, doctor_seconds=2)[code]
    assert (seen.level, said in seen.what, fix in seen.fix) == (Level.ERROR, True, True), seen
    assert PASSWORD not in repr(seen)


def test_a_redis_whose_certificate_is_not_trusted(found, redis_url, tmp_path):
    with closing(TlsPort(make_certificate(tmp_path), urlsplit(redis_url).port or 0)) as gate:
        seen = found(broker_url=f"rediss://127.0.0.1:{gate.port}/0")["redis_tls"]
    assert "certificate verify failed" in seen.what
    assert "which authority signed its certificate" in seen.fix


def test_a_user_who_lacks_rights_is_told_which_and_the_fix_gives_them(found, broker, redis_url):
    rules = [*redis_users.keys("services", BY_NAME), "&*", *redis_users.commands("services"), "-ltrim"]
    url = redis_users.as_user(broker, redis_url, "poor", *rules)
    try:
        seen = found(broker_url=url)["redis_rights"]
        assert "its user poor may not do all that the queues need; lacking are +ltrim" in seen.what
        do(broker, seen.fix)
        assert "redis_rights" not in found(broker_url=url)
    finally:
        broker.acl_deluser("poor")


def do(client: "redis.Redis", fix: str) -> None:
    """Do what a fix says: what stands behind `redis-cli`."""
    client.execute_command(*shlex.split(fix.partition("redis-cli ")[2].partition(";")[0]))


def test_a_redis_cluster(found, mortal, folder):
    server = redis_in(folder / "redis", next(port for port in iter(free_port, None) if port < 55535))
    node = mortal(replace(server, command=[*server.command, "--cluster-enabled", "yes", "--appendonly", "no"]))
    seen = found(broker_url=node.server.url)["redis_cluster"]
    assert "is a Redis Cluster" in seen.what
    assert seen.fix == "use a single Redis or a Sentinel-managed one"


@pytest.fixture
def client(own_redis):
    """Of the test's own Redis."""
    with redis.Redis.from_url(own_redis.server.url) as one:
        yield one


def test_a_redis_that_evicts_and_the_fix_keeps_it_from_that(found, own_redis, client):
    client.config_set("maxmemory-policy", "allkeys-lru")
    seen = found(broker_url=own_redis.server.url)["redis_evicts"]
    assert "allkeys-lru" in seen.what
    do(client, seen.fix)
    assert "redis_evicts" not in found(broker_url=own_redis.server.url)


def test_a_redis_that_is_nearly_full_and_one_that_is(found, own_redis, client):
    for number in range(400):
        client.set(f"much:{number}", b"x" * 50_000)
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", int(used / 0.95))
    nearly = found(broker_url=own_redis.server.url)["redis_full"]
    assert (nearly.level, "95% of its memory" in nearly.what) == (Level.WARNING, True), nearly
    client.config_set("maxmemory", used // 2)
    [full] = found(broker_url=own_redis.server.url, every=True)
    assert (full.code, full.level, "refuses to write" in full.what) == ("redis_full", Level.ERROR, True), full
    assert "CONFIG SET maxmemory" in full.fix


def test_a_redis_without_connections_left(found, own_redis, client):
    # One is the test's, one the doctor's, and a third where Redis has not yet seen the doctor leave.
    client.config_set("maxclients", 3)
    nearly = found(broker_url=own_redis.server.url, doctor_full=0.6)["redis_connections"]
    assert (nearly.level, nearly.what) == (Level.WARNING, "2 of 3 connections are in use")
    client.config_set("maxclients", 1)
    none = found(broker_url=own_redis.server.url)["redis_connections"]
    assert (none.level, none.what) == (Level.ERROR, "max number of clients reached")


def test_a_replica(found, own_redis, client, redis_url):
    client.replicaof("127.0.0.1", urlsplit(redis_url).port)
    seen = found(broker_url=own_redis.server.url)["redis_read_only"]
    assert f"it is a replica of 127.0.0.1:{urlsplit(redis_url).port}" in seen.what
    assert "name the primary" in seen.fix


def test_a_redis_that_writes_nothing_for_want_of_replicas(found, tmp_path):
    with an_own_redis(tmp_path) as refusing:
        refusing.refuse()
        seen = found(broker_url=refusing.url)["redis_refuses"]
    assert "NOREPLICAS" in seen.what


def test_a_redis_whose_disk_is_full(found, mortal, folder, eventually):
    with small_disk(folder / "redis", megabytes=2) as disk:
        server = mortal(redis_in(disk, free_port()))
        filler = fill(disk)
        with redis.Redis.from_url(server.server.url) as client:

            def refused() -> bool:
                try:
                    client.set("some", b"x" * 100_000)
                except redis.ResponseError:
                    return True
                return False

            eventually(refused)
        [seen] = found(broker_url=server.server.url, every=True)
        assert (seen.code, seen.level) == ("redis_not_saved", Level.ERROR)
        assert "aof_last_write_status: err" in seen.what
        assert "it refuses to write" in seen.what
        assert "df -h" in seen.fix
        filler.unlink()
        eventually(lambda: "redis_not_saved" not in found(broker_url=server.server.url))
        server.kill()


def test_clocks_are_apart_from_the_bound_on_and_only_for_certain():
    def said(redis_ahead: float, *, error: float = 0.0, most: float = 3) -> list[str]:
        clocks = [Clock("Redis", redis_ahead, error), Clock("PostgreSQL", 0.0, 0.0)]
        return [finding.what.partition(" s ")[0] for finding in apart(clocks, most=most)]

    assert said(3.0) == said(-3.0) == said(3.4, error=0.5) == []
    assert said(3.6, error=0.5) == ["the clock of Redis is 3.6", "the clock of PostgreSQL is 3.6"]
    assert len(said(-3.1)) == 2


FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


@pytest.mark.skipif(not FAKETIME, reason="libfaketime is not here (apt-get install faketime)")
def test_clocks_that_are_apart(found: Callable[..., object], mortal, folder):
    server = redis_in(folder / "redis", free_port())
    faked = ["env", f"LD_PRELOAD={FAKETIME[0]}", "FAKETIME=+90s", *server.command]
    ahead = mortal(replace(server, command=faked))
    every = found(broker_url=ahead.server.url, every=True)
    said = sorted(seen.what for seen in every if seen.code == "clocks")
    assert [re.sub(r"\d+\.\d", "…", what) for what in said] == [
        "the clock of PostgreSQL is … s behind that of Redis, and 3 s are borne",
        "the clock of Redis is … s ahead of that of this process, and 3 s are borne",
    ]
    assert all(85 < float(re.findall(r"\d+\.\d", what)[0]) < 95 for what in said), said
