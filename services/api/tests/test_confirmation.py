import html
import re
from typing import Any

import httpx
import pytest
import sqlalchemy
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from penstock_runtime.links import sign_registration
from penstock_runtime.schema import accounts

SECRET = "a key that only tests know"
ADDRESS = "/registrations/confirm"


@pytest.fixture
def token() -> str:
    return sign_registration("li.wei@example.com", SECRET)


def confirmed(database: sqlalchemy.Engine) -> list[str]:
    with database.begin() as connection:
        return list(connection.execute(sqlalchemy.select(accounts.c.email)).scalars())


def expired_token() -> str:
    class LongAgo(TimestampSigner):
        def get_timestamp(self) -> int:
            return 1_000_000_000

    salt = "penstock registration confirmation"
    return str(URLSafeTimedSerializer(SECRET, salt=salt, signer=LongAgo).dumps("li.wei@example.com"))


def test_opening_the_link_shows_a_button_and_changes_nothing(
    api: FlaskClient, database: sqlalchemy.Engine, token: str
) -> None:
    for _ in range(3):
        page = api.get(f"{ADDRESS}?token={token}")
        assert page.status_code == 200

    assert "li.wei@example.com" in page.text
    assert '<form method="post"' in page.text
    assert confirmed(database) == []


def test_the_button_confirms_and_a_repeat_shows_the_same_page(
    api: FlaskClient, database: sqlalchemy.Engine, token: str
) -> None:
    form = api.get(f"{ADDRESS}?token={token}").text
    found = re.search(r'name="token" value="([^"]+)"', form)
    assert found
    first, second = (api.post(ADDRESS, data={"token": html.unescape(found[1])}) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.text == second.text
    assert confirmed(database) == ["li.wei@example.com"]


@pytest.mark.parametrize(
    ("accepts", "words", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "您的邮箱地址已确认", "zh-Hans"),
        ("en-US,en;q=0.9", "Your address is confirmed", "en"),
        ("fr", "Your address is confirmed", "en"),
        ("", "Your address is confirmed", "en"),
    ],
)
def test_the_page_speaks_the_readers_language(
    api: FlaskClient, token: str, accepts: str, words: str, language: str
) -> None:
    page = api.post(ADDRESS, data={"token": token}, headers={"Accept-Language": accepts})

    assert words in page.text
    assert page.headers["Content-Language"] == language
    assert f'<html lang="{language}">' in page.text


BAD_TOKENS = {
    "none": "",
    "anything": "anything",
    "one of another key": sign_registration("li.wei@example.com", "another key, of another place"),
    "a changed one": sign_registration("li.wei@example.com", SECRET)[:-1] + "\u00e9",
    "a long one": "x" * 5000,
    "markup": "<script>alert(1)</script>",
    "a NUL character": "\0",
}


@pytest.mark.parametrize("what", BAD_TOKENS)
def test_a_bad_token_gets_a_page_that_says_so(api: FlaskClient, database: sqlalchemy.Engine, what: str) -> None:
    opened = api.get(ADDRESS, query_string={"token": BAD_TOKENS[what]})
    pressed = api.post(ADDRESS, data={"token": BAD_TOKENS[what]})

    for page in (opened, pressed):
        assert page.status_code in (400, 422)
        assert page.content_type == "text/html; charset=utf-8"
        assert "<form" not in page.text
        assert "<script" not in page.text
    assert confirmed(database) == []


def test_an_expired_link_says_what_to_do(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    page = api.get(ADDRESS, query_string={"token": expired_token()})
    pressed = api.post(ADDRESS, data={"token": expired_token()})

    assert (page.status_code, pressed.status_code) == (410, 410)
    assert "Register again" in page.text
    assert confirmed(database) == []


def test_a_form_of_another_type_or_too_large_gets_a_page(api: FlaskClient) -> None:
    assert api.post(ADDRESS, json={"token": "x"}).status_code == 415
    assert api.post(ADDRESS, data={"token": "x" * 70_000}).status_code == 413


def test_the_page_can_run_nothing_and_is_not_kept(api: FlaskClient, token: str) -> None:
    headers = api.get(f"{ADDRESS}?token={token}").headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]


def test_no_log_holds_a_token(http: httpx.Client, server: Any, token: str) -> None:
    assert http.get(ADDRESS, params={"token": token}).status_code == 200
    assert http.post(ADDRESS, data={"token": token}).status_code == 200
    assert http.get(f"{ADDRESS}/{token}").status_code == 404
    log = server.log.read_text()

    assert '"route": "/registrations/confirm"' in log
    assert token not in log
    assert "li.wei" not in log
