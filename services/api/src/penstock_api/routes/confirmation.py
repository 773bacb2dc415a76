"""The page behind the link in a registration mail. Scanners open links: opening it changes nothing, its button does."""

from dataclasses import dataclass
from typing import cast

from flask import Blueprint, Response, make_response, render_template, request
from sqlalchemy.dialects.postgresql import insert

from penstock_api.problems import Problem, problem_of
from penstock_api.rates import count_address
from penstock_api.request import ApiRequest
from penstock_api.services import services
from penstock_runtime.errors import Rejected
from penstock_runtime.links import read_registration
from penstock_runtime.schema import accounts

LONGEST_TOKEN = 1000
"""Characters. One holds an address of 254 characters in base64, a time and a signature."""

POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

routes = Blueprint("confirmation", __name__)
routes.before_request(count_address)


@dataclass(frozen=True)
class Words:
    """What the page says in one language."""

    language: str
    question: str
    button: str
    done: str
    errors: dict[str, str]


_ENGLISH = Words(
    language="en",
    question="Confirm that {email} is your address and finish your registration.",
    button="Confirm",
    done="Your address is confirmed. You can close this page.",
    errors={
        "link_expired": "This link has expired. Register again to get a new one.",
        "link_invalid": "This link is not valid. Open the one in the mail as it is.",
        "too_many_requests": "This was tried too often. Try again in a few minutes.",
        "unavailable": "This does not work just now. Try again in a few minutes.",
        "": "This request cannot be answered.",
    },
)
_CHINESE = Words(
    language="zh-Hans",
    question="请确认 {email} 是您的邮箱地址，以完成注册。",
    button="确认",
    done="您的邮箱地址已确认，可以关闭此页面。",
    errors={
        "link_expired": "此链接已过期，请重新注册以获取新的链接。",
        "link_invalid": "此链接无效，请原样打开邮件中的链接。",
        "too_many_requests": "尝试次数过多，请过几分钟再试。",
        "unavailable": "服务暂时不可用，请过几分钟再试。",
        "": "无法处理此请求。",
    },
)


@routes.get("/registrations/confirm")
def ask() -> Response:
    """A page with a button. Nothing is written."""
    token = request.args.get("token", "")
    email = _email(token)
    return _page(200, message=_words().question.format(email=email), token=token)


@routes.post("/registrations/confirm")
def confirm() -> Response:
    """Write the account. A repeat shows the same page."""
    form = cast(ApiRequest, request)
    email = _email(form.receive_fields().get("token", ""))
    with services().transaction() as connection:
        connection.execute(insert(accounts).values(email=email).on_conflict_do_nothing())
    return _page(200, message=_words().done)


@routes.errorhandler(Exception)
def show_error(error: Exception) -> Response:
    """People get a page instead of a problem document, with the same status."""
    problem = problem_of(error)
    errors = _words().errors
    page = _page(problem.status, message=errors.get(problem.code, errors[""]))
    page.headers.update(problem.headers)
    return page


def _email(token: str) -> str:
    settings = services().settings
    if not 1 <= len(token) <= LONGEST_TOKEN:
        raise Problem("link_invalid", "the link has no token")
    try:
        return read_registration(token, services().link_key(), settings.registration_link_hours * 3600)
    except Rejected as error:
        raise Problem(error.code, error.message) from None


def _words() -> Words:
    return _CHINESE if request.accept_languages.best_match(["en", "zh"], default="en") == "zh" else _ENGLISH


def _page(status: int, *, message: str, token: str | None = None) -> Response:
    response = make_response(render_template("confirmation.html", words=_words(), message=message, token=token), status)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Content-Language"] = _words().language
    response.headers["Vary"] = "Accept-Language"
    return response
