"""`penstock` as people run it, against the cluster that KUBECONFIG names."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cluster.release import ROOT, Values

PENSTOCK = Path(sys.executable).with_name("penstock")


class Ended(NamedTuple):
    """How a command ended: its status, what it printed, and what it said on standard error."""

    status: int
    printed: str
    said: str

    @property
    def found(self) -> list[dict[str, str]]:
        """The findings that it printed with --json."""
        return list(json.loads(self.printed))

    @property
    def codes(self) -> set[str]:
        """Their codes."""
        return {one["code"] for one in self.found}

    def finding(self, code: str) -> str:
        """What the first finding with this code says, and its fix."""
        one = next((one for one in self.found if one["code"] == code), None)
        assert one is not None, f"no {code} in {self.found}"
        return f"{one['about']}: {one['what']} → {one['fix']}"


def penstock(*arguments: str, env: Mapping[str, str] | None = None, seconds: float = 300) -> Ended:
    """Run it in the repository, where its chart is."""
    done = subprocess.run(
        [str(PENSTOCK), *arguments],
        cwd=ROOT,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def deploy(namespace: str, values: Values, folder: Path, *more: str, env: Mapping[str, str] | None = None) -> Ended:
    """`penstock deploy --json` with these values, from a file."""
    file = folder / "values.yaml"
    file.write_text(json.dumps(values), encoding="utf-8")
    return penstock("deploy", "-n", namespace, "-f", str(file), "--json", *more, env=env)


def doctor(namespace: str, *more: str) -> Ended:
    """`penstock doctor --json` there."""
    return penstock("doctor", "-n", namespace, "--json", *more)


def kubeconfig(folder: Path, change: Callable[[dict[str, Any]], None]) -> dict[str, str]:
    """An environment with another kubeconfig: the present one after `change`."""
    said = subprocess.run(
        ["kubectl", "config", "view", "--raw", "--flatten", "-o", "json"], capture_output=True, check=True, timeout=60
    ).stdout
    found = json.loads(said)
    change(found)
    file = folder / "kubeconfig"
    file.write_text(json.dumps(found), encoding="utf-8")
    return {"KUBECONFIG": str(file)}
