"""Log lines, as a machine reads them."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, os, structlog
from penstock_runtime.logging import configure
from penstock_runtime.settings import RuntimeSettings, load
configure(load(RuntimeSettings, PENSTOCK_DATABASE_URL="postgresql://h/d", log_level="INFO"))
{}
"""


def lines(program):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(program)], stderr=subprocess.PIPE, text=True, timeout=60, check=True
    )
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_our_lines_and_a_librarys_are_in_one_format():
    ours, theirs = lines(
        "structlog.get_logger('penstock.x').warning('here', tenant='租户', at=object)\n"
        "logging.getLogger('penstock.x').warning('here')"
    )
    assert (ours.pop("tenant"), ours.pop("at")) == ("租户", "<class 'object'>")
    assert ours.keys() == theirs.keys()
    for told in (ours, theirs):
        assert (told["event"], told["level"], told["logger"]) == ("here", "warning", "penstock.x")


def test_what_is_below_the_level_is_not_written():
    assert lines("structlog.get_logger('x').debug('here'); logging.getLogger('x').debug('here')") == []


def test_a_fault_is_told_with_its_traceback():
    [told] = lines("try: 1 / 0\nexcept ZeroDivisionError: structlog.get_logger('x').exception('fault')")
    assert told["level"] == "error"
    assert told["exception"].endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("closing", ["os.close(2)", "import sys; sys.stderr.close()"])
def test_a_process_whose_log_cannot_be_written_goes_on(closing):
    assert lines(f"{closing}; structlog.get_logger('x').warning('here')") == []


def test_a_child_that_is_forked_while_others_write_writes_too():
    told = lines(
        "import threading\n"
        "log, stop = structlog.get_logger('x'), threading.Event()\n"
        "def write():\n"
        "    while not stop.is_set(): log.info('parent')\n"
        "threads = [threading.Thread(target=write) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for number in range(20):\n"
        "    if (child := os.fork()) == 0:\n"
        "        log.info('child')\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "stop.set()"
    )
    assert sum(line["event"] == "child" for line in told) == 20


def test_the_transports_lines_are_like_ours_with_the_level_and_the_names():
    ours, transports = lines(
        "from penstock_runtime.transport.log import Log\n"
        "structlog.contextvars.bind_contextvars(job='j')\n"
        "log = structlog.get_logger('a'); log.warning('here', queue='mail')\n"
        "log = Log('a'); log.debug('not here'); log.warning('here', queue='mail')"
    )
    del ours["timestamp"], transports["timestamp"]
    assert list(ours.items()) == list(transports.items())
    assert (transports["logger"], transports["job"]) == ("a", "j")
