"""What a training writes while it goes on, to a disk that may refuse it for a while: that is said, and tried again."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from inwit.core import storage
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.storage import Tell
from inwit.runs import writing

MOST = 10_000  # lines that wait in memory


class Refusals:
    """Says that the disk refuses something: once, until it works again."""

    def __init__(self, path: Path, tell: Tell) -> None:
        self.path, self.tell, self.said = path, tell, False

    def refused(self, error: UserError, then: str) -> None:
        if not self.said:
            self.said = True
            gone = f"the run {self.path} is gone: it was renamed or deleted while it was trained"
            self.tell(f"{error if self.path.is_dir() else gone}; the training goes on, and {then}")

    def worked(self) -> None:
        self.said = False


class Journal:
    """The files of lines of a run. Lines that the disk refuses wait in memory, in order."""

    def __init__(self, path: Path, tell: Tell) -> None:
        self.path, self.refusals = path, Refusals(path, tell)
        self.waiting: deque[tuple[str, Json]] = deque()
        self.lost = 0

    def add(self, name: str, line: Json) -> None:
        """Write a line, after those that wait. Never raises for a disk that refuses it."""
        self.waiting.append((name, line))
        try:
            self.flush()
        except UserError as error:
            self.refusals.refused(error, "its lines wait in memory until they can be written")
        if len(self.waiting) > MOST:
            self.waiting.popleft()
            self.lost += 1
            if self.lost == 1:
                self.refusals.tell(f"{MOST:,} lines of the run {self.path} wait in memory: from here on the oldest go")

    def flush(self) -> None:
        """Write the lines that wait. Raises `UserError` if the disk refuses one."""
        while self.waiting:
            writing.append(self.path, *self.waiting[0])
            self.waiting.popleft()
        self.refusals.worked()

    def lengths(self) -> dict[str, int]:
        """How long each file is, with everything in it on the disk. Raises `UserError` or `OSError`."""
        self.flush()
        return {name: self._synced_length(self.path / name) for name in writing.LINES}

    def _synced_length(self, file: Path) -> int:
        if not file.exists():
            return 0
        storage.sync(file)
        return file.stat().st_size
