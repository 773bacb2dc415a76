"""The mail server: a message goes to it, and what it answers becomes our errors."""

import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from typing import Any

import structlog

from penstock_runtime.errors import PenstockError, Rejected, Retryable
from penstock_worker_mail.settings import MailSettings

log = structlog.get_logger(__name__)

AUTHENTICATION_REQUIRED = 530
"""The server wants a login first (RFC 4954 6): our settings are at fault, not the recipient."""


class _Asking(smtplib.SMTP):
    """Calls `before_data` when the server has taken the recipient and the message is about to go out."""

    def __init__(self, *args: Any, before_data: Callable[[], None], **options: Any) -> None:
        self._before_data = before_data
        super().__init__(*args, **options)

    def data(self, msg: Any) -> Any:
        self._before_data()
        return super().data(msg)


class _AskingTls(_Asking, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


def send(message: EmailMessage, recipient: str, settings: MailSettings, before_data: Callable[[], None]) -> None:
    """Hand `message` to the mail server, which from then on answers for it. `smtp_timeout` bounds each wait.

    before_data: the last chance to stop it, which is to raise; nothing has been sent then.

    Raises Rejected where the server refuses this mail or its recipient for good (recipient_refused,
    message_refused, address_unsupported), and Retryable for all that may pass or that the operator has to
    put right (login, sender, certificate). A server that vanishes with the message in its hands may have
    taken it: the mail is sent again, under the same Message-ID.
    """
    refusal = _attempt(message, recipient, settings, before_data)
    # Raised here and not where it is caught: the server's own words, which may quote the link in the message,
    # would travel along as the error's context.
    if refusal is not None:
        raise refusal


def _attempt(
    message: EmailMessage, recipient: str, settings: MailSettings, before_data: Callable[[], None]
) -> PenstockError | None:
    try:
        connection = _connect(settings, before_data)
        try:
            _encrypt_and_log_in(connection, settings)
            connection.send_message(message, settings.sender.addr_spec, [recipient])
            with suppress(smtplib.SMTPException, OSError):  # it has the message already
                connection.quit()
        finally:
            connection.close()
    except ssl.SSLError as error:
        log.error("mail_tls_failed", host=settings.smtp_host, reason=error.reason)
        return Retryable("there is no trusted TLS connection to the mail server", code="mail_tls_failed")
    except (smtplib.SMTPException, OSError) as error:
        return _understood(error, recipient, settings)
    return None


def _connect(settings: MailSettings, before_data: Callable[[], None]) -> smtplib.SMTP:
    host, port = settings.smtp_host, settings.smtp_port
    # The name is told in EHLO. Without one smtplib looks up this machine's, and waits for the name server.
    name, timeout = settings.sender.domain, settings.smtp_timeout
    if settings.smtp_tls == "tls":
        context = ssl.create_default_context()
        return _AskingTls(host, port, name, timeout=timeout, context=context, before_data=before_data)
    return _Asking(host, port, name, timeout=timeout, before_data=before_data)


def _encrypt_and_log_in(connection: smtplib.SMTP, settings: MailSettings) -> None:
    connection.ehlo_or_helo_if_needed()
    if settings.smtp_tls == "starttls":
        if not connection.has_extn("starttls"):
            raise Retryable("the mail server does not offer STARTTLS", code="mail_tls_failed")
        connection.starttls(context=ssl.create_default_context())
        connection.ehlo_or_helo_if_needed()
    if settings.smtp_username:
        if not connection.has_extn("auth"):
            raise Retryable("the mail server does not offer a login", code="mail_login_refused")
        connection.login(settings.smtp_username, settings.smtp_password.get_secret_value())


def _understood(error: Exception, recipient: str, settings: MailSettings) -> PenstockError:
    """What an error of smtplib means for the mail: for good, or for later."""
    match error:
        case smtplib.SMTPNotSupportedError():
            return Rejected("the mail server takes no address beyond ASCII", code="address_unsupported")
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            return _recipient_refused(refused[recipient][0], settings)
        case smtplib.SMTPDataError(smtp_code=code) if _is_final(code):
            return Rejected(f"the mail server refused the message ({code})", code="message_refused")
        case smtplib.SMTPSenderRefused(smtp_code=code) if _is_final(code):
            return _misconfigured("mail_sender_refused", "the mail server refused our sender", code, settings)
        case smtplib.SMTPAuthenticationError(smtp_code=code):
            return _misconfigured("mail_login_refused", "the mail server refused our login", code, settings)
        case smtplib.SMTPResponseException(smtp_code=code):
            return Retryable(f"the mail server put it off ({code})", code="mail_deferred")
        case _:
            reason = type(error).__name__
            return Retryable(f"the mail server did not answer ({reason})", code="mail_server_unreachable")


def _recipient_refused(code: int, settings: MailSettings) -> PenstockError:
    if code == AUTHENTICATION_REQUIRED:
        return _misconfigured("mail_login_refused", "the mail server wants a login", code, settings)
    if _is_final(code):
        return Rejected(f"the mail server refused the recipient ({code})", code="recipient_refused")
    return Retryable(f"the mail server put it off ({code})", code="mail_deferred")


def _is_final(code: int) -> bool:
    """Whether a reply refuses for good (RFC 5321 4.2.1). smtplib gives -1 for what is no reply at all."""
    return 500 <= code <= 599


def _misconfigured(code: str, message: str, reply: int, settings: MailSettings) -> Retryable:
    """Every mail fails like this one until the settings are put right: tell the operator, and lose none."""
    log.error(code, host=settings.smtp_host, port=settings.smtp_port, sender=settings.mail_from, reply=reply)
    return Retryable(f"{message} ({reply})", code=code)
