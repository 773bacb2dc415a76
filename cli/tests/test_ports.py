"""A port in use is told before anything starts."""

import os
import socket
from collections.abc import Iterator

import pytest

from penstock_cli.local.ports import PortError, Wanted, choose, free_port, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which this process listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_given_port_in_use_is_named_with_its_holder_and_its_option(taken: int) -> None:
    holder = rf"\S+ \(pid {os.getpid()}\)"
    message = rf"^port {taken} for the API is in use by {holder}; free it, or choose another with --api-port$"
    with pytest.raises(PortError, match=message):
        choose([Wanted("the API", "--api-port", usual=8000, given=taken)])


def test_a_usual_port_that_people_know_must_be_free(taken: int) -> None:
    with pytest.raises(PortError, match=rf"port {taken} for the API is in use .* --api-port"):
        choose([Wanted("the API", "--api-port", usual=taken, strict=True)])


def test_another_usual_port_in_use_gives_way_to_the_next_free_one(taken: int) -> None:
    (chosen,) = choose([Wanted("Redis", "--redis-port", usual=taken)])
    assert chosen > taken
    assert is_free(chosen)


def test_no_two_get_the_same_port() -> None:
    usual = free_port()
    first, second = choose([Wanted("Redis", "--redis-port", usual), Wanted("SMTP", "--smtp-port", usual)])
    assert first == usual
    assert second != usual


def test_two_options_that_name_the_same_port_are_an_error() -> None:
    port = free_port()
    with pytest.raises(PortError, match=rf"port {port} for SMTP is wanted twice; .* --smtp-port"):
        choose([Wanted("Redis", "--redis-port", 1, port), Wanted("SMTP", "--smtp-port", 2, port)])
