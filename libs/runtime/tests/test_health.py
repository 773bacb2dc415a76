"""A probe's answers: what the file of signs says, and what it does not."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import structlog

from penstock_runtime.health import FILE, MAX_AGE, QUESTIONS, Sign, from_line, judge, to_line
from penstock_runtime.heartbeat import Heartbeat
from penstock_runtime.settings import RuntimeSettings, load

WORKS = ("consumer", 95, "")
WAITS = ("consumer", 95, "Redis")


def text(*signs: Sign) -> str:
    return "".join(f"{to_line(sign)}\n" for sign in signs)


@pytest.mark.parametrize(
    ("question", "signs", "well", "sentence"),
    [
        ("live", (WORKS,), True, "live: at work, 5 s ago"),
        ("live", (WAITS,), True, "live: the consumer waits for Redis, 5 s ago"),
        ("live", (WORKS, ("relay", 40, "")), False, "not live: the relay has not moved for 60 s"),
        ("live", (("consumer", 70, ""),), True, "live: at work, 30 s ago"),
        ("live", (("consumer", 69.9, ""),), False, "not live: the consumer has not moved for 30 s"),
        ("live", (("consumer", 5000, ""),), False, "not live: the consumer has not moved for -4900 s"),
        ("ready", (WORKS,), True, "ready: at work, 5 s ago"),
        ("ready", (WORKS, ("relay", 99, "Redis")), False, "not ready: the relay waits for Redis"),
        ("ready", (("consumer", 1, ""),), False, "not ready: the consumer has not moved for 99 s"),
        ("started", (WAITS,), True, "started: the consumer waits for Redis, 5 s ago"),
        ("started", (("consumer", 1, ""),), False, "not started: the consumer has not moved for 99 s"),
    ],
)
def test_a_question_is_answered_with_the_reason(question, signs, well, sentence):
    assert judge(question, text(*signs), now=100, max_age=30) == (well, sentence)


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_has_left_no_sign_is_neither_started_nor_alive(question):
    assert judge(question, None, now=100, max_age=30) == (False, f"not {question}: it has left no sign of life yet")
    for unreadable in ("", "\n", "consumer\n", "consumer\tsoon\t\n"):
        assert judge(question, unreadable, now=100, max_age=30)[0] is False


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "signs"


@pytest.fixture
def heartbeat(file: Path) -> Heartbeat:
    return Heartbeat(load(RuntimeSettings, database_host="none", heartbeat_file=str(file)))


def ask(question: str, file: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PENSTOCK_HEARTBEAT_FILE": str(file)} | more
    command = [sys.executable, "-m", "penstock_runtime.health", question]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_answers_for_the_file_that_a_process_writes(heartbeat, file):
    assert (ask("started", file).returncode, ask("live", file).returncode) == (1, 1)
    heartbeat.beat("consumer", waits_for="PostgreSQL")
    assert (ask("started", file).returncode, ask("live", file).returncode) == (0, 0)
    answer = ask("ready", file)
    assert (answer.returncode, answer.stdout) == (1, "not ready: the consumer waits for PostgreSQL\n")
    heartbeat.beat("consumer")
    assert ask("ready", file).returncode == 0


def test_the_command_takes_the_longest_age_from_the_environment(file):
    file.write_text(text(("consumer", time.monotonic() - 50, "")))
    assert ask("live", file).returncode == 0
    assert ask("live", file, PENSTOCK_HEARTBEAT_MAX_AGE="40").returncode == 1
    wrong = ask("live", file, PENSTOCK_HEARTBEAT_MAX_AGE="soon")
    assert (wrong.returncode, wrong.stderr) == (2, "PENSTOCK_HEARTBEAT_MAX_AGE: must be a number of seconds\n")


def test_a_question_that_is_none_is_no_answer(file):
    wrong = ask("alive", file)
    assert (wrong.returncode, wrong.stderr) == (2, "usage: python -m penstock_runtime.health started|live|ready\n")


def test_a_probe_imports_nothing_of_what_makes_a_process_heavy():
    command = [sys.executable, "-X", "importtime", "-m", "penstock_runtime.health"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr
    imported = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    assert "penstock_runtime" in imported
    assert not imported & {"pydantic", "structlog", "celery", "sqlalchemy", "json", "logging", "argparse", "typing"}


def test_the_defaults_are_those_of_the_settings():
    settings = load(RuntimeSettings, database_host="none")
    assert (settings.heartbeat_file, settings.heartbeat_max_age) == (FILE, MAX_AGE)


def test_signs_of_all_parts_are_kept_and_news_is_written_at_once(heartbeat, file):
    heartbeat.beat("schedule")
    heartbeat.beat("relay", waits_for="Redis")
    heartbeat.beat("relay")
    signs = [from_line(line) for line in file.read_text().splitlines()]
    assert [(part, waits_for) for part, _, waits_for in signs] == [("schedule", ""), ("relay", "")]


def test_a_sign_that_says_nothing_new_is_written_once_a_second(heartbeat, file):
    heartbeat.beat("relay")
    written = file.stat().st_mtime_ns
    for _ in range(100):
        heartbeat.beat("relay")
    assert file.stat().st_mtime_ns == written


def test_a_file_that_cannot_be_written_is_said_once_and_stops_nobody(tmp_path):
    file = tmp_path / "none" / "signs"
    heartbeat = Heartbeat(load(RuntimeSettings, database_host="none", heartbeat_file=str(file)))
    with structlog.testing.capture_logs() as logs:
        heartbeat.beat("consumer")
        heartbeat.beat("consumer", waits_for="Redis")
    assert [(line["event"], line["reason"]) for line in logs] == [("no_heartbeat", "No such file or directory")]
    file.parent.mkdir()
    heartbeat.beat("consumer")
    assert [path.name for path in file.parent.iterdir()] == ["signs"]
