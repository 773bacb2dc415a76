"""Who asks: a bearer key becomes a tenant, to whom everything that the request sees and does is confined."""

import re
from typing import NoReturn

from flask import g, request

from penstock_api.problems import Problem
from penstock_api.services import services
from penstock_runtime import keys

_SECRET = re.compile(rf"{keys.PREFIX}[A-Za-z0-9_-]{{{keys.LENGTH - len(keys.PREFIX)}}}")


def authenticate() -> None:
    """Set `g.tenant`, or raise Problem (unauthorized). For `before_request` of the routes that need a key."""
    header = request.headers.get("Authorization", "")
    if not header:
        _refuse("send your key: Authorization: Bearer pk_…", "")
    scheme, _, rest = header.partition(" ")
    secret = rest.strip(" ")
    if scheme.lower() != "bearer" or not _SECRET.fullmatch(secret):
        _refuse("this is no key; send Authorization: Bearer pk_…", ', error="invalid_token"')
    known = services().keys
    key = known.get(secret)
    if key is None:
        with services().transaction() as connection:
            key = keys.find_key(connection, secret)
        if key is None:
            _refuse("this key is unknown, expired or revoked", ', error="invalid_token"')
        known.put(secret, key)
    g.tenant = key.tenant


def tenant() -> str:
    """The tenant of this request's key."""
    return str(g.tenant)


def _refuse(detail: str, error: str) -> NoReturn:
    raise Problem("unauthorized", detail, headers={"WWW-Authenticate": f'Bearer realm="penstock"{error}'})
