"""Who asks: a bearer key becomes a tenant, to whom everything that the request sees and does is confined."""

import re
from typing import NoReturn

import structlog
from flask import Response, after_this_request, g, request

from penstock_api.problems import Problem
from penstock_api.rates import count_address, count_key, refuse_spent_address
from penstock_api.services import Services, services
from penstock_runtime import keys
from penstock_runtime.errors import Unavailable
from penstock_runtime.keys import Key
from penstock_runtime.scopes import Scope

_SECRET = re.compile(rf"{keys.PREFIX}[A-Za-z0-9_-]{{{keys.LENGTH - len(keys.PREFIX)}}}")

_READING = ("GET", "HEAD")
"""The methods for which the scope `read` is enough; all others need `write`."""

log = structlog.get_logger(__name__)


def authenticate(needed: Scope | None = None) -> None:
    """Set `g.tenant`, for `before_request` of routes that need a key. needed: the scope, where the method does not say.

    Raises Problem: unauthorized, forbidden, too_many_requests.
    """
    key = _key()
    g.tenant = key.tenant
    count_key(key)
    scope = needed or scope_of(request.method)
    if scope not in key.scopes:
        raise Problem("forbidden", f"this key lacks the scope {scope}; use one that was made with --scope {scope}")
    if services().key_uses.is_due(key.id):
        _tell_use(services(), key)


def scope_of(method: str) -> Scope:
    """The scope that a request with this method needs."""
    return Scope.READ if method in _READING else Scope.WRITE


def _key() -> Key:
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
        refuse_spent_address()
        with services().transaction() as connection:
            key = keys.find_key(connection, secret)
        if key is None:
            _refuse("this key is unknown, expired or revoked", ', error="invalid_token"')
        known.put(secret, key)
    return key


def _tell_use(found: Services, key: Key) -> None:
    """Once the answer has been sent, so that nobody waits for it."""

    def tell() -> None:
        try:
            with found.transaction() as connection:
                keys.stamp_use(connection, key.id)
        except Unavailable as error:
            log.warning("use_of_key_not_told", key=str(key.id), reason=error.message)

    @after_this_request
    def later(response: Response) -> Response:
        response.call_on_close(tell)
        return response


def tenant() -> str:
    """The tenant of this request's key."""
    return str(g.tenant)


def _refuse(detail: str, error: str) -> NoReturn:
    count_address()
    raise Problem("unauthorized", detail, headers={"WWW-Authenticate": f'Bearer realm="penstock"{error}'})
