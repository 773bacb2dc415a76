"""A cold start falls into phases that add up, and what cannot be measured is said in one line."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from bench.coldstart.moments import READY, SCHEDULED, reached_by, told
from bench.coldstart.phases import PHASES, Cold, Warm
from bench.coldstart.process_age import STAT, UPTIME, age
from bench.coldstart.report import drawn, started
from bench.coldstart.rounds import Result, Wanted
from bench.running import ROOT
from rich.console import Console

ROUND = Cold(accepted=0.01, asked=2.5, scheduled=2.6, began=3.6, ready=9.0, started=5.6, finished=5.75)


def result(*rounds):
    warm = [Warm(0.01, 0.02, 0.03), Warm(0.01, 0.04, 0.05), Warm(0.01, 0.03, 0.04)]
    return Result(Wanted(len(rounds), 5), "v1.34.4", "2.21.0", {"Penstock": list(rounds)}, {"Penstock": warm})


def test_the_phases_of_a_start_add_up_to_the_jobs_end():
    assert ROUND.phases == pytest.approx([2.5, 0.1, 1.0, 2.0, 0.15])
    assert len(ROUND.phases) == len(PHASES)


def test_what_is_seen_before_that_which_it_follows_took_no_time():
    late = Cold(accepted=0.01, asked=2.7, scheduled=2.6, began=3.6, ready=9.0, started=3.5, finished=3.75)
    assert late.phases == pytest.approx([2.7, 0.0, 0.9, 0.0, 0.15])
    assert sum(late.phases) == pytest.approx(late.finished)


def test_a_pod_is_as_far_as_its_conditions_say():
    pod = {"metadata": {"name": "one"}, "status": {"phase": "Pending"}}
    assert reached_by(pod) == set()
    pod["status"]["conditions"] = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]
    pod["status"]["containerStatuses"] = [{"state": {"waiting": {"reason": "ContainerCreating"}}}]
    assert reached_by(pod) == {SCHEDULED}
    assert told(pod) == "one ContainerCreating"
    pod["status"]["conditions"][1]["status"] = "True"
    assert reached_by(pod) == {SCHEDULED, READY}


def test_the_age_of_a_process_is_what_the_kernel_tells_of_it():
    files = (Path(UPTIME), Path(STAT.replace("1", str(os.getpid()))))
    seconds = age("".join(file.read_text() for file in files))
    assert seconds == pytest.approx(time.time() - psutil.Process().create_time(), abs=2)


def test_the_table_has_median_and_range_of_each_phase_and_the_picture_a_bar_for_each_round(tmp_path):
    slower = Cold(accepted=0.03, asked=4.5, scheduled=4.6, began=5.6, ready=11.0, started=8.6, finished=8.75)
    seen = result(ROUND, slower, ROUND)
    console = Console(width=160, record=True, file=(tmp_path / "said").open("w"))
    console.print(started(seen))
    console.file.close()
    said = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert f"{PHASES[0]} 2.50 2.50 – 4.50" in said
    assert "sent until the job starts 5.60 5.60 – 8.60" in said
    assert "Penstock 3 10.0 30.0 40.0" in said
    drawn(seen, tmp_path / "coldstart.png")
    assert (tmp_path / "coldstart.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("kubeconfig", "words"),
    [
        ("", "no cluster is named"),
        (
            "{apiVersion: v1, kind: Config, current-context: c, users: [{name: u, user: {}}], "
            "clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}], "
            "contexts: [{name: c, context: {cluster: k, user: u}}]}",
            "the cluster does not answer",
        ),
    ],
)
def test_without_a_cluster_it_ends_with_one_line_that_says_so(tmp_path, kubeconfig, words):
    named = tmp_path / "kubeconfig"
    if kubeconfig:
        named.write_text(kubeconfig)
    environment = os.environ | {"KUBECONFIG": str(named)}
    command = [sys.executable, "-m", "bench", "coldstart", "--short"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith(f"coldstart was not measured: {words}")
    assert "Traceback" not in done.stdout + done.stderr
