"""What counts as the answer that a document shows, and what does not."""

import json
from pathlib import Path

import pytest
from documents.comparing import Different, Known, compare
from documents.reading import Block, steps_of
from documents.shell import Shell

ONE = "01a2043c-792c-74cf-ab05-f47cb38a2f85"
TWO = "7a1e06f2-3b6c-4f0b-9a55-0c1f5d7e9b11"
THREE = "11111111-2222-3333-4444-555555555555"


def same(kind: str, shown: str, found: str, known: Known | None = None) -> bool:
    try:
        compare(Block(kind, shown, 1), found, known or Known())
    except Different:
        return False
    return True


@pytest.mark.parametrize(
    ("shown", "found", "expected"),
    [
        ('{"a": 1}', '{"a":1}', True),
        ('{"a": 1}', '{"a":2}', False),
        ('{"a": 1}', '{"a":1,"b":2}', False),
        ('{"a": 1, "…": "…"}', '{"a":1,"b":2}', True),
        ('{"a": 1, "b": 2}', '{"a":1}', False),
        ('{"a": 0.5}', '{"a":17}', True),
        ('{"a": 0.5}', '{"a":true}', False),
        ('{"a": true}', '{"a":1}', False),
        ('{"a": null}', '{"a":0}', False),
        ('{"a": "x…z"}', '{"a":"xyz"}', True),
        ('{"a": "x…z"}', '{"a":"xy"}', False),
        ("[1, 2]", "[1,2,3]", False),
        ('[1, 2, "…"]', "[1,2,3]", True),
        ('[1, 2, "…"]', "[1]", False),
        ('{"at": "2026-05-01T12:00:00Z"}', '{"at":"2031-01-02T03:04:05.678901+08:00"}', True),
        ('{"at": "2026-05-01T12:00:00Z"}', '{"at":"yesterday"}', False),
        (f'{{"id": "{ONE}"}}', f'{{"id":"{TWO}"}}', True),
        (f'{{"id": "{ONE}"}}', '{"id":"17"}', False),
        (f'{{"id": "{ONE}", "at": "/jobs/{ONE}"}}', f'{{"id":"{TWO}","at":"/jobs/{TWO}"}}', True),
        (f'{{"id": "{ONE}", "at": "/jobs/{ONE}"}}', f'{{"id":"{TWO}","at":"/jobs/{THREE}"}}', False),
        ("{}", "<html>", False),
    ],
)
def test_json_is_the_same_but_for_ids_times_and_what_is_left_out(shown: str, found: str, expected: bool) -> None:
    assert same("json", shown, found) is expected


@pytest.mark.parametrize(
    ("shown", "found", "expected"),
    [
        ("a  b", "a b\n", True),
        ("a b", "a b\nc\n", False),
        ("a b\n…", "a b\nc\nd\n", True),
        ("…\nd", "a b\nc\nd\n", True),
        ("a\n…\nd", "a\nd\n", True),
        ("a …", "a b\nc\n", False),
        ("took … ms", "took 17 ms", True),
        (f"id {ONE}", f"id {TWO}", True),
        ("1.0", "1x0", False),
    ],
)
def test_text_is_the_same_but_for_blanks_ids_and_what_is_left_out(shown: str, found: str, expected: bool) -> None:
    assert same("text", shown, found) is expected


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("HTTP/1.1 202 ACCEPTED", True),
        ("HTTP/1.1 200 OK", False),
        (f"HTTP/1.1 202 ACCEPTED\nLocation: /v1/jobs/{ONE}", True),
        ("HTTP/1.1 202 ACCEPTED\nRetry-After: 5", False),
        (f'HTTP/1.1 202 ACCEPTED\nLocation: /v1/jobs/{ONE}\n\n{{"id": "{ONE}"}}', True),
        (f'HTTP/1.1 202 ACCEPTED\nLocation: /v1/jobs/{ONE}\n\n{{"id": "{ONE}", "state": "queued"}}', False),
    ],
)
def test_of_an_http_answer_the_status_counts_and_the_headers_and_the_body_that_are_shown(
    shown: str, expected: bool
) -> None:
    go_on = "HTTP/1.1 100 Continue\r\n\r\n"
    answer = f'HTTP/1.1 202 ACCEPTED\r\nServer: gunicorn\r\nLocation: /v1/jobs/{TWO}\r\n\r\n{{"id":"{TWO}"}}'
    assert same("http", shown, answer) is expected
    assert same("http", shown, go_on + answer) is expected


def test_an_id_stands_for_the_same_one_in_later_answers_and_commands() -> None:
    known = Known()
    assert same("json", json.dumps({"id": ONE}), json.dumps({"id": TWO}), known)
    assert not same("json", json.dumps({"id": ONE}), json.dumps({"id": THREE}), known)
    assert known.put_into(f"curl /v1/jobs/{ONE} {THREE}") == f"curl /v1/jobs/{TWO} {THREE}"


def test_an_answer_belongs_to_the_commands_before_it(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(
        "# One\n```json\n1\n```\n```sh\na\n```\nIt prints:\n```json\n2\n```\n```json\n3\n```\n"
        "```sh\nb\n```\n## Two\n```text\n4\n```\n```sh\nc\n```\n```python\nd\n```\n```text\n5\n```\n"
    )
    steps = [(step.commands, step.answer.text if step.answer else None) for step in steps_of(document)]
    assert steps == [("a", "2"), ("b", None), ("c", None)]


def test_a_block_that_names_a_file_is_written_to_it(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text("```python a.py\nprint('$HOME')\n```\n```sh\ncat a.py\n```\n")
    write, read = steps_of(document)
    shell = Shell(tmp_path, tmp_path, {"PATH": "/usr/bin:/bin"})
    try:
        shell.run(write.commands)
        assert shell.run(read.commands).output == "print('$HOME')\n"
    finally:
        shell.close()


def test_a_shell_keeps_its_variables_and_ends_with_a_command_that_fails(tmp_path: Path) -> None:
    shell = Shell(tmp_path, tmp_path, {"PATH": "/usr/bin:/bin"})
    try:
        shell.run("a=17")
        assert shell.run("echo $a; echo besides >&2").output == "17\n"
        with pytest.raises(AssertionError, match="a command failed"):
            shell.run("false\necho not reached")
    finally:
        shell.close()
