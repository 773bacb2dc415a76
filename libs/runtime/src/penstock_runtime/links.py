"""What is signed with the installation's key: links in mails, which expire, and webhooks. Nothing of it is stored."""

import hashlib
import hmac
import secrets
from base64 import b64encode

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from pydantic import SecretStr
from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from penstock_runtime.errors import Rejected
from penstock_runtime.schema import secrets as kept

_NAME = "links"
_PURPOSE = "penstock registration confirmation"


def signing_key(configured: SecretStr, database: Engine) -> str:
    """`PENSTOCK_SECRET_KEY`, or where that is not set, a random key that is made once and kept beside the ledger.

    So the API and the mail worker agree on one without being told.
    """
    if configured.get_secret_value():
        return configured.get_secret_value()
    with database.begin() as connection:
        made = insert(kept).values(name=_NAME, value=secrets.token_urlsafe(32)).on_conflict_do_nothing()
        connection.execute(made)
        key: str = connection.execute(select(kept.c.value).where(kept.c.name == _NAME)).scalar_one()
        return key


def webhook_secret(tenant: str, secret_key: str) -> str:
    """What the webhooks of a tenant are signed with, as the tenant is to be shown it: Standard Webhooks' `whsec_…`.

    It is derived: always the same for a tenant until the installation's key changes, and useless for another tenant.
    """
    derived = hmac.new(secret_key.encode(), f"webhook secret of tenant {tenant}".encode(), hashlib.sha256)
    return "whsec_" + b64encode(derived.digest()).decode()


def sign_registration(email: str, secret_key: str) -> str:
    """The token that proves its bearer reads `email`'s mail. The same address always gets a token of its own time."""
    return URLSafeTimedSerializer(secret_key, salt=_PURPOSE).dumps(email)


def read_registration(token: str, secret_key: str, max_age: int) -> str:
    """The address a token was signed for, at most `max_age` seconds ago.

    Raises Rejected: link_expired, link_invalid.
    """
    try:
        email = URLSafeTimedSerializer(secret_key, salt=_PURPOSE).loads(token, max_age=max_age)
    except SignatureExpired as error:
        raise Rejected("this link has expired; register again to get a new one", code="link_expired") from error
    except BadSignature as error:
        raise Rejected("this link is not valid; open the one in the mail as it is", code="link_invalid") from error
    return str(email)
