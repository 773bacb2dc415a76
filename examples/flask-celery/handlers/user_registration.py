"""People register, and confirm their address."""

from flask import Blueprint, request
from itsdangerous import BadData

from confirmation import email_of
from tasks.mail_tasks import send_registration_confirmation_email

registration = Blueprint("registration", __name__)


@registration.post("/register")
def register():
    email = request.get_json().get("email", "")
    if "@" not in email:
        return {"error": "email: an address is needed"}, 422
    send_registration_confirmation_email.delay(email)
    return {"email": email, "next": "open the link in the mail"}, 202


@registration.get("/confirm/<token>")
def confirm(token: str):
    try:
        return {"confirmed": email_of(token)}
    except BadData:
        return {"error": "this link is not valid, or no longer"}, 404
