"""The tables of cli/README.md say what is."""

from pathlib import Path

import pytest

from penstock_cli.settings import ClientSettings, CliSettings
from penstock_cli.statuses import Status
from penstock_runtime.settings import Settings, environment_names

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("` "): cells[1].strip("` ")
    for line in README.splitlines()
    if line.startswith("| ")
    for cells in [line.strip("|").split("|")]
}


@pytest.mark.parametrize("settings", [CliSettings, ClientSettings])
def test_every_setting_is_told_with_its_default(settings: type[Settings]) -> None:
    for field_name, field in settings.model_fields.items():
        name = environment_names(field_name, field)[0]
        # The result backend is told in the row of the database, which it can name too.
        told = ROWS[name] if name != "CELERY_RESULT_BACKEND" else name in README
        assert told
        if isinstance(field.default, int | float):
            assert float(told) == field.default, name


def test_every_status_is_told() -> None:
    assert {int(name) for name in ROWS if name.isdecimal()} == {*Status}
