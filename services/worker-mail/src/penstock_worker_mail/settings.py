"""Where mail goes out, in whose name, and where its links lead."""

from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from penstock_runtime.settings import Settings

SHORTEST_KEY = 16
"""Characters of a secret key. Whoever guesses the key can confirm any address."""


class MailSettings(Settings):
    """The mail server and the links. Times are in seconds unless the name says otherwise."""

    secret_key: SecretStr = Field(SecretStr(""), description="signs the links; empty: one is made and kept")
    public_url: str = Field("http://127.0.0.1:8000", description="the API as the readers of mails reach it")
    registration_link_hours: int = Field(48, ge=1, le=720, description="how long a link is valid")

    mail_from: str = Field("Penstock <no-reply@localhost>", description="name and address of the sender")
    smtp_host: str = Field("127.0.0.1", min_length=1)
    smtp_port: int = Field(25, ge=1, le=65535)
    smtp_tls: Literal["none", "starttls", "tls"] = "none"
    smtp_username: str = Field("", description="without one there is no login")
    smtp_password: SecretStr = SecretStr("")
    smtp_timeout: float = Field(15, gt=0, le=60, description="to connect, and for each answer of the server")

    @field_validator("secret_key")
    @classmethod
    def _is_long(cls, key: SecretStr) -> SecretStr:
        if 0 < len(key.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(f"must have at least {SHORTEST_KEY} random characters, and be the API's own")
        return key

    @field_validator("public_url")
    @classmethod
    def _is_a_place(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be set to the API's public address, such as https://jobs.example.com")
        return url.rstrip("/")

    @field_validator("mail_from")
    @classmethod
    def _is_a_sender(cls, sender: str) -> str:
        try:
            # localhost and a company's own names are fine for a sender.
            _sender(sender)
        except (ValueError, MessageError):
            raise ValueError("must be an address, such as Penstock <no-reply@example.com>") from None
        return sender

    @model_validator(mode="after")
    def _keeps_the_password_private(self) -> Self:
        if self.smtp_username and self.smtp_tls == "none":
            raise ValueError("PENSTOCK_SMTP_TLS: must be starttls or tls where PENSTOCK_SMTP_USERNAME is set")
        return self

    @property
    def sender(self) -> Address:
        """Who the mails are from, with the domain in ASCII."""
        return _sender(self.mail_from)


def _sender(text: str) -> Address:
    # Not email-validator's rules for recipients: localhost and an organisation's own names will do here.
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not local or not text.isprintable():
        raise ValueError(text)
    return Address(name, addr_spec=f"{local}@{domain.encode('idna').decode()}")
