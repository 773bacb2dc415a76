"""python -m penstock_runtime.doctor

Prints what is wrong as one JSON array on standard output; empty: nothing. Status 1 where its own settings are wrong,
which is in the array too; else 0.
"""

import json
import sys
from dataclasses import asdict

from penstock_runtime.doctor.codes import Code
from penstock_runtime.doctor.examination import examine
from penstock_runtime.errors import SettingsError
from penstock_runtime.findings import Finding
from penstock_runtime.settings import RuntimeSettings, load


def main() -> int:
    """The status to end with."""
    status = 0
    try:
        found = examine(load(RuntimeSettings))
    except SettingsError as error:
        found = [wrong_setting(error)]
        status = 1
    sys.stdout.write(json.dumps([asdict(finding) for finding in found]) + "\n")
    return status


def wrong_setting(error: SettingsError) -> Finding:
    """The finding that a setting is wrong."""
    return Finding(Code.SETTINGS, "settings", error.message, "set what it names, in the environment or the values")


if __name__ == "__main__":
    sys.exit(main())
