"""`penstock-celery` does what `celery` does, and a worker or a beat of it loads less."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
from celery.bin.celery import celery as whole

from penstock_runtime.celery_command import ALONE, OF_ALL, parsed

APP = """
import json, sys
from celery import Celery, signals
from click import Option

app = Celery("shop", broker="redis://127.0.0.1:1/0", set_as_current=False)
app.user_options["worker"].add(Option(["--fast"], is_flag=True))
app.user_options["preload"].add(Option(["--shelf"], default="top"))

@signals.user_preload_options.connect
def chosen(options, **_):
    app.shelf = options["shelf"]

@signals.celeryd_init.connect
def say(options, conf, **_):
    heavy = sorted({"prompt_toolkit", "celery.bin.events"} & sys.modules.keys())
    patched = "gevent.monkey" in sys.modules
    print(json.dumps({"heavy": heavy, "gevent": patched, "shelf": app.shelf, "fast": options["fast"],
                      "concurrency": options["concurrency"], "broker": app.conf.broker_url}))
    raise SystemExit(7)
"""


@dataclass(frozen=True)
class Said:
    """What a command said before it ended."""

    status: int
    output: str
    error: str


@pytest.fixture
def run(tmp_path):
    """Run `celery` or `penstock-celery` where there are an application `shop` and a broken one."""
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "broken.py").write_text("import no_such_module")

    def run(module, *arguments, **environment):
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True, timeout=60
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


READ_ANYHOW = {"CELERY_LOADER", "CELERY_RESULT_BACKEND", "CELERY_SKIP_CHECKS"}
"""Variables that an application of Celery's reads by these names itself."""

OURS, CELERYS = "penstock_runtime.celery_command", "celery"

WORKER = ("-A", "shop", "worker", "-P", "gevent", "-c", "3", "--fast", "--shelf", "low")


def test_a_worker_starts_with_the_same_options_and_loads_less(run):
    ours, celerys = (run(module, *WORKER) for module in (OURS, CELERYS))
    assert ours.status == celerys.status == 7, ours.error + celerys.error
    less, all_of_it = json.loads(ours.output), json.loads(celerys.output)
    assert (less.pop("heavy"), all_of_it.pop("heavy")) == ([], ["celery.bin.events", "prompt_toolkit"])
    assert less == all_of_it
    assert (less["gevent"], less["concurrency"], less["shelf"]) == (True, 3, "low")


@pytest.mark.parametrize("subcommand", ALONE)
def test_its_help_is_celerys(run, subcommand):
    ours, celerys = (run(module, "-A", "shop", subcommand, "--help") for module in (OURS, CELERYS))
    # The first line names the program.
    assert ours.output.splitlines()[1:] == celerys.output.splitlines()[1:]
    assert ours.output.startswith(f"Usage: penstock-celery {subcommand} [OPTIONS]")


@pytest.mark.parametrize(
    "arguments",
    [
        ("-A", "nowhere", "worker"),
        ("-A", "broken", "worker"),
        ("-A", "shop:nothing", "beat"),
        ("-A", "shop", "worker", "--no-such-option"),
        ("-A", "shop", "dance"),
        ("worker", "-A", "shop"),
        (),
    ],
)
def test_what_it_cannot_do_it_refuses_as_celery_does(run, arguments):
    ours, celerys = (run(module, *arguments) for module in (OURS, CELERYS))
    assert ours.status == celerys.status
    last = [(said.error or said.output).splitlines()[-1] for said in (ours, celerys)]
    assert last[0] == last[1]


def test_what_celery_reads_from_the_environment_before_the_subcommand_has_its_effect(run):
    said = json.loads(run(OURS, *WORKER, BROKER_URL="redis://127.0.0.1:2/0").output)
    assert said["broker"] == "redis://127.0.0.1:2/0"


def test_the_variables_are_those_of_celerys_command():
    options = [option for option in whole.params if option.name != "app"]
    named = {option.envvar for option in options if option.envvar}
    assert named | {f"CELERY_{option.name.upper()}" for option in options} == OF_ALL | READ_ANYHOW


@pytest.mark.parametrize("start", [("-A", "shop"), ("--app", "shop"), ("--app=shop",)])
def test_an_application_is_named_in_any_of_celerys_ways(start):
    assert parsed([*start, "worker", "-c", "3"]) == ("shop", "worker", ["-c", "3"])


@pytest.mark.parametrize("arguments", [[], ["worker"], ["-q", "-A", "shop", "worker"], ["-A", "shop"]])
def test_what_has_something_else_before_it_is_celerys(arguments):
    assert parsed(arguments) == ("", "", [])
