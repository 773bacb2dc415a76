"""Webhooks: what a receiver needs to know that a call is ours."""

import structlog
from flask import Response
from pydantic import BaseModel, Field

from penstock_api.auth import tenant
from penstock_api.documentation import problems_with_key
from penstock_api.models import NoQuery, answer
from penstock_api.openapi import shown
from penstock_api.routes.blueprints import with_key
from penstock_api.services import services
from penstock_runtime.links import webhook_secret
from penstock_runtime.scopes import Scope

log = structlog.get_logger(__name__)

routes = with_key("webhooks", "How calls of ours are known", scope=Scope.SECRETS)


class WebhookSecret(BaseModel):
    """What all webhooks of this tenant are signed with, as Standard Webhooks' libraries take it."""

    model_config = shown(a_secret={"secret": "whsec_bm90IGEgc2VjcmV0LCBvbmx5IGFuIGV4YW1wbGU="})

    secret: str = Field(pattern=r"^whsec_[A-Za-z0-9+/]+=*$")


@routes.get("/webhook-secret", responses={200: WebhookSecret} | problems_with_key())
def show_webhook_secret(query: NoQuery) -> Response:
    """Show what webhooks are signed with

    Whoever knows it can pretend to be this API towards the tenant's receivers, so only a key that was made with the
    scope `secrets` is told. It changes with the installation's `PENSTOCK_SECRET_KEY`.
    """
    log.info("webhook_secret_shown", tenant=tenant())
    return answer(WebhookSecret(secret=webhook_secret(tenant(), services().link_key())))
