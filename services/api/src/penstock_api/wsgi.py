"""Where gunicorn's worker processes begin."""

import gevent
from gevent import monkey

from penstock_api.app import Api, create_app
from penstock_api.services import open_services
from penstock_api.settings import ApiSettings
from penstock_runtime import waiting
from penstock_runtime.revisions import require
from penstock_runtime.settings import load_or_exit


def start() -> Api:
    """The application of one worker process, with its settings from the environment."""
    if not monkey.is_module_patched("socket"):
        # psycopg chooses how it waits when it is imported: unpatched, one slow query would hold up all requests.
        raise SystemExit("penstock: start the API with gunicorn -c python:penstock_api.gunicorn_conf")
    settings = load_or_exit(ApiSettings)
    services = open_services(settings)

    # It only says what is waited for. Requests are answered meanwhile, with 503, and /readyz tells the balancer.
    gevent.spawn(waiting.wait_until, lambda: require(settings.database_url), waiting.postgresql(settings))
    return create_app(settings, services)
