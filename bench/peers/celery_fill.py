"""Fills the queue of `bench.peers.celery_app`, as an Order says, with copies of a message of its own producer's."""

import os
import sys

import redis
from bench.messages import Copies
from bench.peers import work
from bench.peers.celery_app import name_of
from bench.worker_app import SETUP_VARIABLE, Setup


def main() -> None:
    order = work.Order.read(sys.argv[1:])
    url, setup = os.environ[work.URL], Setup.read(os.environ[SETUP_VARIABLE])
    with redis.Redis.from_url(url) as client:
        Copies(setup, url, name_of(order.kind), client).fill(client, range(order.first, order.last + 1))


if __name__ == "__main__":
    main()
