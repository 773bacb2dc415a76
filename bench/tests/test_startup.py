"""What a process takes to start is told with what its imports take, by the application that its command names."""

import sys

import pytest
from bench.startup import application, imports

from penstock_cli.local.processes import Program


@pytest.mark.parametrize(
    ("command", "module"),
    [
        (["celery", "-A", "penstock_worker_mail.app", "worker", "-Q", "mail"], "penstock_worker_mail.app"),
        (["gunicorn", "-c", "python:penstock_api.gunicorn_conf"], "penstock_api.wsgi"),
        (["gunicorn", "-k", "gevent", "bench.flask_alone:app"], "bench.flask_alone"),
    ],
)
def test_the_application_is_the_one_that_the_command_names(command, module):
    assert application(command) == module


def test_each_package_has_the_time_of_its_own_modules(tmp_path):
    (tmp_path / "slow_one.py").write_text("import time\ntime.sleep(0.1)\nimport slow_two\n")
    (tmp_path / "slow_two").mkdir()
    (tmp_path / "slow_two" / "__init__.py").write_text("import time\ntime.sleep(0.3)\nfrom slow_two import inner\n")
    (tmp_path / "slow_two" / "inner.py").write_text("import time\ntime.sleep(0.4)\n")
    command = [sys.executable, "-m", "celery", "-A", "slow_one", "worker"]
    told = imports(Program("slow", "", command, lambda said: True, environment={"PYTHONPATH": str(tmp_path)}))
    assert list(told)[:2] == ["slow_two", "slow_one"]
    assert told["slow_two"] >= 700
    assert 100 <= told["slow_one"] < told["slow_two"]
