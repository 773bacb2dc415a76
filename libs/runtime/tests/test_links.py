"""Links in mails: a signature proves the address, for a while."""

import pytest
from itsdangerous import URLSafeTimedSerializer
from pydantic import SecretStr

from penstock_runtime.errors import Rejected
from penstock_runtime.links import read_registration, sign_registration, signing_key, webhook_secret

KEY = "a key that only tests know"
EMAIL = "李@example.com"


def refusal(token, key=KEY, max_age=60):
    with pytest.raises(Rejected) as refused:
        read_registration(token, key, max_age)
    return refused.value.code


def test_a_link_proves_the_address_it_was_made_for():
    assert read_registration(sign_registration(EMAIL, KEY), KEY, max_age=60) == EMAIL


def test_a_token_can_stand_in_a_url_as_it_is():
    token = sign_registration(EMAIL, KEY)
    assert token.isascii()
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_an_old_link_has_expired():
    # One second in the future of a token's time is as good as one second of age.
    assert refusal(sign_registration(EMAIL, KEY), max_age=-1) == "link_expired"


@pytest.mark.parametrize("spoil", [lambda token: token[:-1], lambda token: token + "A", lambda token: "x" + token])
def test_a_link_that_was_changed_is_not_valid(spoil):
    assert refusal(spoil(sign_registration(EMAIL, KEY))) == "link_invalid"


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "\x00", "é" * 500])
def test_what_is_no_token_at_all_is_not_valid(token):
    assert refusal(token) == "link_invalid"


def test_a_link_of_another_installation_is_not_valid():
    assert refusal(sign_registration(EMAIL, "another key")) == "link_invalid"


def test_a_token_that_was_signed_for_another_purpose_is_not_valid():
    assert refusal(URLSafeTimedSerializer(KEY, salt="another purpose").dumps(EMAIL)) == "link_invalid"


def test_a_configured_key_is_used_as_it_is(database):
    assert signing_key(SecretStr(KEY), database) == KEY


def test_without_one_all_processes_agree_on_a_random_key_that_is_kept(database, at_once):
    keys = set(at_once(8, lambda _: signing_key(SecretStr(""), database)))
    assert len(keys) == 1
    assert len(keys.pop()) >= 43
    assert signing_key(SecretStr(""), database) == signing_key(SecretStr(""), database)


def test_a_webhook_secret_is_a_tenants_own_and_always_the_same():
    assert webhook_secret("a", KEY) == webhook_secret("a", KEY)
    assert webhook_secret("a", KEY).startswith("whsec_")
    assert len({webhook_secret("a", KEY), webhook_secret("b", KEY), webhook_secret("a", "another key")}) == 3
