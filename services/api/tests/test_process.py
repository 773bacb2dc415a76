"""gunicorn as users start and stop it."""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from processes import eventually

from penstock_api.settings import ApiSettings
from penstock_cli.local.ports import free_port
from penstock_runtime.errors import SettingsError
from penstock_runtime.settings import RuntimeSettings, environment_names, load

README = Path(__file__).parents[1] / "README.md"
COMMAND = [sys.executable, "-m", "gunicorn", "-c", "python:penstock_api.gunicorn_conf"]
GOOD = {"PENSTOCK_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "CELERY_BROKER_URL": "redis://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"PENSTOCK_API_PORT": "eighty"}, "PENSTOCK_API_PORT: "),
        ({"PENSTOCK_REGISTRATION_RATE": "often"}, "PENSTOCK_REGISTRATION_RATE: must be such as 10/minute;100/day"),
        ({"PENSTOCK_SECRET_KEY": "short-secret"}, "PENSTOCK_SECRET_KEY: must have at least 16 random characters"),
        ({"PENSTOCK_API_PAGE": "300"}, "PENSTOCK_API_PAGE: must not be above PENSTOCK_API_PAGE_MOST"),
        ({"PENSTOCK_DATABASE_URL": ""}, "PENSTOCK_DATABASE_URL: "),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(wrong: dict[str, str], words: str) -> None:
    ended = subprocess.run(COMMAND, env=os.environ | GOOD | wrong, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"penstock: setting {words}" in ended.stderr
    assert "short-secret" not in ended.stderr


def test_it_refuses_to_run_where_gevent_has_not_patched_the_process() -> None:
    program = "from penstock_api.wsgi import start; start()"
    ended = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | GOOD, capture_output=True, text=True, timeout=60
    )

    assert ended.stderr == "penstock: start the API with gunicorn -c python:penstock_api.gunicorn_conf\n"


def test_a_request_in_progress_is_answered_after_sigterm(start_api: Any) -> None:
    running = start_api("leaving")
    key = running.key()["Authorization"]
    body = b'{"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}'
    head = f"POST /v1/reports HTTP/1.1\r\nHost: a\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", httpx.URL(running.url).port or 0), timeout=20) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
        assert running.answers()  # which came later, so the first one is being read
        running.process.terminate()
        eventually(lambda: "Handling signal: term" in running.log.read_text(), "gunicorn heard of it")
        connection.sendall(body[10:])
        assert connection.recv(4000).startswith(b"HTTP/1.1 202 ")
    assert running.process.wait(30) == 0


def test_sigterm_in_the_first_moment_of_a_worker_process_is_heeded(tmp_path: Path) -> None:
    log = tmp_path / "log"
    environment = os.environ | GOOD | {"PENSTOCK_API_WORKERS": "1", "PENSTOCK_API_GRACE": "50"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            COMMAND, env=environment | {"PENSTOCK_API_PORT": str(free_port())}, stdout=output, stderr=output
        )
    try:
        eventually(lambda: "Booting worker" in log.read_text(), "the worker process begins")
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert "Worker exiting" in log.read_text()  # which one that has to be killed does not say


def test_sigterm_while_it_still_starts_ends_it_in_order(tmp_path: Path) -> None:
    key, log = tmp_path / "key", tmp_path / "log"
    os.mkfifo(key)  # whoever reads the settings waits for us

    def reader() -> int | None:
        with suppress(OSError):  # nobody reads
            return os.open(key, os.O_WRONLY | os.O_NONBLOCK)
        return None

    def give_key() -> None:
        with os.fdopen(eventually(reader, "the settings are read"), "wb") as file:
            file.write(b"a key that only tests know")

    environment = os.environ | GOOD | {"PENSTOCK_SECRET_KEY_FILE": str(key), "PENSTOCK_API_WORKERS": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            COMMAND, env=environment | {"PENSTOCK_API_PORT": str(free_port())}, stdout=output, stderr=output
        )
    try:
        give_key()
        eventually(lambda: "Booting worker" in log.read_text(), "the worker process begins")
        waiting = eventually(reader, "the worker process reads its settings", seconds=100)
        process.terminate()
        assert process.wait(60) == 0
        os.close(waiting)
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()


def test_gunicorns_own_log_lines_have_the_format_of_all_others(server: Any) -> None:
    lines = server.log.read_text().splitlines()

    assert lines
    assert all(line.startswith("{") and '"timestamp"' in line for line in lines)


def test_a_request_is_logged_with_its_route_and_not_with_its_address(http: httpx.Client, server: Any) -> None:
    made = http.get("/v1/jobs/some-unknown-id", headers={"X-Request-Id": "look-for-me"})
    assert made.status_code == 404
    line = next(line for line in server.log.read_text().splitlines() if "look-for-me" in line)

    assert '"route": "/v1/jobs/<job:job_id>"' in line
    assert '"status": 404' in line
    assert '"tenant": "default"' in line
    assert "some-unknown-id" not in line


def own_settings() -> list[str]:
    fields = ApiSettings.model_fields
    return [environment_names(name, fields[name])[0] for name in fields.keys() - RuntimeSettings.model_fields.keys()]


def test_the_readme_tells_every_setting_with_its_default() -> None:
    rows = dict(
        line.split(" | ")[:2]
        for line in README.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `PENSTOCK_")
    )
    told = {name.strip("| `"): default.strip("` ") for name, default in rows.items()}

    assert sorted(told) == sorted(own_settings())
    for name, field in ApiSettings.model_fields.items():
        if environment_names(name, field)[0] in told:
            assert told[environment_names(name, field)[0]] == str(field.default)


def test_a_secret_key_may_be_left_out_but_not_be_short() -> None:
    assert load(ApiSettings, PENSTOCK_DATABASE_URL=GOOD["PENSTOCK_DATABASE_URL"]).secret_key.get_secret_value() == ""
    with pytest.raises(SettingsError):
        load(ApiSettings, PENSTOCK_DATABASE_URL=GOOD["PENSTOCK_DATABASE_URL"], secret_key="short")
