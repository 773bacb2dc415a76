"""What becomes of a webhook by what its receiver answers, or does not."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from penstock_runtime.errors import Rejected, Retryable
from penstock_worker_opstrace.delivery import seconds

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

DeliverTo = Callable[..., int]


def says(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} So", *headers, "Content-Length: 2", "", "{}"]).encode()


def hangs(connection: socket.socket) -> None:
    """Say nothing until the caller leaves."""
    connection.recv(1)


def trickles(connection: socket.socket) -> None:
    """Begin an answer and never end it, a byte at a time."""
    pause = threading.Event()
    with suppress(OSError):
        while True:
            connection.sendall(b"H")
            pause.wait(0.02)


def never_ends(connection: socket.socket) -> None:
    """Take the webhook, and go on talking until the caller leaves."""
    with suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)


def vanishes(connection: socket.socket) -> None:
    """Leave without an answer."""


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_success(status: int, call: DeliverTo, start) -> None:
    assert call(start(says(status)).url) == status


@pytest.mark.parametrize("status", [199, 300, 400, 401, 404, 408, 425, 429, 500, 502, 503, 504])
def test_another_answer_is_a_failure_that_is_tried_again(status: int, call: DeliverTo, start) -> None:
    with pytest.raises(Retryable, match=f"127.0.0.1 answered {status}") as caught:
        call(start(says(status)).url)
    assert caught.value.code == "webhook_failed"


def test_410_ends_it_for_good(call: DeliverTo, start) -> None:
    with pytest.raises(Rejected, match=r"127\.0\.0\.1 answered 410") as caught:
        call(start(says(410)).url)
    assert caught.value.code == "webhook_gone"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, call: DeliverTo, start) -> None:
    private = start()
    with pytest.raises(Retryable, match="redirects are not followed"):
        call(start(says(status, f"Location: {private.url}")).url)
    assert private.requests == []


@pytest.mark.parametrize("silent", [hangs, trickles])
def test_a_receiver_that_does_not_answer_in_time_is_left(silent, call: DeliverTo, start) -> None:
    with pytest.raises(Retryable, match=r"127\.0\.0\.1 did not answer in time") as caught:
        call(start(silent).url, webhook_timeout=0.3)
    assert caught.value.code == "webhook_unreachable"


@pytest.mark.parametrize("answer", [vanishes, b"", b"220 mail.example ESMTP\r\n", b"HTTP/1.1 OK\r\n\r\n"])
def test_what_is_no_answer_is_tried_again(answer, call: DeliverTo, start) -> None:
    with pytest.raises(Retryable, match=r"127\.0\.0\.1 did not answer") as caught:
        call(start(answer).url)
    assert caught.value.code == "webhook_unreachable"


def test_a_port_without_a_server_is_tried_again(call: DeliverTo, start) -> None:
    receiver = start()
    receiver.close()
    with pytest.raises(Retryable, match="ConnectionRefusedError"):
        call(receiver.url)


@pytest.mark.parametrize("answer", [says(500), says(302), says(410), vanishes])
def test_no_message_repeats_the_path(answer, call: DeliverTo, start) -> None:
    with pytest.raises((Rejected, Retryable)) as caught:
        call(start(answer).url)
    assert "hook" not in caught.value.message


@pytest.mark.parametrize(
    "answer",
    [
        never_ends,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\ntoo little",
        b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n",
    ],
)
def test_a_body_changes_nothing(answer, call: DeliverTo, start) -> None:
    assert call(start(answer).url) == 200


def test_a_body_that_does_not_come_in_time_changes_nothing(call: DeliverTo, start) -> None:
    def takes_it_and_hangs(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        hangs(connection)

    assert call(start(takes_it_and_hangs).url, webhook_timeout=0.3) == 200


def test_an_answer_is_read_up_to_its_bound(call: DeliverTo, start) -> None:
    status, before = b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\n"
    before = before.replace(b"Continue", b"Continue" + b"e" * (2048 - len(status + before)))
    receiver = start(before + status + b" OK\r\n\r\n")
    assert call(receiver.url, webhook_answer_bytes=2048) == 200
    with pytest.raises(Retryable):
        call(receiver.url, webhook_answer_bytes=2047)


@pytest.mark.parametrize(
    ("status", "header", "waits"),
    [(429, "30", 30), (503, "60", 60), (503, "61", 60), (500, "30", 0), (503, "soon", 0), (503, "-5", 0)],
)
def test_retry_after_is_heeded_up_to_its_bound(status: int, header: str, waits: int, call: DeliverTo, start) -> None:
    with pytest.raises(Retryable) as caught:
        call(start(says(status, f"Retry-After: {header}")).url, webhook_retry_after=60)
    assert caught.value.after == waits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", 120),
        ("Fri, 01 May 2026 12:01:30 GMT", 90),
        ("Friday, 01-May-26 12:01:30 GMT", 90),
        ("Fri, 01 May 2026 11:00:00 GMT", 0),
        ("Fri, 01 May 99999999999 12:00:00 GMT", 0),
        ("Fri, 01 May 2026 12:00:00 +99999999999999", 0),
        ("", 0),
        ("1e9", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, expected: int) -> None:
    assert seconds(text, NOON) == expected
