"""TLS: nothing goes out to a receiver that cannot prove the URL's name."""

import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock_runtime.errors import Retryable
from penstock_worker_opstrace.addresses import Place
from penstock_worker_opstrace.post import Call, post
from penstock_worker_opstrace.settings import OpsTraceSettings


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of hook.example: the folder with cert.pem and key.pem."""
    folder = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hook.example"
    names = ["-addext", "subjectAltName=DNS:hook.example"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return folder


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """What a receiver with that certificate shows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the certificate as an operator would: OpenSSL reads the variable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))


@pytest.fixture
def call_port(ops_settings: Callable[..., OpsTraceSettings]) -> Callable[..., int]:
    """Call a port of this machine by a URL that no name server knows."""

    def post_to(url: str, port: int, **values: float) -> int:
        places = [Place(socket.AF_INET, ("127.0.0.1", port))]
        return post(Call(url, {}, b"{}"), places, ops_settings(**values), ssl.create_default_context()).status

    return post_to


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("authority", ["hook.example", "hook.example.", "hook.example:8443"])
def test_a_certificate_counts_for_the_urls_name_and_not_for_the_place(authority: str, call_port, start, tls) -> None:
    receiver = start(tls=tls)
    assert call_port(f"https://{authority}/", receiver.port) == 204
    assert receiver.requests[0].headers["host"] == authority


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
def test_a_certificate_of_another_name_gets_nothing(host: str, call_port, start, tls) -> None:
    receiver = start(tls=tls)
    with pytest.raises(Retryable, match=f"to {host}: .*mismatch") as caught:
        call_port(f"https://{host}/", receiver.port)
    assert caught.value.code == "webhook_tls_failed"
    assert receiver.requests == []


def test_an_unknown_certificate_gets_nothing(call_port, start, tls) -> None:
    receiver = start(tls=tls)
    with pytest.raises(Retryable, match="self-signed") as caught:
        call_port("https://hook.example/", receiver.port)
    assert caught.value.code == "webhook_tls_failed"
    assert receiver.requests == []


def test_a_receiver_that_speaks_no_tls_gets_nothing(call_port) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain, pytest.raises(Retryable, match="in time"):
        call_port("https://hook.example/", plain.getsockname()[1], webhook_timeout=0.3)
