"""The embedded servers are real ones."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from penstock_cli.embedded import EmbeddedError, Server, postgres_in, redis_in
from penstock_cli.local.ports import free_port


def test_redis_evicts_nothing_and_keeps_its_data_over_a_kill(tmp_path: Path) -> None:
    server = redis_in(tmp_path, free_port())
    for round_ in (1, 2):
        with (tmp_path / "log").open("ab") as log, server.start(log) as process:
            server.wait(process)
            with redis.Redis.from_url(server.url) as client:
                assert client.incr("rounds") == round_
                assert client.info()["maxmemory_policy"] == "noeviction"
            process.kill()


def test_a_server_that_ends_while_it_is_waited_for_is_named(tmp_path: Path) -> None:
    server = Server("redis", [sys.executable, "-c", "exit(7)"], "", lambda: False, signal.SIGTERM)
    with (
        (tmp_path / "log").open("ab") as log,
        server.start(log) as process,
        pytest.raises(EmbeddedError, match="redis ended with status 7"),
    ):
        server.wait(process)


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    server = Server("postgres", command, "", lambda: False, signal.SIGTERM)
    with (tmp_path / "log").open("ab") as log, server.start(log) as process:
        with pytest.raises(EmbeddedError, match=r"postgres did not answer within 0.2 s"):
            server.wait(process, seconds=0.2)
        process.kill()


@pytest.fixture(scope="module")
def folder(servers_folder: Path) -> Path:
    return servers_folder / "postgres-after-a-kill"


def test_postgres_starts_again_after_a_kill_even_where_its_number_belongs_to_another(folder: Path) -> None:
    server = postgres_in(folder, free_port())
    with (folder / "log").open("ab") as log, server.start(log) as process:
        server.wait(process)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (id int)")
        process.kill()
    stale = folder / "postmaster.pid"
    lines = stale.read_text(encoding="utf-8").splitlines()
    stale.write_text("\n".join([str(os.getpid()), *lines[1:]]), encoding="utf-8")
    server = postgres_in(folder, free_port())
    with (folder / "log").open("ab") as log, server.start(log) as process:
        server.wait(process)
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        process.send_signal(server.stop_signal)


def test_importing_the_embedded_servers_says_nothing(servers_folder: Path) -> None:
    source = (
        "from pathlib import Path; from penstock_cli.embedded import postgres_in; import sys;"
        "postgres_in(Path(sys.argv[1]) / 'postgres', 1)"
    )
    without_folder = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", source, str(servers_folder / "silent")],
        env=without_folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
