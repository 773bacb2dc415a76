"""A consumer that Redis tells of a message while it waits: in the clear and over TLS, with gevent and without."""

import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from tls import TlsPort, make_certificate

WAIT = """
import sys
if sys.argv[2] == "gevent":
    from gevent import monkey
    monkey.patch_all()

from threading import Timer
from kombu import Connection, Queue

def send():
    with Connection(sys.argv[1]) as connection:
        connection.Producer().publish("x" * 20_000, routing_key="shop")

never = {"poll_interval": 3600}
with Connection(sys.argv[1], transport="penstock_runtime.transport:Transport", transport_options=never) as connection:
    queue = Queue("shop", channel=connection.default_channel)
    queue.declare()
    with connection.Consumer([queue], callbacks=[lambda body, message: print(len(body))], no_ack=True):
        for _ in range(2):
            Timer(0.2, send).start()
            connection.drain_events(timeout=30)
"""


@pytest.fixture
def secure_url(redis_url, tmp_path):
    """The same Redis, over TLS."""
    certificate = make_certificate(tmp_path)
    port = TlsPort(certificate, urlsplit(redis_url).port)
    yield f"rediss://localhost:{port.port}/0?ssl_cert_reqs=required&ssl_ca_certs={certificate.file}"
    port.close()


@pytest.mark.parametrize("sockets", ["gevent", "native"])
@pytest.mark.parametrize("url", ["redis_url", "secure_url"])
def test_a_message_that_comes_while_a_consumer_waits_is_delivered_though_it_does_not_look(
    url, sockets, request, broker
):
    command = [sys.executable, "-c", WAIT, request.getfixturevalue(url), sockets]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["20000", "20000"]
