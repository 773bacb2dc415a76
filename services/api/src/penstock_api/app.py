"""The application: settings in, a WSGI callable out."""

from typing import NoReturn

from flask_openapi3.openapi import OpenAPI
from pydantic import ValidationError
from werkzeug.middleware.proxy_fix import ProxyFix

from penstock_api import access, documentation, problems
from penstock_api.problems import ProblemDocument, problem_of
from penstock_api.rates import count_unrouted
from penstock_api.request import ApiRequest
from penstock_api.routes import (
    confirmation,
    dataset_import,
    dead_letters,
    files,
    health,
    job_events,
    jobs,
    pauses,
    queues,
    registrations,
    reports,
    submissions,
    user_actions,
    webhooks,
)
from penstock_api.services import EXTENSION, Services, open_services
from penstock_api.settings import ApiSettings


class Api(OpenAPI):
    """Flask with our kind of request."""

    request_class = ApiRequest


def create_app(settings: ApiSettings, services: Services | None = None) -> Api:
    """The application. It connects to nothing before the first request."""
    app = Api(
        "penstock_api",
        info=documentation.INFO,
        security_schemes=documentation.SECURITY,
        validation_error_model=ProblemDocument,
        validation_error_callback=_refuse,
        doc_ui=False,
    )
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.url_map.converters["job"] = jobs.JobIdConverter
    app.extensions[EXTENSION] = services or open_services(settings)
    access.install(app)
    app.before_request(count_unrouted)
    problems.install(app)
    # The submissions are among the routes of jobs: flask-openapi3 keeps one address in one group only.
    known = (dataset_import, reports, user_actions, registrations, submissions, job_events, queues, dead_letters, files)
    for found in (*known, pauses, webhooks, health):
        app.register_api(found.routes)
    app.register_blueprint(confirmation.routes)
    documentation.install(app, settings, job_events.SCHEMAS)
    if settings.api_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.api_proxies, x_proto=settings.api_proxies)  # type: ignore[method-assign]  # Flask's way
    return app


def _refuse(error: ValidationError) -> NoReturn:
    raise problem_of(error) from None
