"""Findings as they are shown: a line each, errors first, the fix below; and the status that they end with."""

import json

import pytest
import typer

from penstock_cli.findings import end, read_findings, show_findings
from penstock_cli.statuses import Status
from penstock_runtime.findings import Finding, Level

SLOW = Finding("old_backlog", "queue mail", "its oldest message has waited for 20 min", "scale it", Level.WARNING)
GONE = Finding("redis_unreachable", "Redis", "connection to [::1]:1 refused", "start it")


def test_each_finding_is_a_line_with_its_fix_below_it_and_errors_come_first(capsys):
    show_findings([SLOW, GONE], "Redis", as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "error    Redis: connection to [::1]:1 refused",
        "    fix  start it",
        "warning  queue mail: its oldest message has waited for 20 min",
        "    fix  scale it",
    ]


def test_a_finding_however_long_stays_on_its_line(capsys):
    show_findings([Finding("c", "Redis", "word " * 200, "start it")], "Redis", as_json=False)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_where_nothing_is_wrong_it_is_said_what_was_looked_at(capsys):
    show_findings([], "Redis and PostgreSQL", as_json=False)
    assert capsys.readouterr().out == "nothing wrong found; looked at Redis and PostgreSQL\n"


def test_as_json_they_are_one_array_that_reads_back_the_same(capsys):
    show_findings([SLOW, GONE], "Redis", as_json=True)
    said = capsys.readouterr().out
    assert json.loads(said)[0] == {
        "code": "redis_unreachable",
        "about": "Redis",
        "what": "connection to [::1]:1 refused",
        "fix": "start it",
        "level": "error",
    }
    assert read_findings(said) == [GONE, SLOW]


@pytest.mark.parametrize("text", ["", "Traceback", '{"code": "x"}', '[{"code": "x"}]', '[{"level": "sad"}]'])
def test_what_is_no_findings_is_refused(text):
    with pytest.raises(ValueError, match=r"no findings|Expecting|sad"):
        read_findings(text)


def test_an_error_ends_the_command_with_a_status_of_its_own_and_a_warning_does_not():
    end([SLOW])
    with pytest.raises(typer.Exit) as ended:
        end([SLOW, GONE])
    assert ended.value.exit_code == Status.UNSUCCESSFUL
