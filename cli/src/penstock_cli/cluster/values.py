"""The values that are given to the chart, and the chart itself."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

import penstock_cli
from penstock_runtime.errors import PenstockError

Values = dict[str, Any]

CHART = Path("charts/penstock")


class ValuesError(PenstockError):
    """A file of values, a `--set` or the chart cannot be used."""

    code = "values"


def find_chart(given: str | None) -> str:
    """The chart that was named, else that of the repository one stands in, or that this program lies in.

    Raises ValuesError where there is none.
    """
    if given is not None:
        return given
    here = [Path.cwd(), *Path.cwd().parents, *Path(penstock_cli.__file__).resolve().parents]
    for folder in here:
        if (folder / CHART / "Chart.yaml").exists():
            return str(folder / CHART)
    raise ValuesError(
        f"there is no {CHART} here; name the chart with --chart, a folder, an archive or an oci:// address"
    )


def read_values(files: Sequence[Path], settings: Sequence[str]) -> Values:
    """The files laid one over another, and the settings over all. Raises ValuesError."""
    result: Values = {}
    for file in files:
        result = merged(result, _read(file))
    for setting in settings:
        result = merged(result, _read_setting(setting))
    return result


def merged(*parts: Mapping[str, Any]) -> Values:
    """As Helm does it: maps are merged, all else is replaced."""
    result: Values = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
            result[key] = merged(result[key], value) if both else value
    return result


def _read(file: Path) -> Values:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError) as error:
        raise ValuesError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        raise ValuesError(f"{file}: is no YAML{_place(error)}") from None
    if not isinstance(found, dict):
        raise ValuesError(f"{file}: holds no values, which are a map from names to values")
    return found


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f": line {mark.line + 1}, {getattr(error, 'problem', None) or 'unreadable'}" if mark else ""


def _read_setting(setting: str) -> Values:
    """`workers.mail.concurrency=20`: the value is YAML; `\\.` is a dot within a name."""
    path, equals, text = setting.partition("=")
    names = [name.replace("\0", ".") for name in path.replace("\\.", "\0").split(".")]
    if not equals or not all(names):
        raise ValuesError(f"--set {path or setting}: looks like workers.mail.concurrency=20")
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValuesError(f"--set {path}: its value is no YAML") from None
    return _nested(names, value)


def _nested(names: Iterable[str], value: Any) -> Values:
    first, *rest = names
    return {first: _nested(rest, value) if rest else value}
