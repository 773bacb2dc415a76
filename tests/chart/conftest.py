"""The chart as Helm renders it. helm4 and helm3 are put into .tools/helm by `make test`."""

from collections.abc import Callable
from typing import Any

import pytest
from chart.binaries import binary
from chart.rendering import Rendered, Values, rendered, template


@pytest.fixture(scope="session")
def helm() -> str:
    return binary("helm4")


@pytest.fixture(scope="session")
def helm3() -> str:
    return binary("helm3")


@pytest.fixture(scope="session")
def render(helm: str) -> Callable[..., Rendered]:
    """The objects for these values: `render({"redis": {…}})`. The same values are rendered once a run."""
    known: dict[str, Rendered] = {}

    def run(values: Values | None = None, *options: str, **named: Any) -> Rendered:
        key = repr((values, options, sorted(named.items())))
        if key not in known:
            done = template(helm, values or {}, *options, **named)
            assert done.returncode == 0, done.stderr
            known[key] = rendered(done.stdout)
        return known[key]

    return run


@pytest.fixture(scope="session")
def refusal(helm: str) -> Callable[..., str]:
    """What is said of values that are refused."""

    def run(values: Values, **named: Any) -> str:
        done = template(helm, values, **named)
        assert done.returncode != 0, "these values were taken"
        return str(done.stderr)

    return run
