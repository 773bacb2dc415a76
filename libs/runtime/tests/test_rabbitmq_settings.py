"""Settings that lead to RabbitMQ."""

import pytest

from penstock_runtime.errors import SettingsError
from penstock_runtime.settings import RuntimeSettings, load

LEDGER = "postgresql://ledger/jobs"


def test_rabbitmq_is_named_by_its_parts_or_by_its_url_and_then_redis_is_not_used():
    parts = {
        "rabbitmq_host": "fe80::1",
        "rabbitmq_username": "a:b",
        "rabbitmq_password": "@:/#[%",
        "rabbitmq_vhost": "/",
    }
    made = load(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER, **parts)
    assert made.broker_url == "amqp://a%3Ab:%40%3A%2F%23%5B%25@[fe80::1]:5672/%2F"
    assert made.uses_rabbitmq
    encrypted = load(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER, **parts, rabbitmq_tls=True, rabbitmq_port=5671)
    assert encrypted.broker_url.startswith("amqps://")
    named = load(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER, CELERY_BROKER_URL="amqp://u:p@host/shop")
    assert (named.broker_url, named.uses_rabbitmq) == ("amqp://u:p@host/shop", True)
    assert not load(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER).uses_rabbitmq


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"CELERY_BROKER_URL": "amqp://a:hunter2@b;amqp://c"}, "CELERY_BROKER_URL: names several servers"),
        (
            {"CELERY_BROKER_URL": "amqp://a:hunter2@b", "rabbitmq_tls": True},
            "PENSTOCK_RABBITMQ_TLS: is on, and CELERY_BROKER_URL begins with amqp://",
        ),
        ({"rabbitmq_host": "b", "rabbitmq_tls_ca": "/none"}, "PENSTOCK_RABBITMQ_TLS_CA: cannot read /none"),
        ({"rabbitmq_port": 0}, "PENSTOCK_RABBITMQ_PORT: "),
        (
            {"rabbitmq_host": "b", "rabbitmq_timeout": 4, "publish_timeout": 10},
            "PENSTOCK_PUBLISH_TIMEOUT: must be at least three times PENSTOCK_RABBITMQ_TIMEOUT",
        ),
    ],
)
def test_a_wrong_one_is_named_in_one_line_without_its_value(wrong, said):
    with pytest.raises(SettingsError, match=said) as error:
        load(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER, **wrong)
    assert "hunter2" not in error.value.message
    assert "\n" not in error.value.message
