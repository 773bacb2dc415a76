"""The pages that show the mails. A mail is hostile: its HTML stands in a frame without scripts or loading."""

from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader

from penstock_cli.mail_page.mailbox import Mailbox
from penstock_cli.mail_page.reading import read_mail, received_at

HEAD_BYTES = 64 * 1024
"""How much of each mail the list reads."""

OWN_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"
)
MAIL_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
)
"""For a mail's own HTML: no script, no form, nothing loaded from anywhere. A link opens in a new window."""

_templates = Environment(loader=PackageLoader("penstock_cli.mail_page", "pages"), autoescape=True)


@dataclass(frozen=True)
class Page:
    """An answer to a GET."""

    status: int
    body: bytes
    media_type: str = "text/html; charset=utf-8"
    policy: str = OWN_POLICY


def page(mailbox: Mailbox, path: str) -> Page:
    """The page at `path`: `/`, `/mails/<id>`, `/mails/<id>/html`, `/mails/<id>/raw`; else 404."""
    match path.partition("?")[0].strip("/").split("/"):
        case [""]:
            return _list(mailbox)
        case ["mails", mail_id, *rest] if (content := mailbox.read(mail_id)) is not None:
            match rest:
                case []:
                    known = {"mail_id": mail_id, "at": received_at(mail_id), "size": len(content)}
                    return _rendered("mail.html", mail=read_mail(content), **known)
                case ["html"]:
                    # Links open in a new window, as the frame itself may not leave.
                    body = f'<base target="_blank">{read_mail(content).html or ""}'
                    return Page(200, body.encode("utf-8", "replace"), policy=MAIL_POLICY)
                case ["raw"]:
                    return Page(200, content, "text/plain; charset=utf-8")
    return Page(404, b"there is no such page", "text/plain; charset=utf-8")


def _list(mailbox: Mailbox) -> Page:
    rows = []
    for mail_id in mailbox.ids():
        head = mailbox.read(mail_id, first=HEAD_BYTES)
        if head is not None:
            rows.append({"id": mail_id, "at": received_at(mail_id), "mail": read_mail(head)})
    return _rendered("list.html", rows=rows, most=mailbox.most_mails)


def _rendered(template: str, **values: object) -> Page:
    return Page(200, _templates.get_template(template).render(**values).encode("utf-8", "replace"))
