"""A wrong setting stops the start with one line that names it."""

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from penstock_runtime.errors import SettingsError
from penstock_runtime.links import signing_key
from penstock_runtime.settings import load
from penstock_worker_mail.settings import SHORTEST_KEY, MailSettings

GOOD = {"secret_key": "k" * 16, "public_url": "https://jobs.example.com"}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"secret_key": "k" * 15}, "PENSTOCK_SECRET_KEY"),
        ({"public_url": ""}, "PENSTOCK_PUBLIC_URL"),
        ({"public_url": "jobs.example.com"}, "PENSTOCK_PUBLIC_URL"),
        ({"public_url": "javascript:alert(1)"}, "PENSTOCK_PUBLIC_URL"),
        ({"public_url": "https://jobs.example.com/?a=b"}, "PENSTOCK_PUBLIC_URL"),
        ({"mail_from": "nobody"}, "PENSTOCK_MAIL_FROM"),
        ({"mail_from": "Penstock <a@b.example>\nBcc: eve@example.com"}, "PENSTOCK_MAIL_FROM"),
        ({"smtp_tls": "yes"}, "PENSTOCK_SMTP_TLS"),
        ({"smtp_username": "penstock"}, "PENSTOCK_SMTP_TLS"),
        ({"smtp_timeout": 61}, "PENSTOCK_SMTP_TIMEOUT"),
        ({"registration_link_hours": 721}, "PENSTOCK_REGISTRATION_LINK_HOURS"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(wrong, named):
    with pytest.raises(SettingsError) as caught:
        load(MailSettings, **GOOD | wrong)
    assert caught.value.message.startswith(f"{named}: ")
    assert "\n" not in caught.value.message


def test_a_key_that_is_too_short_is_not_shown():
    with pytest.raises(SettingsError) as caught:
        load(MailSettings, **GOOD | {"secret_key": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_the_least_settings_are_a_key_and_a_place():
    settings = load(MailSettings, **GOOD | {"public_url": "https://jobs.example.com/penstock/"})
    assert settings.public_url == "https://jobs.example.com/penstock"
    assert settings.sender.addr_spec == "no-reply@localhost"


def test_a_senders_name_and_domain_may_be_chinese():
    sender = load(MailSettings, **GOOD | {"mail_from": "青溪服务 <info@例子.中国>"}).sender
    assert (sender.display_name, sender.addr_spec) == ("青溪服务", "info@xn--fsqu00a.xn--fiqs8s")


def test_without_a_secret_key_one_is_made_and_kept_for_all_processes(database: Engine) -> None:
    assert load(MailSettings, public_url="https://jobs.example.com").secret_key.get_secret_value() == ""
    made = signing_key(SecretStr(""), database)
    assert len(made) > SHORTEST_KEY
    assert signing_key(SecretStr(""), database) == made
    assert signing_key(SecretStr("k" * 16), database) == "k" * 16
