"""What the mails say, without a server."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage

import pytest

from penstock_runtime.errors import Rejected
from penstock_worker_mail.addresses import recipient
from penstock_worker_mail.confirmation import Envelope, compose, message_id
from penstock_worker_mail.letters import CONFIRM, KNOWN, Locale

LINK = "https://jobs.example.com/registrations/confirm?token=ImFubmEi.abc_d-e"
SENDER = Address("青溪服务", "no-reply", "jobs.example.com")


def composed(locale: Locale, *, letter=CONFIRM, to: str = "anna@example.com", hours: int = 48) -> EmailMessage:
    """The mail as its reader gets it: over the wire and parsed."""
    envelope = Envelope(SENDER, to, message_id("a", "example.com"), datetime(2026, 3, 1, 9, tzinfo=UTC))
    message = compose(letter[locale], locale, envelope=envelope, address=to, link=LINK, hours=hours)
    return message_from_bytes(message.as_bytes(), policy=policy.default)


def text_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return part.get_content()


def test_the_chinese_mail_welcomes_in_its_subject():
    assert composed("zh")["Subject"] == "欢迎注册我们的服务"


def test_the_english_mail_asks_to_confirm_in_its_subject():
    assert composed("en")["Subject"] == "Welcome: please confirm your registration"


@pytest.mark.parametrize("locale", ["zh", "en"])
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_both_parts_carry_the_link_the_address_and_how_long_the_link_is_valid(locale, kind):
    text = text_of(composed(locale), kind)
    assert LINK in text
    assert "anna@example.com" in text
    assert "48 小时" in text if locale == "zh" else "48 hours" in text


def test_one_hour_is_not_hours():
    assert "for 1 hour." in text_of(composed("en", hours=1), "plain")


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_who_has_an_account_is_told_so_and_nothing_about_confirming(locale):
    mail = composed(locale, letter=KNOWN)
    assert mail["Subject"] == KNOWN[locale].subject
    assert CONFIRM[locale].button not in text_of(mail, "html")


def test_the_headers_name_sender_date_and_machine():
    mail = composed("zh")
    assert mail["From"] == "青溪服务 <no-reply@jobs.example.com>"
    assert mail["Date"] == "Sun, 01 Mar 2026 09:00:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_message_id_is_the_jobs_own_at_each_attempt():
    assert message_id("a", "example.com") == message_id("a", "example.com") != message_id("b", "example.com")


def test_a_job_id_with_line_breaks_adds_no_header():
    assert "\n" not in message_id("a\r\nBcc: x@example.com", "example.com")


def test_a_message_is_ascii_and_its_lines_are_short_enough_for_every_server():
    envelope = Envelope(SENDER, "anna@example.com", message_id("a", "b.c"), datetime.now(UTC))
    message = compose(CONFIRM["zh"], "zh", envelope=envelope, address="王@b.c", link=LINK * 20, hours=1)
    content = message.as_bytes()
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998  # RFC 5322 2.1.1


def test_an_address_with_markup_is_text_in_html():
    mail = composed("en", to="<b>&'@example.com")
    assert "<b>&'@" not in text_of(mail, "html")
    assert "&lt;b&gt;&amp;&#39;@example.com" in text_of(mail, "html")


@pytest.mark.parametrize(
    "typed",
    [
        "anna",
        "anna@",
        "@example.com",
        "anna@example.com\r\nBcc: eve@example.com",
        "anna@example.com\n",
        "a@b@example.com",
        "anna@localhost",
        "anna@exa mple.com",
        "Anna <anna@example.com>",
        "a" * 65 + "@example.com",
    ],
)
def test_what_is_no_address_is_rejected(typed):
    with pytest.raises(Rejected) as caught:
        recipient(typed)
    assert caught.value.code == "invalid_address"


def test_a_domain_is_kept_in_unicode_and_sent_in_ascii():
    to = recipient("anna@Bücher.example")
    assert (to.address, to.wire) == ("anna@bücher.example", "anna@xn--bcher-kva.example")
    assert recipient(to.wire).address == to.address
