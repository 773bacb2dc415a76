"""Values as they are given to `penstock deploy`, and the log lines of one job."""

from pathlib import Path

import pytest

from penstock_cli.cluster.status import SCALED
from penstock_cli.cluster.values import ValuesError, find_chart, merged, read_values
from penstock_cli.job_logs import LogsError, check, in_folder, lines_of, time_of

JOB = "01a2230e-e2e5-7243-a107-92838afbf5a5"
OTHER = "01a2230e-0000-7243-a107-92838afbf5a5"


def test_maps_are_merged_and_all_else_is_replaced() -> None:
    assert merged({"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 2}}) == {
        "a": {"b": 1, "c": [3]},
        "d": {"e": 2},
    }


def test_a_setting_is_yaml_at_a_path_and_lies_over_the_files(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("api: {replicas: 1, podLabels: {a.b: old}}\n", encoding="utf-8")
    found = read_values([file], ["api.replicas=3", r"api.podLabels.a\.b=new", "extraEnv=[{name: A, value: '1'}]"])
    assert found == {
        "api": {"replicas": 3, "podLabels": {"a.b": "new"}},
        "extraEnv": [{"name": "A", "value": "1"}],
    }


@pytest.mark.parametrize("wrong", ["api", "=3", "a..b=3", "a.b=["])
def test_a_setting_that_is_none_is_told_without_its_value(wrong: str) -> None:
    with pytest.raises(ValuesError, match="--set"):
        read_values([], [wrong])


@pytest.mark.parametrize(
    ("text", "words"), [("- 1\n", "holds no values"), ("a: [\n", "is no YAML: line 2"), ("a: {b: }}\n", "is no YAML")]
)
def test_a_file_that_holds_no_values_is_told_with_the_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValuesError, match=words):
        read_values([file], [])


def test_the_chart_is_found_from_anywhere_in_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_chart(None).endswith("charts/penstock")
    assert find_chart("oci://registry.example.com/penstock") == "oci://registry.example.com/penstock"


@pytest.mark.parametrize(
    "text",
    ["Scaled up replica set worker-7c4f from 0 to 3", "Scaled up replica set worker-7c4f to 3 from 0"],
)
def test_a_change_of_the_number_of_pods_is_read_in_old_words_and_new_ones(text: str) -> None:
    found = SCALED.match(text)
    assert found is not None
    assert (found["a"] or found["c"], found["b"] or found["d"]) == ("0", "3")


def test_lines_of_a_job_are_those_that_name_it_with_what_follows_them() -> None:
    log = [
        "a line from before any time",
        f'{{"event": "started", "job": "{JOB}", "timestamp": "2026-11-28T16:48:30.327529Z"}}',
        f"2026-11-28T16:48:31.000000Z [error    ] fault  job={JOB}",
        "Traceback (most recent call last):",
        "ValueError",
        f"2026-11-28T16:48:32.000000Z [info     ] started  job={OTHER}",
    ]
    first, second = lines_of(JOB, "worker-mail", log)
    assert first.as_json()["event"] == "started"
    assert second.text.endswith("Traceback (most recent call last):\nValueError")
    assert "16:48:31" not in first.as_text().plain
    assert "ValueError" in second.as_text().plain


def test_logs_of_all_processes_are_put_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "api.log").write_text(f"2026-11-28T16:00:02Z accepted {JOB}\n", encoding="utf-8")
    (logs / "worker-mail.log").write_text(f"2026-11-28T16:00:03Z took {JOB}\n", encoding="utf-8")
    (logs / "worker-mail.log.1").write_text(f"2026-11-28T16:00:01Z tried {JOB}\n", encoding="utf-8")
    assert [line.source for line in in_folder(JOB, tmp_path)] == ["worker-mail", "api", "worker-mail"]


def test_what_is_no_id_and_a_folder_without_logs_are_said(tmp_path: Path) -> None:
    with pytest.raises(LogsError, match="no id of a job"):
        check("*")
    with pytest.raises(LogsError, match="no suite has run"):
        in_folder(JOB, tmp_path)
    assert time_of("no time at all") is None
