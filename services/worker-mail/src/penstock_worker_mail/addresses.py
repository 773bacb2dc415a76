"""An address as somebody typed it becomes one that a mail can be sent to."""

from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from penstock_runtime.errors import Rejected


@dataclass(frozen=True)
class Recipient:
    """One address in its two spellings.

    address: its normal form, under which an account is kept: domain in small letters and Unicode.
    wire: as it stands in a message and towards a server: domain in ASCII (punycode). What is beyond ASCII
    then is the part before the @, which needs a server with SMTPUTF8 (RFC 6531).
    """

    address: str
    wire: str


def recipient(typed: str) -> Recipient:
    """Whom `typed` names, going by the syntax alone: no name server is asked.

    Raises Rejected (invalid_address).
    """
    try:
        valid = validate_email(typed, strict=True, check_deliverability=False)
    except EmailNotValidError as error:
        raise Rejected(f"no mail can be sent to this address: {error}", code="invalid_address") from None
    return Recipient(valid.normalized, f"{valid.local_part}@{valid.ascii_domain}")
