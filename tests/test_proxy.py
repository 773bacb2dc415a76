"""The bad network of the tests is as bad as it says, and no worse."""

import socket
import threading
from collections.abc import Iterator
from time import monotonic

import pytest
from processes import eventually
from proxy import HOST, Proxy

MANY = bytes(range(256)) * 8_000


@pytest.fixture
def heard() -> bytearray:
    """What the server was sent."""
    return bytearray()


@pytest.fixture
def echo(heard: bytearray) -> Iterator[int]:
    """A server that answers with what it was sent."""

    def answer(client: socket.socket) -> None:
        with client:
            try:
                while piece := client.recv(65_536):
                    heard.extend(piece)
                    client.sendall(piece)
            except OSError:
                pass

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(echo, seed=1) as made:
        yield made


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with connect(proxy) as made:
        yield made


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), timeout=10)


def port(client: socket.socket) -> int:
    return int(client.getsockname()[1])


def receive(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count and (piece := client.recv(65_536)):
        found += piece
    return found


def ask(client: socket.socket, question: bytes = b"who is there?") -> bytes:
    client.sendall(question)
    return receive(client, len(question))


def hears_nothing(client: socket.socket) -> bool:
    client.settimeout(0.2)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(10)
    return False


def test_in_fair_weather_two_megabytes_pass_as_they_are_and_so_does_the_end(
    proxy: Proxy, client: socket.socket
) -> None:
    thread = threading.Thread(target=lambda: (client.sendall(MANY), client.shutdown(socket.SHUT_WR)))
    thread.start()
    assert receive(client, len(MANY)) == MANY
    thread.join(10)
    assert client.recv(1) == b""
    eventually(lambda: not proxy.connections, "the connection is forgotten")


def test_the_ports_of_its_clients_are_known_while_they_are_connected(proxy: Proxy) -> None:
    with connect(proxy) as one, connect(proxy) as other:
        assert ask(one) == ask(other)
        assert proxy.connections == {port(one), port(other)}
    eventually(lambda: not proxy.connections, "both are forgotten")


def test_a_black_hole_takes_bytes_and_connections_and_gives_back_nothing_until_it_ends(
    proxy: Proxy, client: socket.socket
) -> None:
    assert ask(client) == b"who is there?"
    proxy.black_hole()
    client.sendall(b"nobody")
    with connect(proxy) as new:
        new.sendall(b"nobody either")
        assert hears_nothing(client)
        assert hears_nothing(new)
        proxy.heal()
        assert receive(client, 6) == b"nobody"
        assert receive(new, 13) == b"nobody either"


def test_a_black_hole_ends_by_itself(proxy: Proxy, client: socket.socket) -> None:
    ends = monotonic() + 0.3
    proxy.black_hole(0.3)
    assert ask(client) == b"who is there?"
    assert monotonic() >= ends


def test_a_black_hole_of_some_leaves_the_others_and_those_that_come(proxy: Proxy, client: socket.socket) -> None:
    with connect(proxy) as other:
        proxy.black_hole(ports={port(client)})
        client.sendall(b"?")
        assert ask(other) == b"who is there?"
        with connect(proxy) as new:
            assert ask(new) == b"who is there?"
        assert hears_nothing(client)


def test_a_black_hole_of_answers_lets_the_questions_through(
    proxy: Proxy, client: socket.socket, heard: bytearray
) -> None:
    proxy.black_hole(only_answers=True)
    client.sendall(b"who is there?")
    eventually(lambda: heard == b"who is there?", "the server is asked")
    assert hears_nothing(client)
    proxy.heal()
    assert receive(client, 13) == b"who is there?"


def test_in_a_black_hole_the_sender_of_much_has_to_wait(proxy: Proxy, client: socket.socket) -> None:
    assert ask(client) == b"who is there?"
    proxy.black_hole()
    client.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.sendall(MANY * 20)


def test_with_a_delay_all_comes_later_and_in_its_order(proxy: Proxy, client: socket.socket) -> None:
    proxy.delay(0.1, for_seconds=30)
    begun = monotonic()
    for number in range(5):
        client.sendall(b"%d" % number)
    assert receive(client, 5) == b"01234"
    assert monotonic() - begun >= 0.2
    proxy.delay(60, for_seconds=60)
    client.sendall(b"?")
    assert hears_nothing(client)
    proxy.heal()
    assert receive(client, 1) == b"?"


def test_a_dropped_connection_breaks_off_in_the_middle_with_a_reset(proxy: Proxy, client: socket.socket) -> None:
    with connect(proxy) as other:
        assert ask(client) == ask(other) == b"who is there?"
        proxy.drop({port(client)})
        with pytest.raises(ConnectionResetError):
            ask(client, MANY[:10_000])
        assert ask(other) == b"who is there?"
    with connect(proxy) as new:
        assert ask(new) == b"who is there?"


def test_a_server_that_is_not_there_resets_and_may_come_later() -> None:
    with socket.create_server((HOST, 0)) as listener:
        target = listener.getsockname()[1]
    with Proxy(target) as proxy:
        with pytest.raises(ConnectionResetError), connect(proxy) as client:
            client.recv(1)
        with socket.create_server((HOST, target)) as listener, connect(proxy) as client:
            there, _ = listener.accept()
            with there:
                there.sendall(b"here I am")
                assert receive(client, 9) == b"here I am"


def test_a_closed_proxy_ends_its_connections_also_in_a_black_hole(echo: int) -> None:
    proxy = Proxy(echo)
    with connect(proxy) as client:
        assert ask(client) == b"who is there?"
        proxy.black_hole()
        proxy.close()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    proxy.close()
