"""Those of their tests that are not run, from excluded/: each named, with what it touches and why that is not ours."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "excluded"


@dataclass(frozen=True)
class Exclusion:
    """One test, class of tests or file, and the internal that it touches."""

    test: str
    touches: str
    why: str

    def fits(self, nodeid: str) -> bool:
        """Whether this names the test: by the end of its file's path, its class, its function, its parameters."""
        named = nodeid.rpartition("/")[2]
        return named == self.test or named.startswith((f"{self.test}::", f"{self.test}["))


def excluded(suite: str) -> tuple[Exclusion, ...]:
    """All exclusions from one suite."""
    groups = tomllib.loads((FOLDER / f"{suite}.toml").read_text(encoding="utf-8"))
    return tuple(Exclusion(test, touches, group["why"]) for touches, group in groups.items() for test in group["tests"])
