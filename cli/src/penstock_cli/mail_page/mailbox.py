"""The received mails, one .eml file each, bounded in number and bytes."""

import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"\d{20}-[0-9a-f]{8}")


@dataclass(frozen=True)
class Mailbox:
    """A folder of mails. Above `most_mails` or `most_bytes` the oldest go; the newest always stays."""

    folder: Path
    most_mails: int
    most_bytes: int

    def keep(self, content: bytes) -> str:
        """Store a mail as it was received, and return its id. Raises OSError where the disk is full."""
        mail_id = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f"{mail_id}.new"
        draft.write_bytes(content)
        draft.replace(self._path(mail_id))
        self._make_room()
        return mail_id

    def ids(self) -> list[str]:
        """All mails, newest first."""
        names = (path.stem for path in self.folder.glob("*.eml"))
        return sorted(filter(_NAME.fullmatch, names), reverse=True)

    def read(self, mail_id: str, *, first: int = -1) -> bytes | None:
        """A mail's bytes, or its `first` ones; None where there is no such mail."""
        if not _NAME.fullmatch(mail_id):
            return None
        try:
            with self._path(mail_id).open("rb") as file:
                return file.read(first)
        except FileNotFoundError:
            return None

    def _path(self, mail_id: str) -> Path:
        return self.folder / f"{mail_id}.eml"

    def _make_room(self) -> None:
        held = 0
        for place, mail_id in enumerate(self.ids()):
            held += self._path(mail_id).stat().st_size
            if place and (place >= self.most_mails or held > self.most_bytes):
                self._path(mail_id).unlink(missing_ok=True)
