"""dramatiq's application. `python -m bench.peers.dramatiq_app KIND COUNT` fills its queue."""

import sys
import time

import dramatiq
from bench.peers import work
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=work.url())
dramatiq.set_broker(broker)
marks = work.Marks.of_environment()


@dramatiq.actor(queue_name=work.QUEUE)
def noop(number: int) -> None:
    marks.add(number)


@dramatiq.actor(queue_name=work.QUEUE)
def sleep(number: int) -> None:
    time.sleep(work.SLEEP_SECONDS)
    marks.add(number)


@dramatiq.actor(queue_name=work.QUEUE)
def burn(number: int) -> None:
    work.burn()
    marks.add(number)


def fill() -> None:
    kind, numbers = work.numbers(sys.argv[1:])
    actor = {work.NOOP: noop, work.SLEEP: sleep, work.BURN: burn}[kind]
    for number in numbers:
        actor.send(number)


if __name__ == "__main__":
    fill()
