"""`python -m penstock_runtime.first_key`: makes the key of a mounted Secret one that the API takes."""

import sys

from pydantic import Field, SecretStr

from penstock_runtime import waiting
from penstock_runtime.database import connect
from penstock_runtime.errors import Unavailable
from penstock_runtime.keys import register_key
from penstock_runtime.settings import RuntimeSettings, load_or_exit

NAME = "first"
"""The key's name. Another one given later takes its place, so that a key is changed by changing its Secret."""


class FirstKeySettings(RuntimeSettings):
    """The runtime's settings, the key, and whose it is."""

    api_key: SecretStr = Field(SecretStr(""), description="made by whoever installs the suite")
    api_key_tenant: str = Field("default", min_length=1, max_length=200)
    api_key_patience: float = Field(60, ge=0, le=3600, description="seconds to wait for PostgreSQL")


def register(settings: FirstKeySettings) -> str:
    """Register the key, and return a line that says so. Raises Unavailable, and ValueError for what is no key."""
    engine = connect(settings, most=1)

    def attempt() -> bool:
        with engine.begin() as connection:
            secret = settings.api_key.get_secret_value()
            return register_key(connection, settings.api_key_tenant, NAME, secret)

    try:
        patience = settings.api_key_patience
        waiting.wait_until(lambda: engine.connect().close(), waiting.postgresql(settings), seconds=patience)
        valid = attempt()
    finally:
        engine.dispose()
    if not valid:
        raise ValueError("was revoked; give another one")
    return f"the key of the tenant {settings.api_key_tenant} is valid"


def main() -> None:
    """The process. A key that cannot be used ends it with one line and status 1."""
    settings = load_or_exit(FirstKeySettings)
    try:
        sys.stdout.write(f"{register(settings)}\n")
    except ValueError as error:
        raise SystemExit(f"penstock: setting PENSTOCK_API_KEY: {error}") from None
    except Unavailable as error:
        raise SystemExit(f"penstock: {error.message}") from None


if __name__ == "__main__":
    main()
