"""Whether the broker that the settings name is fit for jobs."""

from penstock_runtime import redis_server
from penstock_runtime.rabbitmq import server as rabbitmq_server
from penstock_runtime.settings import RuntimeSettings


def check(settings: RuntimeSettings) -> None:
    """Raise SettingsError where it would lose or refuse jobs; what its client and sockets raise when it is away."""
    if settings.uses_rabbitmq:
        rabbitmq_server.check(settings)
        return
    with redis_server.client(settings) as client:
        redis_server.check(client, settings)
