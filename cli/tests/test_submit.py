"""`penstock jobs submit`, with a real API."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import Penstock

from penstock_cli.client.bulk import MOST_BYTES, batches
from penstock_cli.client.given import Line

REPORT = {"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}
TEXT = json.dumps(REPORT)


def job(penstock: Penstock, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(penstock("jobs", "show", "--json", job_id.strip()).output)
    return found


def test_a_payload_comes_as_an_argument_from_a_file_or_from_standard_input(penstock: Penstock, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(f'{{\n  "dataset_id": "{REPORT["dataset_id"]}"\n}}\n')
    ids = {
        penstock("jobs", "submit", "generation.report", payload, "--key", "monday", given=TEXT).output
        for payload in (TEXT, f"@{tmp_path}/report.json", "-", "@-")
    }

    assert len(ids) == 1
    assert job(penstock, ids.pop())["task"] == "generation.report"
    assert json.loads(penstock("jobs", "submit", "generation.report", TEXT, "--json").output)["state"] == "accepted"


def test_what_is_wished_for_reaches_the_job(penstock: Penstock) -> None:
    wishes = ("--priority", "bulk", "--delay", "10m", "--deadline", "2099-01-01T08:00:00+08:00")
    refused = penstock("jobs", "submit", "generation.report", TEXT, *wishes)
    assert refused.status == 1
    assert "body.deadline: must be at most" in refused.told

    wishes = ("--priority", "bulk", "--delay", "10m", "--deadline", "2h", "--webhook", "http://127.0.0.1:1/hook")
    found = job(penstock, penstock("jobs", "submit", "generation.report", TEXT, *wishes).output)
    later = datetime.fromisoformat(found["not_before"]) - datetime.now(UTC)
    assert found["priority"] == "bulk"
    assert timedelta(minutes=8) < later <= timedelta(minutes=10)
    assert datetime.fromisoformat(found["deadline"]) > datetime.fromisoformat(found["not_before"])


def test_a_time_without_an_offset_is_one_of_this_machine(penstock: Penstock) -> None:
    tomorrow = (datetime.now() + timedelta(days=1)).replace(microsecond=0)  # noqa: DTZ005  # local is meant
    arguments = ("jobs", "submit", "generation.report", TEXT, "--not-before", tomorrow.isoformat())
    found = job(penstock, penstock(*arguments).output)

    assert datetime.fromisoformat(found["not_before"]) == tomorrow.astimezone()


def test_each_line_is_a_job_of_its_own_and_a_repeat_starts_none_twice(penstock: Penstock, tmp_path: Path) -> None:
    lines = [{"dataset_id": REPORT["dataset_id"], "title": f"report {number}"} for number in range(1, 1202)]
    (tmp_path / "lines").write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    arguments = ("jobs", "submit", "generation.report", "--lines", f"{tmp_path}/lines", "--key", "may")
    first, again = penstock(*arguments), penstock(*arguments, "--json")

    told = [json.loads(line) for line in again.output.splitlines()]
    assert [item["job_id"] for item in told] == first.output.split()
    assert [item["line"] for item in told] == list(range(1, 1202))
    assert not any(item["created"] for item in told)
    assert (first.status, again.status) == (0, 0)


def test_a_line_says_for_itself_what_differs_from_the_options(penstock: Penstock) -> None:
    lines = [{"task": "generation.report", "payload": REPORT}]
    lines.append(
        {"task": "mail.registration_confirmation", "payload": {"email": "li@example.com"}, "priority": "normal"}
    )
    given = "\n".join(map(json.dumps, lines))
    ids = penstock("jobs", "submit", "--lines", "-", "--priority", "bulk", given=given).output.split()

    jobs = [job(penstock, job_id) for job_id in ids]
    assert [(one["queue"], one["priority"]) for one in jobs] == [("generation", "bulk"), ("mail", "normal")]


def test_a_line_that_is_refused_is_named_and_the_others_are_started(penstock: Penstock) -> None:
    lines = [json.dumps({"task": "generation.report", "payload": REPORT, "idempotency_key": "k"})]
    lines.append(json.dumps({"task": "generation.report", "payload": {**REPORT, "title": "x"}, "idempotency_key": "k"}))
    done = penstock("jobs", "submit", "--lines", "-", given="\n\n".join(lines))

    assert done.status == 1
    assert len(done.output.split()) == 1
    assert done.told.startswith("penstock: line 3: this Idempotency-Key was used before")


def test_lines_that_are_invalid_are_named_and_what_was_accepted_before_is_told(penstock: Penstock) -> None:
    good, bad = TEXT, json.dumps({"dataset_id": "seven"})
    given = "\n".join([good] * 1000 + [good, bad, '{"title": 5}'])
    done = penstock("jobs", "submit", "generation.report", "--lines", "-", "--key", "may", given=given)

    assert done.status == 1
    assert len(done.output.split()) == 1000
    assert "the lines up to 1000 were accepted; with --key may a repeat does not start them again" in done.told
    assert "none of the lines 1001 to 1003 was accepted:\n  line 1002: payload.dataset_id: " in done.told
    assert "\n  line 1003: payload.title: " in done.told


def test_a_file_is_uploaded_and_its_import_started(penstock: Penstock, tmp_path: Path) -> None:
    (tmp_path / "图书.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("text")
    both = penstock("jobs", "submit", "--upload", f"{tmp_path}/图书.csv", "--upload", f"{tmp_path}/b.txt")
    named = penstock("jobs", "submit", "--upload", f"{tmp_path}/b.txt", "--name", "c.md", "--key", "k", "--json")
    again = penstock("jobs", "submit", "--upload", f"{tmp_path}/b.txt", "--name", "c.md", "--key", "k", "--json")

    assert [job(penstock, job_id)["task"] for job_id in both.output.split()] == ["dataset.import_file"] * 2
    assert json.loads(named.output)["job_id"] == json.loads(again.output)["job_id"]


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ('{"a": }', "PAYLOAD is not valid JSON: expecting value at column 7"),
        ('{"a": 1,\n "b" 2}', "':' delimiter at line 2, column 6"),
        ("report.json", "a file's name begins with @"),
        ("@/no/such/file", "/no/such/file cannot be read: No such file"),
        ("[]", "PAYLOAD must be a JSON object"),
        ('{"a": 1, "a": 2}', "the name 'a' stands twice"),
        ('{"a": NaN}', "NaN is no value of JSON"),
        ('{"a": 1e999}', "a number is too large"),
        ('{"a": ' + "1" * 5000 + "}", "too many digits"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ('{"a":' * 100_000, "nested too deep"),
    ],
)
def test_a_payload_that_cannot_be_read_is_told_with_its_place_before_anything_is_sent(
    payload: str, words: str, tmp_path: Path
) -> None:
    nowhere = Penstock({"PENSTOCK_API_URL": "http://127.0.0.1:1", "PENSTOCK_API_KEY": "pk_"})
    refused = nowhere("jobs", "submit", "generation.report", payload, COLUMNS="1000")

    assert refused.status == 2
    assert words in " ".join(refused.told.replace("│", " ").split())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b'{}\n{"a": \n', "standard input, line 2 is not valid JSON: "),
        (b"{}\n\n[]", "standard input, line 3 must be a JSON object"),
        (b'{}\n{"a": "\xff"}\n', "standard input, line 2: byte 7 is not UTF-8"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_with_its_number(given: bytes, words: str) -> None:
    nowhere = Penstock({"PENSTOCK_API_URL": "http://127.0.0.1:1", "PENSTOCK_API_KEY": "pk_"})
    refused = nowhere("jobs", "submit", "generation.report", "--lines", "-", given=given, COLUMNS="1000")

    assert refused.status == 2
    assert words in " ".join(refused.told.replace("│", " ").split())


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("generation.report",),
        ("generation.report", "{}", "--lines", "x"),
        ("generation.report", "--upload", "x.csv"),
        ("--upload", "x.csv", "--priority", "bulk"),
        ("--upload", "x.csv", "--upload", "y.csv", "--name", "z.csv"),
        ("generation.report", "{}", "--name", "z.csv"),
        ("generation.report", "{}", "--delay", "soon"),
        ("generation.report", "{}", "--deadline", "999999999d"),
        ("--upload", "/no/such/file"),
        ("--upload", "/dev/null"),
    ],
)
def test_what_does_not_fit_together_is_told_before_anything_is_sent(arguments: tuple[str, ...]) -> None:
    nowhere = Penstock({"PENSTOCK_API_URL": "http://127.0.0.1:1", "PENSTOCK_API_KEY": "pk_"})
    assert nowhere("jobs", "submit", *arguments).status == 2


def test_a_task_that_is_unknown_is_told_with_those_that_are(penstock: Penstock) -> None:
    refused = penstock("jobs", "submit", "no.such_task", "{}")
    assert refused.status == 1
    assert "body.task: must be one of dataset.import_file, generation.report, " in refused.told


def test_a_request_holds_a_thousand_lines_and_a_bound_of_bytes() -> None:
    small = [Line(number, {}, 3) for number in range(2500)]
    large = [Line(number, {}, MOST_BYTES - 2) for number in range(3)]

    assert [len(batch) for batch in batches(small)] == [1000, 1000, 500]
    assert [len(batch) for batch in batches(large)] == [1, 1, 1]
    assert [*batches([])] == []
