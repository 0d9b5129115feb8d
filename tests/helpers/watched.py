"""A page that asks about trainings, without a browser: it keeps what is pushed. And a loop that starts and stops many.

`python watched.py 20` starts and stops 20 trainings, two at a time."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from inwit.core.results import Json
from inwit.playground.asking import Runs
from inwit.playground.watching import Watching
from recorded import edit

TINY: Json = {"policy.width": 4, "training.episodes": 32, "training.max_updates": 1_000_000}


GOLDEN = Path(__file__).parents[1] / "golden" / "runs" / "tutorial-finished"


def put_golden(runs: Path, name: str, change: Callable[[Json], Any] = lambda record: None) -> Path:
    """A run of the tutorial called `name` among `runs`, which no test has to train; `change` may edit its record."""
    path = runs / name
    shutil.copytree(GOLDEN, path)
    edit(path, change)
    return path


class Page:
    """Asks, and keeps the lines that come."""

    def __init__(self, watching: Watching | None = None) -> None:
        self.watching = Watching(Runs(), lambda text: self.told.append(text)) if watching is None else watching
        self.told: list[str] = []
        self.lines: list[Json] = []
        self.gone = threading.Event()
        self._others = set(children())

    def ask(self, name: str, **message: Any) -> Json:
        return getattr(self.watching, name)({"id": 1, "ask": name, **message}, self)

    def stopped(self) -> bool:
        return self.gone.is_set()

    def push(self, line: Json) -> bool:
        self.lines.append(line)
        return not self.gone.is_set()

    def closed(self, seconds: float) -> bool:
        return self.gone.wait(seconds)

    def pushed(self, word: str) -> list[Any]:
        """What has come so far under this word, as `report`."""
        return [each["line"][word] for each in self.lines if word in each["line"]]

    def children(self) -> set[int]:
        """The processes that were started since it is there, and that are still there."""
        return set(children()) - self._others

    def waits_for(self, word: str, count: int = 1, seconds: float = 60.0) -> list[Any]:
        until(lambda: len(self.pushed(word)) >= count, seconds)
        return self.pushed(word)


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


def children() -> list[int]:
    """The processes that this one has started and that are still there, dead ones that nobody asked about, too."""
    return [process for process, parent in _parents() if parent == os.getpid()]


def _parents() -> Iterator[tuple[int, int]]:
    """All processes with their parents."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):  # the process has ended
            yield int(folder.name), int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def resident() -> float:
    """Megabytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def started_and_stopped(count: int) -> dict[str, float]:
    """Start so many trainings, two at a time, follow each, and stop them. Raises AssertionError where a process is
    left; returns by how many megabytes this process has grown since the first two had ended."""
    page = Page()

    def one(number: int) -> str:
        run = page.ask("start", recipe="tutorial", seed=number, settings=TINY)["run"]
        page.ask("follow", run=run)
        return page.ask("stop", run=run)["status"]

    with ThreadPoolExecutor(2) as pool:
        first = list(pool.map(one, range(2)))
        before = resident()
        others = list(pool.map(one, range(2, count)))
    page.watching.close()
    until(lambda: not page.children(), 5.0)
    ended = [status for status in (*first, *others) if status in ("interrupted", "gone")]  # gone: before an update
    return {"stopped": len(ended), "MB more": resident() - before}


if __name__ == "__main__":
    print(started_and_stopped(int(sys.argv[1])))
