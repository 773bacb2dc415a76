"""A webhook's URL: which are taken, and the one spelling they are kept in."""

import pytest
from pydantic import TypeAdapter, ValidationError

from penstock_contracts.webhook_url import LONGEST_URL, WebhookUrl

URL: TypeAdapter[str] = TypeAdapter(WebhookUrl)
START = "https://example.com/"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://Example.COM", "https://example.com/"),
        ("https://example.com:443/hook?a=b", "https://example.com/hook?a=b"),
        ("http://example.com:8080/hook", "http://example.com:8080/hook"),
        ("http://bücher.example/ü x", "http://xn--bcher-kva.example/%C3%BC%20x"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://１２７.0.0.1/", "http://127.0.0.1/"),
        ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
        ("http:\\\\example.com\\@10.0.0.1/", "http://example.com/@10.0.0.1/"),
        ("https://example.com/\r\nHost: other", "https://example.com/Host:%20other"),
    ],
)
def test_a_url_is_kept_in_one_spelling(given: str, kept: str) -> None:
    assert URL.validate_python(given) == kept
    assert URL.validate_python(kept) == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://",
        "https://example.com:99999/",
        "http://256.256.256.256/",
        "http://[::1",
        "http://exa mple.com/",
        "https://anna@example.com/",
        "https://anna:secret@example.com/",
        "https://:secret@example.com/",
        "https://example.com/\ud800",
    ],
)
def test_what_is_no_web_address_or_holds_a_login_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        URL.validate_python(url)
    [error] = caught.value.errors(include_input=False, include_url=False, include_context=False)
    assert "secret" not in error["msg"]
    assert "example.com" not in error["msg"].replace("such as https://example.com/hook", "")


def test_a_url_may_be_as_long_as_its_bound() -> None:
    longest = START + "a" * (LONGEST_URL - len(START))
    assert URL.validate_python(longest) == longest
    with pytest.raises(ValidationError, match="at most 2000 characters"):
        URL.validate_python(longest + "a")


def test_the_bound_holds_for_the_spelling_that_is_kept() -> None:
    short = START + "图" * (LONGEST_URL // 9)
    with pytest.raises(ValidationError, match="at most 2000 characters once it is percent-encoded"):
        URL.validate_python(short)
