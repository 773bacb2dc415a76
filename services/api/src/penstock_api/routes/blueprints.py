"""How a file of routes begins."""

from functools import partial
from typing import Any, cast

from flask import request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from penstock_api.auth import authenticate
from penstock_api.documentation import SCHEME
from penstock_api.rates import count_address
from penstock_api.request import ApiRequest, check_query
from penstock_runtime.scopes import Scope


def with_key(name: str, description: str, *, scope: Scope | None = None) -> Any:
    """Routes of whoever holds a key, under /v1. scope: where it is not `read` or `write`, as the method has it."""
    blueprint = APIBlueprint(
        name,
        __name__,
        url_prefix="/v1",
        abp_tags=[Tag(name=name, description=description)],
        abp_security=[{SCHEME: []}],
        operation_id_callback=_operation_id,
    )
    blueprint.before_request(partial(authenticate, scope))
    blueprint.before_request(_check_query)
    return blueprint


def anonymous(name: str, description: str, *, url_prefix: str | None = None, counted: bool = True) -> Any:
    """Routes for everybody. counted: how often an address may use them is bounded."""
    blueprint = APIBlueprint(
        name,
        __name__,
        url_prefix=url_prefix,
        abp_tags=[Tag(name=name, description=description)],
        operation_id_callback=_operation_id,
    )
    if counted:
        blueprint.before_request(count_address)
    blueprint.before_request(_check_query)
    return blueprint


def _check_query() -> None:
    check_query(cast(ApiRequest, request))


def _operation_id(name: str, path: str, method: str) -> str:
    """The function's name: stable when an address changes, and what a generated client calls its method."""
    return name
