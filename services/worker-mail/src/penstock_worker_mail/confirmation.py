"""A registration becomes a message: pure, no clock and no network."""

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from uuid import NAMESPACE_URL, uuid5

from jinja2 import Environment, PackageLoader, StrictUndefined

from penstock_worker_mail.letters import FRAMES, Letter, Locale

_templates = Environment(
    loader=PackageLoader("penstock_worker_mail"),
    autoescape=lambda name: name is not None and name.endswith(".html"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


@dataclass(frozen=True)
class Envelope:
    """What the headers say. `recipient` has its domain in ASCII; `at` carries its offset from UTC."""

    sender: Address
    recipient: str
    message_id: str
    at: datetime


def message_id(job_id: str, domain: str) -> str:
    """The Message-ID of a job: the same at each attempt, so that a mail sent twice can be told for one.

    A job's id may be any text of a Celery client, so it does not stand in the header itself.
    """
    return f"<{uuid5(NAMESPACE_URL, f'penstock:mail:{job_id}')}@{domain}>"


def compose(letter: Letter, locale: Locale, *, envelope: Envelope, address: str, link: str, hours: int) -> EmailMessage:
    """The message with a plain-text part and an HTML part. Its bytes are ASCII whatever the language."""
    words = {"address": address, "hours": hours, "hours_in_words": f"{hours} hour{'' if hours == 1 else 's'}"}
    page = {
        "letter": letter,
        "frame": FRAMES[locale],
        "before": [paragraph.format_map(words) for paragraph in letter.before],
        "after": [paragraph.format_map(words) for paragraph in letter.after],
        "link": link,
    }
    message = EmailMessage(policy.SMTP)
    message["Subject"] = letter.subject
    message["From"] = envelope.sender
    name, _, domain = envelope.recipient.rpartition("@")
    message["To"] = Address(username=name, domain=domain)  # addr_spec= refuses a name beyond ASCII
    message["Date"] = envelope.at
    message["Message-ID"] = envelope.message_id
    message["Auto-Submitted"] = "auto-generated"
    # Not 8bit, which a server may not take (RFC 6152).
    message.set_content(_templates.get_template("letter.txt").render(page), cte="quoted-printable")
    html = _templates.get_template("letter.html").render(page)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message
