"""The cost of a message is told for each size, and all that was counted was done."""

import io

import pytest
from bench.sizes import PAYLOAD, WORKERS, Wanted, measure
from bench.sizes_report import drawn, grown
from bench.worker_run import Bench
from bench.worker_throughput import CELERY, PENSTOCK
from own_redis import own_redis
from rich.console import Console


@pytest.fixture
def result(tmp_path):
    with own_redis(tmp_path) as server:
        server.client.close()
        yield measure(
            Bench(server.url, tmp_path),
            Wanted(1, 1, 1000, {PAYLOAD: (50_000,), WORKERS: (2,)}),
            lambda line: None,
        )


def test_each_size_has_its_cost(result, tmp_path):
    assert result.faults == []
    for by_name in result.costs.values():
        assert by_name.keys() == {PENSTOCK, CELERY}
        for by_size in by_name.values():
            assert all(one.count > 0 and one.rate > 0 for cost in by_size.values() for one in cost.runs)
    [two] = result.costs[WORKERS][CELERY].values()
    assert two.idle_commands[0] > 0.5, "two workers ask for work"
    said = io.StringIO()
    Console(width=160, file=said).print(grown(result))
    assert "50,000" in said.getvalue()
    drawn(result, tmp_path / "sizes.png")
    assert (tmp_path / "sizes.png").stat().st_size > 10_000
