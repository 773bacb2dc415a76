"""The tasks of the mail queue."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from penstock_contracts.mail import REGISTRATION_CONFIRMATION, RegistrationConfirmation, Sent
from penstock_runtime.job import Job
from penstock_runtime.links import sign_registration, signing_key
from penstock_runtime.schema import accounts
from penstock_runtime.settings import load_or_exit
from penstock_runtime.worker import Served, serve
from penstock_worker_mail.addresses import recipient
from penstock_worker_mail.confirmation import Envelope, compose, message_id
from penstock_worker_mail.letters import CONFIRM, KNOWN
from penstock_worker_mail.settings import MailSettings
from penstock_worker_mail.smtp import send


def served() -> list[Served[Any, Any]]:
    """What this worker serves. To be called at a process's edge: a wrong setting ends it with one line."""
    return [registration_confirmation(load_or_exit(MailSettings))]


def registration_confirmation(settings: MailSettings) -> Served[RegistrationConfirmation, Sent]:
    """Ask for a confirmation; an address that is confirmed already is told so instead.

    So whoever sends the job learns nothing about which addresses are known.
    """

    def handle(payload: RegistrationConfirmation, job: Job) -> Sent:
        to = recipient(payload.email)
        known = _is_confirmed(to.address, job.database)
        letter = (KNOWN if known else CONFIRM)[payload.locale]
        sender = settings.sender
        envelope = Envelope(sender, to.wire, message_id(job.id, sender.domain), datetime.now(UTC))
        message = compose(
            letter,
            payload.locale,
            envelope=envelope,
            address=to.address,
            link=settings.public_url if known else _confirmation_link(to.address, settings, job.database),
            hours=settings.registration_link_hours,
        )
        # Not before the server waits for it: a worker that was stopped for longer than its lease must not send as well.
        send(message, to.wire, settings, before_data=job.hold)
        return Sent(message_id=envelope.message_id)

    return serve(REGISTRATION_CONFIRMATION, handle)


def _confirmation_link(address: str, settings: MailSettings, database: Engine) -> str:
    token = sign_registration(address, signing_key(settings.secret_key, database))
    return f"{settings.public_url}/registrations/confirm?token={token}"


def _is_confirmed(address: str, database: Engine) -> bool:
    with database.connect() as connection:
        return connection.scalar(select(accounts.c.email).where(accounts.c.email == address)) is not None
