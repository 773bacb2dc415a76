"""Which addresses a webhook may call, and with what it is signed."""

from base64 import b64decode
from ipaddress import ip_address, ip_network

import pytest

from penstock_runtime.errors import Rejected, SettingsError
from penstock_runtime.links import webhook_secret
from penstock_runtime.settings import Settings, load
from penstock_runtime.webhooks import Networks, check_url, may_be_called

PUBLIC = "8.8.8.8 1.1.1.1 223.5.5.5 2606:4700::1111 2400:3200::1 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1"
NOT_PUBLIC = """
0.0.0.0 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254 172.16.0.1
172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::a00:1
64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:2::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 3fff::1 5f00::1 fc00::1
fd00:ec2::254 fd20:ce::254 fe80::1 fec0::1 ff02::1 4000::1
"""


class Allowing(Settings):
    """Settings with networks in them."""

    webhook_allowed_networks: Networks = ()


@pytest.mark.parametrize("address", PUBLIC.split())
def test_a_public_address_may_be_called(address: str) -> None:
    assert may_be_called(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_another_address_may_not_be_called(address: str) -> None:
    assert not may_be_called(ip_address(address))


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("10.20.0.0", True),
        ("10.20.255.255", True),
        ("10.19.255.255", False),
        ("10.21.0.0", False),
        ("::ffff:10.20.0.1", True),
        ("64:ff9b::a14:1", True),
        ("fd12::1", True),
        ("fd13::1", False),
        ("127.0.0.1", False),
    ],
)
def test_what_the_operator_allows_may_be_called_and_nothing_beside_it(address: str, may: bool) -> None:
    allowed = (ip_network("10.20.0.0/16"), ip_network("fd12::/64"))
    assert may_be_called(ip_address(address), allowed) is may


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:7f00:1]", "localhost", "localhost.", "a.localhost"],
)
def test_a_url_that_names_such_an_address_itself_is_refused_at_once(host: str) -> None:
    with pytest.raises(Rejected, match="is not a public address") as caught:
        check_url(f"https://{host}:8443/hook?key=secret")
    assert caught.value.code == "webhook_refused"
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("host", ["example.com", "8.8.8.8", "[2606:4700::1111]", "localhost.example.com"])
def test_a_url_of_a_public_address_or_of_a_name_is_let_through(host: str) -> None:
    check_url(f"https://{host}/hook")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_url_in_an_allowed_network_is_let_through(host: str) -> None:
    check_url(f"http://{host}/", (ip_network("127.0.0.0/8"),))


def test_networks_are_read_from_one_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_WEBHOOK_ALLOWED_NETWORKS", "10.20.0.0/16, fd12::/64,127.0.0.1,")
    expected = (ip_network("10.20.0.0/16"), ip_network("fd12::/64"), ip_network("127.0.0.1/32"))
    assert load(Allowing).webhook_allowed_networks == expected


@pytest.mark.parametrize("value", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0;fd12::"])
def test_what_is_no_network_is_a_wrong_setting(value: str) -> None:
    with pytest.raises(SettingsError, match="PENSTOCK_WEBHOOK_ALLOWED_NETWORKS: must be networks"):
        load(Allowing, webhook_allowed_networks=value)


def test_a_tenants_secret_is_always_the_same_and_nobody_elses() -> None:
    first = webhook_secret("acme", "a key")
    assert first == webhook_secret("acme", "a key")
    assert len({first, webhook_secret("acm", "a key"), webhook_secret("acme", "another key")}) == 3
    assert first.startswith("whsec_")
    assert len(b64decode(first.removeprefix("whsec_"), validate=True)) == 32
