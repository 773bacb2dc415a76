"""What is sent by SMTP is kept within bounds, and shown without harm."""

import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from penstock_cli.local.ports import free_port
from penstock_cli.mail_page.mailbox import Mailbox
from penstock_cli.mail_page.pages import page
from penstock_cli.mail_page.reading import read_mail


@dataclass(frozen=True)
class Sink:
    """A running mail page: where it takes mails, and a browser that looks at it."""

    smtp_port: int
    browser: httpx.Client
    folder: Path

    def send(self, message: EmailMessage | bytes) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=10) as client:
            content = message if isinstance(message, bytes) else message.as_bytes()
            client.sendmail("from@example.com", ["to@example.com"], content)


def wait_for_the_page(browser: httpx.Client) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            browser.get("/")
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    folder = tmp_path_factory.mktemp("mail")
    smtp_port, page_port = free_port(), free_port()
    command = [sys.executable, "-m", "penstock_cli.mail_page", "--folder", str(folder)]
    command += ["--smtp-port", str(smtp_port), "--page-port", str(page_port)]
    bounds = {"PENSTOCK_LOCAL_MAIL_BYTES": "20000", "PENSTOCK_LOCAL_MAILS": "3"}
    process = subprocess.Popen(command, env=bounds)
    with httpx.Client(base_url=f"http://127.0.0.1:{page_port}") as browser:
        wait_for_the_page(browser)
        yield Sink(smtp_port, browser, folder)
    process.terminate()
    assert process.wait(20) == 0


def registration() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Penstock <no-reply@example.com>"
    message["To"] = "王芳 <wang@example.com>"
    message["Subject"] = "欢迎注册我们的服务"
    message.set_content("请打开链接。")
    message.add_alternative('<p>请<a href="http://127.0.0.1/confirm">确认</a></p>', subtype="html")
    return message


def test_a_mail_that_was_sent_is_shown_with_its_text_its_html_and_its_source(sink: Sink) -> None:
    sink.send(registration())
    listed = sink.browser.get("/").text
    assert "欢迎注册我们的服务" in listed
    assert "王芳 &lt;wang@example.com&gt;" in listed
    address = listed.split('href="')[1].split('"')[0]
    shown = sink.browser.get(address).text
    assert "请打开链接。" in shown
    assert 'href="http://127.0.0.1/confirm"' in sink.browser.get(f"{address}/html").text
    raw = sink.browser.get(f"{address}/raw")
    assert raw.headers["content-type"] == "text/plain; charset=utf-8"
    assert b"Subject: =?utf-8?" in raw.content


def test_the_newest_mail_is_first_and_above_the_bound_the_oldest_is_gone(sink: Sink) -> None:
    for number in range(4):
        sink.send(f"Subject: number {number}\r\n\r\n".encode())
    listed = sink.browser.get("/").text
    places = [listed.find(f"number {number}") for number in (3, 2, 1)]
    assert -1 not in places
    assert places == sorted(places)
    assert "number 0" not in listed
    assert len(list(sink.folder.glob("*.eml"))) == 3


def test_a_mail_above_the_bound_is_refused(sink: Sink) -> None:
    with pytest.raises(smtplib.SMTPResponseException) as raised:
        sink.send(b"Subject: big\r\n\r\n" + b"x" * 70 * 200 + b"\r\n" + b"y" * 7000)
    assert raised.value.smtp_code == 552


def test_another_host_name_gets_nothing(sink: Sink) -> None:
    answer = sink.browser.get("/", headers={"Host": "rebound.example.com"})
    assert answer.status_code == 403
    assert "number" not in answer.text


def test_hostile_html_stands_in_a_sandbox_and_may_load_nothing(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path, most_mails=10, most_bytes=10_000)
    hostile = b"<script>alert(1)</script><img src=http://example.com/spy.png>"
    mail_id = mailbox.keep(b"Subject: </title><script>x</script>\r\nContent-Type: text/html\r\n\r\n" + hostile)
    shown = page(mailbox, f"/mails/{mail_id}").body.decode()
    assert "<script>" not in shown
    assert f'sandbox="allow-popups allow-popups-to-escape-sandbox" src="/mails/{mail_id}/html"' in shown
    frame = page(mailbox, f"/mails/{mail_id}/html")
    assert hostile in frame.body
    assert frame.policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'")
    assert "allow-scripts" not in frame.policy
    assert "<script>" not in page(mailbox, "/").body.decode()


@pytest.mark.parametrize("path", ["/mails/..%2f..%2fetc%2fpasswd", "/mails/../lock", "/mails/1", "/x", "/mails/1/html"])
def test_what_is_no_mail_is_not_found(tmp_path: Path, path: str) -> None:
    assert page(Mailbox(tmp_path, most_mails=10, most_bytes=10_000), path).status == 404


def test_above_its_bytes_the_folder_loses_its_oldest_mails_but_never_the_newest(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path, most_mails=10, most_bytes=250)
    kept = [mailbox.keep(b"x" * 100) for _ in range(3)]
    assert mailbox.ids() == [kept[2], kept[1]]
    large = mailbox.keep(b"x" * 1000)
    assert mailbox.ids() == [large]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe",
        b"Subject: =?no-such-charset?b?AAAA?=\r\n\r\n",
        b"Subject: =?utf-8?b?A?=\r\nFrom: =?utf-8?q?=FF?=\r\n\r\n",
        b"Content-Type: text/html; charset=no-such\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n",
        b"Content-Type: text/plain; charset=\xff\r\n\r\nx",
        "Subject: 直接的 UTF-8\r\n\r\n文".encode(),
    ],
)
def test_no_mail_is_too_broken_to_be_read(content: bytes) -> None:
    assert read_mail(content).subject is not None


def test_utf_8_in_a_header_is_read_as_well_as_encoded_words() -> None:
    assert read_mail("Subject: 直接的\r\n\r\n".encode()).subject == "直接的"
    assert read_mail(registration().as_bytes()).subject == "欢迎注册我们的服务"
