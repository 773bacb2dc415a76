"""Redis behind TLS, behind an ACL, behind sentinels: all who talk to it find it, and nobody talks to an impostor."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from kombu import Connection
from tls import Certificate, TlsPort, make_certificate

from penstock_cli.embedded import Server
from penstock_cli.embedded import redis_server as redis_program
from penstock_cli.local.ports import free_port
from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_runtime import redis_server
from penstock_runtime.backlog import read_backlog
from penstock_runtime.broker import Publisher, transport_options
from penstock_runtime.celery_tasks import wait_until_ready
from penstock_runtime.heartbeat import Heartbeat
from penstock_runtime.ledger.publish import take_due
from penstock_runtime.settings import RuntimeSettings, load

Make = Callable[..., RuntimeSettings]
PASSWORD = "p@s:s/w#o[r%d"
GROUP = "jobs"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def tls_port(certificate: Certificate, redis_url: str) -> Iterator[int]:
    """The run's Redis, over TLS."""
    with closing(TlsPort(certificate, urlsplit(redis_url).port or 0)) as gate:
        yield gate.port


@pytest.fixture
def anna(broker: "redis.Redis") -> Iterator[str]:
    """A user of Redis who may do everything, with an awkward password."""
    broker.execute_command("ACL", "SETUSER", "anna:@", "on", "+@all", "~*", "&*", f">{PASSWORD}")
    yield "anna:@"
    broker.acl_deluser("anna:@")


@pytest.fixture
def sentinel(mortal: Callable[[Server], object], folder: Path) -> Callable[[int], int]:
    """Start a sentinel that wants a password and knows the server at a port as GROUP; returns the sentinel's port."""

    def start(server: int) -> int:
        port = free_port()
        file = folder / "sentinel.conf"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\nrequirepass {PASSWORD}\n"
            # A server that is behind TLS here does not answer this sentinel; it is not to be judged for that.
            f"sentinel monitor {GROUP} 127.0.0.1 {server} 1\nsentinel down-after-milliseconds {GROUP} 600000\n"
        )

        def answers() -> bool:
            with redis.Redis(port=port, password=PASSWORD, socket_timeout=1) as client:
                try:
                    return bool(client.ping())
                except redis.RedisError:
                    return False

        mortal(Server("sentinel", [redis_program(), str(file), "--sentinel"], f"redis://127.0.0.1:{port}", answers, 15))
        return port

    return start


@pytest.fixture
def make(settings: RuntimeSettings) -> Make:
    """Settings with a broker made of parts."""
    return lambda **parts: load(RuntimeSettings, PENSTOCK_DATABASE_URL=settings.database_url, **parts)


def talks_to_redis(settings: RuntimeSettings, ledger, listed) -> None:
    """A client, a worker's start, the publisher and the figures, all by these settings."""
    with redis_server.client(settings) as client:
        assert client.ping()
    wait_until_ready(settings, Heartbeat(settings))
    with Connection(settings.broker_url, transport_options=transport_options(settings)) as connection:
        connection.ensure_connection(max_retries=1, timeout=5)
    job_id = ledger.accept(PRUNE.message(Prune()), not_before=None).job_id
    ledger.change(published_at=None)
    publisher = Publisher(settings)
    publisher.publish(ledger.do(take_due, most=10, publish_timeout=0))
    publisher.close()
    assert job_id in listed("ops_trace")
    assert sum(sum(one.queued.values()) for one in read_backlog(settings)) == 1


def test_redis_is_reached_over_tls_as_a_user_of_its_own(make: Make, tls_port, anna, certificate, ledger, listed):
    tls = {"redis_tls": True, "redis_tls_ca": str(certificate.file)}
    parts = {"redis_host": "localhost", "redis_port": tls_port, "redis_username": anna, "redis_password": PASSWORD}
    talks_to_redis(make(**parts, **tls), ledger, listed)


def test_a_whole_url_is_completed_by_the_file_of_certificates(make: Make, tls_port, certificate, ledger, listed):
    url = f"rediss://127.0.0.1:{tls_port}/0"
    talks_to_redis(make(CELERY_BROKER_URL=url, redis_tls_ca=str(certificate.file)), ledger, listed)


def test_a_url_that_says_all_of_it_in_celerys_way_is_taken_as_it_is(make: Make, tls_port, certificate, ledger, listed):
    query = f"ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={certificate.file}"
    talks_to_redis(make(CELERY_BROKER_URL=f"rediss://localhost:{tls_port}/0?{query}"), ledger, listed)


def test_redis_is_reached_through_a_sentinel(make: Make, sentinel, redis_url, ledger, listed):
    port = sentinel(urlsplit(redis_url).port)
    parts = {"redis_sentinels": f"127.0.0.1:{port}", "redis_sentinel_master": GROUP}
    talks_to_redis(make(**parts, redis_sentinel_password=PASSWORD), ledger, listed)


def test_who_has_found_redis_keeps_no_connection_to_the_sentinels(make: Make, sentinel, redis_url, eventually):
    port = sentinel(urlsplit(redis_url).port)
    parts = {"redis_sentinels": f"127.0.0.1:{port}", "redis_sentinel_master": GROUP}
    settings = make(**parts, redis_sentinel_password=PASSWORD)
    transport = {"transport": "penstock_runtime.transport:SentinelTransport"}
    with Connection(settings.broker_url, transport_options=transport_options(settings), **transport) as connection:
        queue = connection.SimpleQueue("shop")
        queue.put("a message")
        queue.get(timeout=10).ack()
        with redis.Redis(port=port, password=PASSWORD) as asking:
            eventually(lambda: len(asking.client_list()) == 1, seconds=5)


def test_redis_and_its_sentinels_are_reached_over_tls_with_a_login_each(
    make: Make, sentinel, tls_port, anna, certificate, ledger, listed
):
    with closing(TlsPort(certificate, sentinel(tls_port))) as gate:
        # The first one is not there.
        sentinels = f"localhost:{free_port()}, localhost:{gate.port}"
        settings = make(
            redis_sentinels=sentinels,
            redis_sentinel_master=GROUP,
            redis_sentinel_password=PASSWORD,
            redis_username=anna,
            redis_password=PASSWORD,
            redis_tls=True,
            redis_tls_ca=str(certificate.file),
        )
        talks_to_redis(settings, ledger, listed)


@pytest.mark.parametrize("checked", [True, False])
def test_a_server_that_cannot_prove_its_name_is_talked_to_only_where_that_is_said(make: Make, tls_port, checked):
    settings = make(CELERY_BROKER_URL=f"rediss://localhost:{tls_port}/0", redis_tls_verify=checked)
    options = transport_options(settings)
    with redis_server.client(settings) as client, Connection(settings.broker_url, transport_options=options) as kombu:
        if checked:
            with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
                client.ping()
            with pytest.raises(kombu.connection_errors, match="certificate verify failed"):
                kombu.connect()
        else:
            assert client.ping()
            kombu.connect()


def test_a_group_that_the_sentinels_do_not_know_is_an_outage_like_any_other(make: Make, sentinel, redis_url):
    port = sentinel(urlsplit(redis_url).port)
    parts = {"redis_sentinels": f"127.0.0.1:{port}", "redis_sentinel_master": "other"}
    with (
        redis_server.client(make(**parts, redis_sentinel_password=PASSWORD)) as client,
        pytest.raises(redis.ConnectionError, match="No master found for 'other'"),
    ):
        client.ping()
