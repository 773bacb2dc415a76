"""Signed, expiring tokens for links in mails. Nothing is stored: the signature is the proof."""

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from penstock_runtime.errors import Rejected

_PURPOSE = "penstock registration confirmation"


def sign_registration(email: str, secret_key: str) -> str:
    """The token that proves its bearer reads `email`'s mail. The same address always gets a token of its own time."""
    return URLSafeTimedSerializer(secret_key, salt=_PURPOSE).dumps(email)


def read_registration(token: str, secret_key: str, max_age: int) -> str:
    """The address a token was signed for, at most `max_age` seconds ago. Raises Rejected (link_expired, link_invalid)."""
    try:
        email = URLSafeTimedSerializer(secret_key, salt=_PURPOSE).loads(token, max_age=max_age)
    except SignatureExpired as error:
        raise Rejected(
            "this link has expired; register again to get a new one", code="link_expired"
        ) from error
    except BadSignature as error:
        raise Rejected(
            "this link is not valid; open the one in the mail as it is", code="link_invalid"
        ) from error
    return str(email)
