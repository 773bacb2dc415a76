"""gunicorn's configuration, and the one way to start the API: `gunicorn -c python:penstock_api.gunicorn_conf`.

It is read in gunicorn's main process, where nothing is patched and nothing may be imported that waits on sockets.
"""

import gc
import logging
import re
from typing import Any

from gunicorn import glogging

from penstock_api.settings import ApiSettings
from penstock_runtime import logging as penstock_logging
from penstock_runtime.settings import load_or_exit

_settings = load_or_exit(ApiSettings)

wsgi_app = "penstock_api.wsgi:start()"
bind = f"{_settings.api_host}:{_settings.api_port}"
proc_name = "penstock-api"
worker_class = "penstock_api.gunicorn_worker.Worker"
workers = _settings.api_workers
worker_connections = _settings.api_connections
keepalive = _settings.api_keepalive
graceful_timeout = _settings.api_grace
limit_request_line = _settings.api_line_bytes
limit_request_fields = _settings.api_headers
limit_request_field_size = _settings.api_header_bytes
# In memory: gunicorn touches a file for each worker every second, and the disk may be read-only.
worker_tmp_dir = "/dev/shm"
control_socket_disable = True


class Logger(glogging.Logger):
    """gunicorn's own messages, in the format of all others. Requests are logged by the application."""

    def setup(self, cfg: Any) -> None:
        penstock_logging.configure(_settings)
        self.cfg = cfg
        self._access_log_enabled = False
        self.loglevel = logging.getLevelName(_settings.log_level)
        self.error_log.setLevel(self.loglevel)
        self.error_log.propagate = True
        self.error_log.addFilter(_without_queries)


def _without_queries(record: logging.LogRecord) -> bool:
    # gunicorn quotes addresses in its errors, and a link in a mail carries its token there.
    record.msg = re.sub(r"\?[^\s'\"]+", "?…", record.getMessage())
    record.args = ()
    return True


logger_class = Logger


def pre_fork(server: Any, worker: Any) -> None:
    """A worker shares the memory of what is there: a collection would write to it, and so copy it."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """The application is loaded, and lives as long as its process: no garbage collection need look at it again."""
    gc.collect()
    gc.freeze()
