"""dramatiq's application. `python -m bench.peers.dramatiq_app` with an Order sends."""

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


ACTORS = {work.NOOP: noop, work.SLEEP: sleep, work.BURN: burn}

if __name__ == "__main__":
    work.send(lambda kind, number: ACTORS[kind].send(number))
