import hashlib
from datetime import UTC, datetime, timedelta

import sqlalchemy

from penstock_runtime.keys import LENGTH, PREFIX, create_key, find_key
from penstock_runtime.schema import api_keys


def test_a_key_is_found_by_its_secret_and_by_nothing_else(database: sqlalchemy.Engine) -> None:
    with database.begin() as connection:
        key_id, secret = create_key(connection, "a tenant", "laptop")
        key = find_key(connection, secret)

        assert key is not None
        assert (key.id, key.tenant, key.name) == (key_id, "a tenant", "laptop")
        assert find_key(connection, secret[:-1]) is None
        assert find_key(connection, str(key_id)) is None


def test_the_database_does_not_hold_the_secret(database: sqlalchemy.Engine) -> None:
    with database.begin() as connection:
        key_id, secret = create_key(connection, "a tenant", "laptop")
        row = connection.execute(sqlalchemy.select(api_keys).where(api_keys.c.id == key_id)).one()

    assert secret not in str(row)
    assert row.hash == hashlib.sha256(secret.encode()).digest()


def test_secrets_are_as_long_as_they_are_said_to_be_and_never_the_same(database: sqlalchemy.Engine) -> None:
    with database.begin() as connection:
        secrets = {create_key(connection, "a tenant", "laptop")[1] for _ in range(20)}

    assert len(secrets) == 20
    assert {(len(secret), secret[:3]) for secret in secrets} == {(LENGTH, PREFIX)}


def test_an_expired_and_a_revoked_key_are_not_found(database: sqlalchemy.Engine) -> None:
    with database.begin() as connection:
        _, expired = create_key(connection, "a tenant", "old", datetime.now(UTC) - timedelta(seconds=1))
        _, valid = create_key(connection, "a tenant", "new", datetime.now(UTC) + timedelta(hours=1))
        assert find_key(connection, expired) is None
        assert find_key(connection, valid) is not None
        connection.execute(api_keys.update().values(revoked_at=sqlalchemy.func.now()))
        assert find_key(connection, valid) is None
