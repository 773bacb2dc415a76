"""What the tests of measurements stand on."""

import pytest
from bench.worker_run import Bench


@pytest.fixture
def bench(redis_url, tmp_path):
    bench = Bench(redis_url, tmp_path)
    yield bench
    bench.client.close()
