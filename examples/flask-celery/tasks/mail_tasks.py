"""Mails to people."""

import smtplib
from email.message import EmailMessage

from celery import shared_task
from flask import current_app

from confirmation import token_for

TIMEOUT = 15


# An SMTPException is an OSError. A retry is a message with an ETA; each waits a minute at most.
@shared_task(bind=True, autoretry_for=(OSError,), retry_backoff=True, retry_backoff_max=60, max_retries=8)
def send_registration_confirmation_email(self, email: str) -> None:
    # The link is made here: what is sent as an argument stands in Redis, and in log lines.
    link = f"{current_app.config['PUBLIC_URL']}/confirm/{token_for(email)}"
    message = EmailMessage()
    message["Subject"] = "Please confirm your registration"
    message["From"] = current_app.config["MAIL_FROM"]
    message["To"] = email
    # One task has one Message-ID, so that a mail which is sent again after a crash can be told from a second mail.
    message["Message-ID"] = f"<{self.request.id}@shop>"
    message.set_content(f"Welcome. To confirm your address, open\n\n{link}\n")
    _send(message)


def _send(message: EmailMessage) -> None:
    config = current_app.config
    with smtplib.SMTP(config["SMTP_HOST"], config["SMTP_PORT"], timeout=TIMEOUT) as server:
        if config["SMTP_USERNAME"]:
            server.starttls()
            server.login(config["SMTP_USERNAME"], config["SMTP_PASSWORD"])
        server.send_message(message)
