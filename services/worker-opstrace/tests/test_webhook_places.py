"""Whom the worker calls, and whom it does not, whatever the URL or a name server says."""

import socket
import ssl
from collections.abc import Callable

import pytest

from penstock_runtime.errors import Rejected, Retryable
from penstock_worker_opstrace.addresses import Place, check_places, look_up
from penstock_worker_opstrace.post import Call, post

DeliverTo = Callable[..., int]

SPELLINGS = """
127.0.0.1 2130706433 0x7f000001 0x7f.1 017700000001 127.1 %31%32%37.0.0.1 １２７.0.0.1 0 localhost LOCALHOST localhost.
a.localhost [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [64:ff9b::7f00:1] [2002:7f00:1::]
169.254.169.254 [fd00:ec2::254] 10.0.0.1 192.168.1.1 172.16.0.1 100.64.0.1 [fe80::1] 224.0.0.1 255.255.255.255
"""


@pytest.mark.parametrize("host", SPELLINGS.split())
def test_what_is_not_public_is_refused_in_every_spelling(host: str, call: DeliverTo, start) -> None:
    receiver = start()
    with pytest.raises(Rejected, match="is not a public address") as caught:
        call(f"http://{host}:{receiver.port}/", webhook_allowed_networks="192.0.2.0/24")
    assert caught.value.code == "webhook_refused"
    assert receiver.requests == []


def test_what_a_look_up_leads_to_is_refused_without_saying_where_that_is() -> None:
    """127.1 is no address to a reader of URLs, but every resolver knows it: a name that leads to 127.0.0.1."""
    with pytest.raises(Rejected, match=r"^127\.1 is not a public address") as caught:
        look_up("http://127.1/", ())
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.parametrize("private", ["10.0.0.1", "::1", "fe80::1%eth0"])
def test_a_name_is_refused_where_one_of_its_addresses_is_not_public(private: str) -> None:
    families = {address: socket.AF_INET6 if ":" in address else socket.AF_INET for address in ("8.8.8.8", private)}
    places = [Place(family, (address, 443)) for address, family in families.items()]
    check_places("hook.example", places[:1], ())
    with pytest.raises(Rejected, match=r"hook\.example is not a public address"):
        check_places("hook.example", places, ())


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 64 + ".example"])
def test_a_name_that_leads_nowhere_is_tried_again(host: str, call: DeliverTo) -> None:
    with pytest.raises(Retryable, match="no address was found") as caught:
        call(f"http://{host}/")
    assert caught.value.code == "webhook_unreachable"


@pytest.mark.parametrize("authority", ["hook.example", "hook.example:8080", "[2606:4700::abcd]"])
def test_the_place_that_was_checked_is_called_and_its_name_is_not_looked_up_again(
    authority: str, start, ops_settings
) -> None:
    receiver = start()
    places = [Place(socket.AF_INET, ("127.0.0.1", receiver.port))]
    call = Call(f"http://{authority}/", {}, b"{}")
    assert post(call, places, ops_settings(), ssl.create_default_context()).status == 204
    assert receiver.requests[0].headers["host"] == authority


def test_the_next_place_is_called_where_the_first_one_does_not_answer(start, ops_settings) -> None:
    gone, receiver = start(), start()
    gone.close()
    places = [Place(socket.AF_INET, ("127.0.0.1", one.port)) for one in (gone, receiver)]
    call = Call("http://hook.example/", {}, b"{}")
    assert post(call, places, ops_settings(), ssl.create_default_context()).status == 204
