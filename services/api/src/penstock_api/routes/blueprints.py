"""How a file of routes begins."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from penstock_api.auth import authenticate
from penstock_api.documentation import SCHEME


def with_key(name: str, description: str) -> Any:
    """Routes of whoever holds a key, under /v1."""
    blueprint = APIBlueprint(
        name,
        __name__,
        url_prefix="/v1",
        abp_tags=[Tag(name=name, description=description)],
        abp_security=[{SCHEME: []}],
        operation_id_callback=_operation_id,
    )
    blueprint.before_request(authenticate)
    return blueprint


def anonymous(name: str, description: str, *, url_prefix: str | None = None) -> Any:
    """Routes for everybody."""
    return APIBlueprint(
        name,
        __name__,
        url_prefix=url_prefix,
        abp_tags=[Tag(name=name, description=description)],
        operation_id_callback=_operation_id,
    )


def _operation_id(name: str, path: str, method: str) -> str:
    """The function's name: stable when an address changes, and what a generated client calls its method."""
    return name
