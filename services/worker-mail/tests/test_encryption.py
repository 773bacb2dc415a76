"""TLS and logins: nothing goes out to a server that cannot prove its name."""

import ssl
import subprocess

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from penstock_contracts.mail import RegistrationConfirmation
from penstock_worker_mail.tasks import registration_confirmation

ANNA = RegistrationConfirmation(email="anna@example.com")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate of localhost: the folder with cert.pem and key.pem."""
    folder = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [
            *command.split(),
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            folder / "key.pem",
            "-out",
            folder / "cert.pem",
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def tls(certificate) -> ssl.SSLContext:
    """What the server shows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


@pytest.fixture
def trusted(certificate, monkeypatch) -> None:
    """Trust the certificate as an operator would: OpenSSL reads the variable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))


def knows_penstock(server, session, envelope, mechanism, login) -> AuthResult:
    assert isinstance(login, LoginPassword)
    return AuthResult(success=login == LoginPassword(b"penstock", b"right"), handled=False)


@pytest.mark.usefixtures("trusted")
def test_a_mail_goes_out_over_starttls(run, mail_settings, start, server, tls):
    port = start(server, tls_context=tls, require_starttls=True).port
    settings = mail_settings(smtp_host="localhost", smtp_port=port, smtp_tls="starttls")
    assert run(registration_confirmation(settings), ANNA).state == "succeeded"
    assert len(server.mails) == 1


@pytest.mark.usefixtures("trusted")
def test_a_mail_goes_out_over_tls_from_the_first_byte(run, mail_settings, start, server, tls):
    port = start(server, ssl_context=tls).port
    settings = mail_settings(smtp_host="localhost", smtp_port=port, smtp_tls="tls")
    assert run(registration_confirmation(settings), ANNA).state == "succeeded"
    assert len(server.mails) == 1


def test_a_server_with_an_unknown_certificate_gets_nothing(run, mail_settings, start, server, tls):
    port = start(server, tls_context=tls).port
    settings = mail_settings(smtp_host="localhost", smtp_port=port, smtp_tls="starttls")
    job = run(registration_confirmation(settings), ANNA)
    assert (job.state, job.error["code"]) == ("accepted", "mail_tls_failed")
    assert server.envelopes == []


@pytest.mark.usefixtures("trusted")
def test_a_server_with_another_name_gets_nothing(run, mail_settings, start, server, tls):
    port = start(server, tls_context=tls).port
    settings = mail_settings(smtp_host="127.0.0.1", smtp_port=port, smtp_tls="starttls")
    job = run(registration_confirmation(settings), ANNA)
    assert (job.state, job.error["code"]) == ("accepted", "mail_tls_failed")


def test_a_server_without_starttls_gets_nothing(run, mail_settings, server):
    job = run(registration_confirmation(mail_settings(smtp_tls="starttls")), ANNA)
    assert (job.state, job.error["code"]) == ("accepted", "mail_tls_failed")
    assert server.envelopes == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("password", "state"), [("right", "succeeded"), ("wrong", "accepted")])
def test_a_wrong_login_loses_no_mail(run, mail_settings, start, server, tls, password, state):
    port = start(server, tls_context=tls, authenticator=knows_penstock, auth_required=True).port
    settings = mail_settings(
        smtp_host="localhost",
        smtp_port=port,
        smtp_tls="starttls",
        smtp_username="penstock",
        smtp_password=password,
    )
    job = run(registration_confirmation(settings), ANNA)
    assert job.state == state
    if password == "wrong":
        assert job.error == {
            "code": "mail_login_refused",
            "message": "the mail server refused our login (535)",
        }
