"""Registrations: anonymous, so one mail to an address in a while, and no word about who is known."""

import hashlib
import hmac
import time
from contextlib import suppress
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from flask import Response, g
from pydantic import BaseModel, Field

from penstock_api.body import JsonBody
from penstock_api.documentation import BODY, problems
from penstock_api.models import ALWAYS_TOLD, NoQuery, PostHeaders, answer
from penstock_api.openapi import shown
from penstock_api.problems import invalid
from penstock_api.rates import count_registration
from penstock_api.routes.blueprints import anonymous
from penstock_api.services import services
from penstock_contracts.mail import REGISTRATION_CONFIRMATION, RegistrationConfirmation
from penstock_runtime.ledger import KeyReused

TENANT = "default"
"""To whom what anonymous people start belongs."""

routes = anonymous("registrations", "How people get an account", url_prefix="/v1")
routes.before_request(count_registration)


class RegistrationBody(JsonBody, RegistrationConfirmation):
    """Whom to write to, and in which language."""

    email: Annotated[str, Field(min_length=3, max_length=254, json_schema_extra={"format": "email"})]

    model_config = shown(in_Chinese={"email": "li.wei@example.com", "locale": "zh"})


_SAID = "If this address can receive mail, a link to confirm it is on its way."


class Registered(BaseModel):
    """The same answer for every address."""

    model_config = ALWAYS_TOLD | shown(the_same_for_all={"message": _SAID})

    message: Annotated[str, Field(description="for people")] = _SAID


@routes.post("/registrations", responses={202: Registered} | problems(*BODY, "too_many_requests", "unavailable"))
def register_user(header: PostHeaders, query: NoQuery, body: RegistrationBody) -> Response:
    """Ask for a mail that confirms an address

    One address gets one mail in a while, however often it is asked for: a repeat needs no Idempotency-Key.
    """
    payload = RegistrationConfirmation(email=_address(body.email), locale=body.locale)
    with suppress(KeyReused):  # in this window a mail in the other language was asked for
        services().submit(
            REGISTRATION_CONFIRMATION.message(payload),
            tenant=TENANT,
            key=_key(payload.email),
            request_id=g.request_id,
        )
    return answer(Registered(), 202)


def _address(typed: str) -> str:
    try:
        return validate_email(typed, check_deliverability=False).normalized
    except EmailNotValidError:
        raise invalid("body.email", "is not a mail address") from None


def _key(email: str) -> str:
    """The same for an address, whatever its letters' case, during one window; it tells nobody the address."""
    window = int(time.time() // services().settings.registration_window)
    digest = hmac.digest(
        services().link_key().encode(), f"registration\n{window}\n{email.casefold()}".encode(), hashlib.sha256
    )
    return digest.hex()
