"""The token of a confirmation link: an address, signed."""

from flask import current_app
from itsdangerous import URLSafeTimedSerializer

VALID_SECONDS = 48 * 60 * 60


def token_for(email: str) -> str:
    return _signer().dumps(email)


def email_of(token: str) -> str:
    """Raises itsdangerous.BadData for a token that is forged or too old."""
    return _signer().loads(token, max_age=VALID_SECONDS)


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="registration")
