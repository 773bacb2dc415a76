"""The jobs are spread as it is said, each operation is really done, and what is not is found out."""

import pytest
from bench.growth_rows import make_finished
from bench.running import ground
from bench.tenants import TENANTS, TIMES, Result, Side, Wanted, spread
from bench.tenants_report import drawn
from bench.tenants_report import spread as shown
from rich.console import Console


def counted(database):
    with database.connect() as connection:
        return dict(connection.exec_driver_sql("SELECT tenant, count(*) FROM jobs GROUP BY 1").all())


def test_each_tenant_has_as_many_jobs(database):
    make_finished(database, 100)
    spread(database.execution_options(isolation_level="AUTOCOMMIT"), 20)
    assert set(counted(database).values()) == {5}
    assert len(counted(database)) == 20


@pytest.fixture
def side():
    with ground() as ready:
        side = Side(ready, 60, 6)
        yield side, ready.database
        side.close()


def test_a_round_does_each_and_leaves_the_jobs_as_they_were_and_what_is_not_done_is_a_fault(side):
    side, database = side
    before = counted(database)
    side.round()
    side.check()
    assert side.faults == []
    assert counted(database) == before
    assert {name: len(ms) for name, ms in side.took.ms.items()} == dict.fromkeys(
        (
            "accept one",
            "first page, after another tenant's",
            "first page",
            "page of one state, which nobody has",
            "rates of the queues",
        ),
        TIMES,
    )
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET state = 'running'")
        connection.exec_driver_sql("DELETE FROM jobs WHERE tenant = 't6'")
    side.round()
    side.check()
    assert "6 tenants: GET /v1/jobs?limit=5&state=running: jobs: 5 instead of 0" in side.faults
    assert side.faults[-2:] == ["6 tenants: jobs: 50 instead of 60", "6 tenants: tenants with jobs: 5 instead of 6"]


def test_a_ratio_is_told_for_each_number_of_tenants(tmp_path):
    ms = {count: {"accept one": [1.0, 2.0, 2.0 * number + 1]} for number, count in enumerate(TENANTS)}
    result = Result(Wanted(100_000, 1), {1: {"accept one": [1.0]}} | {count: ms[count] for count in TENANTS[1:]})
    assert result.ratio("accept one", 10_000) == 2.0
    console = Console(width=160, record=True)
    console.print(shown(result))
    assert next(
        line.split() for line in console.export_text().splitlines() if line.strip().startswith("accept one")
    ) == ["accept", "one", "1.00", "2.00", "×", "2.00", "×", "2.00", "×", "2.00", "×"]
    drawn(result, tmp_path / "tenants.png")
    assert (tmp_path / "tenants.png").stat().st_size > 1000
