"""Many files are written, or none."""

import errno
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


def write(root: Path, contents: Mapping[str, bytes]) -> None:
    """Write each file under `root`, and make the folders it needs.

    Where that fails, or is interrupted, all is put back as it was, and the error is raised.
    """
    # Within `root`, so that putting a file into its place, or back, is a change of names that needs no room.
    with tempfile.TemporaryDirectory(prefix=".penstock-", dir=root) as folder:
        written = {name: Path(folder) / f"{number}.new" for number, name in enumerate(contents)}
        for name, path in written.items():
            path.write_bytes(contents[name])
        exchange = _Exchange()
        try:
            for name, path in written.items():
                exchange.put(path, root / name)
        except BaseException:
            exchange.undo()
            raise


@dataclass
class _Exchange:
    """Files that were put into their places, with what had been there, and the folders that were made for them."""

    files: list[tuple[Path, Path | None]] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def put(self, new: Path, place: Path) -> None:
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder is in the way", str(place))
        for folder in reversed([one for one in place.parents if not one.exists()]):
            folder.mkdir()
            self.folders.append(folder)
        old = None
        if place.exists():
            shutil.copymode(place, new)
            old = new.with_suffix(".old")
            old.hardlink_to(place)
        self.files.append((place, old))
        new.replace(place)

    def undo(self) -> None:
        for place, old in reversed(self.files):
            if old:
                old.replace(place)
            else:
                place.unlink(missing_ok=True)
        for folder in reversed(self.folders):
            folder.rmdir()
