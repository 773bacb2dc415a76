"""What is done to RabbitMQ itself, which no supervisor starts again."""

import time

from chaos.plan import Act
from own_rabbitmq import OwnRabbit


def do(act: Act, rabbitmq: OwnRabbit, seconds: float) -> None:
    """Do it. `seconds`: how long it is stopped."""
    if act is Act.STOP:
        rabbitmq.pause()
        time.sleep(seconds)
        rabbitmq.resume()
    elif act is Act.WIPE:
        rabbitmq.forget()
    else:
        rabbitmq.kill()
        rabbitmq.start()
