"""What people see of a mail. Mails come from anywhere: nothing in one makes this fail."""

import email
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message


@dataclass(frozen=True)
class Mail:
    """A mail's headers and its first text and HTML parts, decoded; what cannot be decoded is replaced."""

    sender: str
    to: str
    subject: str
    text: str | None
    html: str | None


def read_mail(content: bytes) -> Mail:
    """The mail in these bytes, whatever they are."""
    message = email.message_from_bytes(content)
    return Mail(
        sender=_header(message, "from"),
        to=_header(message, "to"),
        subject=_header(message, "subject"),
        text=_part(message, "text/plain"),
        html=_part(message, "text/html"),
    )


def received_at(mail_id: str) -> datetime:
    """When the mail of this id came in."""
    return datetime.fromtimestamp(int(mail_id.partition("-")[0]) / 1e9, tz=UTC)


def _header(message: Message, name: str) -> str:
    # Raw, for a header may hold UTF-8 (RFC 6532) as well as encoded words (RFC 2047).
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name), "")
    value = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, ValueError, LookupError):  # a broken encoded word, an unknown character set
        return value


def _part(message: Message, media_type: str) -> str | None:
    for part in message.walk():
        if part.get_content_type() == media_type and part.get_content_disposition() != "attachment":
            content = part.get_payload(decode=True)
            body = content if isinstance(content, bytes) else b""
            try:
                return body.decode(part.get_content_charset("utf-8"), "replace")
            except LookupError:
                return body.decode("utf-8", "replace")
    return None
