from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from penstock_runtime.errors import Unavailable
from penstock_runtime.first_key import FirstKeySettings, register
from penstock_runtime.keys import LENGTH, PREFIX, find_key, list_keys, revoke_key
from penstock_runtime.settings import RuntimeSettings, load

KEY = PREFIX + "a" * (LENGTH - len(PREFIX))
OTHER = PREFIX + "b" * (LENGTH - len(PREFIX))


@pytest.fixture
def given(settings: RuntimeSettings) -> Callable[..., FirstKeySettings]:
    """The settings with a key: `given(KEY)`."""

    def make(key: str, **named: object) -> FirstKeySettings:
        url = named.pop("database_url", settings.database_url)
        return load(FirstKeySettings, PENSTOCK_DATABASE_URL=url, api_key=key, **named)

    return make


def test_a_registered_key_is_valid_however_often_it_is_registered(
    given: Callable[..., FirstKeySettings], database: Engine
) -> None:
    for _ in range(2):
        assert KEY not in register(given(KEY, api_key_tenant="acme"))

    with database.connect() as connection:
        found = find_key(connection, KEY)
        assert found is not None
        assert found.tenant == "acme"
        assert len(list_keys(connection)) == 1


def test_a_new_key_takes_the_place_of_the_one_before(given: Callable[..., FirstKeySettings], database: Engine) -> None:
    register(given(KEY))
    register(given(OTHER))

    with database.connect() as connection:
        assert find_key(connection, KEY) is None
        assert find_key(connection, OTHER) is not None


def test_a_key_that_was_revoked_stays_so(given: Callable[..., FirstKeySettings], database: Engine) -> None:
    register(given(KEY))
    with database.begin() as connection:
        revoke_key(connection, list_keys(connection)[0].id)

    with pytest.raises(ValueError, match="revoked"):
        register(given(KEY))


@pytest.mark.parametrize("key", ["", "secret", KEY + "a", KEY[:-1] + "/", KEY[:-1] + "\n"])
def test_what_is_no_key_is_refused_without_being_shown(given: Callable[..., FirstKeySettings], key: str) -> None:
    with pytest.raises(ValueError, match="must be pk_ and 43 characters") as refused:
        register(given(key))
    assert not key or key not in str(refused.value)


def test_a_database_that_does_not_answer_is_waited_for_and_then_named(given: Callable[..., FirstKeySettings]) -> None:
    with pytest.raises(Unavailable, match=r"PostgreSQL at .* was not ready"):
        register(given(KEY, database_url="postgresql://penstock@127.0.0.1:1/penstock", api_key_patience=0))
