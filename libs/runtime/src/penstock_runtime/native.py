"""What the operating system has, also where gevent has replaced it in the standard library by something of its own."""

import select
import sys
import threading
import time
from collections.abc import Callable
from typing import Any


def native_thread(target: Callable[[], None], name: str) -> None:
    """Start a daemon thread of the operating system."""
    if is_patched():
        from gevent.monkey import get_original

        get_original("_thread", "start_new_thread")(target, ())
    else:
        threading.Thread(target=target, name=name, daemon=True).start()


def native_sleep() -> Callable[[float], None]:
    """A sleep that puts the whole thread to sleep."""
    if is_patched():
        from gevent.monkey import get_original

        sleep: Callable[[float], None] = get_original("time", "sleep")
        return sleep
    return time.sleep


def native_poll(reads: Any) -> Any:
    """A `select.poll` of this socket, for what can be read of it, whose wait is the whole thread's."""
    if is_patched():
        from gevent.monkey import get_original

        poller = get_original("select", "poll")()
    else:
        poller = select.poll()
    poller.register(reads, select.POLLIN)
    return poller


def is_patched() -> bool:
    """Whether gevent has replaced the standard library's blocking calls in this process."""
    monkey = sys.modules.get("gevent.monkey")
    return bool(monkey and monkey.is_module_patched("socket"))
