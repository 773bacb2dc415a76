import hashlib
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import sqlalchemy

from penstock_runtime.keys import (
    LENGTH,
    PREFIX,
    STAMP_EVERY,
    KeyView,
    Scope,
    create_key,
    find_key,
    list_keys,
    revoke_key,
    stamp_use,
)
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


def test_a_key_has_the_scopes_that_it_was_made_with(database: sqlalchemy.Engine) -> None:
    with database.begin() as connection:
        _, every = create_key(connection, "a tenant", "all")
        _, one = create_key(connection, "a tenant", "one", scopes=[Scope.READ])
        found = [find_key(connection, secret) for secret in (every, one)]

    assert [key and key.scopes for key in found] == [{"read", "write"}, {"read"}]


def test_keys_are_listed_without_what_they_are_found_by(database: sqlalchemy.Engine) -> None:
    with database.begin() as connection:
        made = [create_key(connection, "a tenant", name) for name in ("first", "second")]
        listed = list_keys(connection)

    assert [key.id for key in listed] == [key_id for key_id, _ in made]
    assert "hash" not in {field.name for field in fields(KeyView)}


def test_a_revoked_key_stays_revoked_since_the_first_time(database: sqlalchemy.Engine) -> None:
    with database.begin() as connection:
        key_id, secret = create_key(connection, "a tenant", "laptop")
        assert revoke_key(connection, key_id)
        [first] = list_keys(connection)
        assert revoke_key(connection, key_id)
        assert list_keys(connection) == [first]
        assert find_key(connection, secret) is None
        assert not revoke_key(connection, uuid4())


def test_a_use_is_written_down_once_in_a_while(database: sqlalchemy.Engine) -> None:
    with database.begin() as connection:
        key_id, _ = create_key(connection, "a tenant", "laptop")
        stamp_use(connection, key_id)
        [first] = list_keys(connection)
        stamp_use(connection, key_id)
        assert list_keys(connection) == [first]
        long_ago = first.created_at - timedelta(seconds=STAMP_EVERY)
        connection.execute(api_keys.update().values(last_used_at=long_ago))
        stamp_use(connection, key_id)
        [again] = list_keys(connection)

    assert again.last_used_at is not None
    assert again.last_used_at > long_ago
