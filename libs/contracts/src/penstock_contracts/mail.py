"""The mail queue: messages to people."""

from typing import Annotated, Literal

from pydantic import Field

from penstock_contracts.queues import MAIL
from penstock_contracts.task import Contract, Task


class RegistrationConfirmation(Contract):
    """Ask the owner of an address to confirm it. The link is signed by the worker, so no message carries a secret."""

    # RFC 5321 4.5.3.1.3 allows a path 256 octets with its angle brackets.
    email: Annotated[str, Field(min_length=3, max_length=254, description="whom to write to")]
    locale: Annotated[Literal["zh", "en"], Field(description="the mail's language")] = "zh"


class Sent(Contract):
    """The mail server took the message. One job has one Message-ID, however often it is sent."""

    message_id: Annotated[str, Field(description="RFC 5322, with its angle brackets")]


REGISTRATION_CONFIRMATION = Task("mail.registration_confirmation", MAIL, RegistrationConfirmation, Sent)
