"""What a key may be used for. Apart from the keys themselves, which take SQLAlchemy: naming a scope is to be quick."""

from enum import StrEnum


class Scope(StrEnum):
    """What a key may be used for."""

    READ = "read"
    WRITE = "write"
    SECRETS = "secrets"
    ADMIN = "admin"


USUAL_SCOPES = (Scope.READ, Scope.WRITE)
"""Of a key for which none are named. Others are for keys that were made for it: to be shown secrets, and to do what all
tenants feel."""
