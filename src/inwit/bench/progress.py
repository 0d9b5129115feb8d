"""What a person sees while a grid of jobs runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from rich.console import Console
from rich.live import Live
from rich.text import Text

from inwit.bench.grid import Run
from inwit.core.terminal import can_change

R = TypeVar("R")
PERIOD = 0.5  # seconds between two views of the grid at work


class Progress(Generic[R]):
    """What a person sees while a grid runs: one changing view on a terminal, else a line for each finished job."""

    def __init__(self, target: Console, total: int, outcome: Callable[[R], str]) -> None:
        self.target, self.total, self.outcome = target, total, outcome
        self.live = Live(console=target, auto_refresh=False, transient=True) if can_change(target) else None
        self.shown: int | None = None  # results that were shown; None before the first call
        self.shown_at = 0.0

    def __enter__(self) -> Progress[R]:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, results: list[R], runs: list[Run[R]]) -> None:
        if self.shown is None:  # what was finished before is only counted
            self.shown = len(results)
            if results:
                self.target.print(f"{self.shown} of {self.total} runs were finished before and are kept")
        if not self.live:
            for result in results[self.shown :]:
                self.shown += 1
                self.target.print(f"finished {self.shown}/{self.total}: {self.outcome(result)}", soft_wrap=True)
        elif time.monotonic() - self.shown_at >= PERIOD:
            self.shown_at = time.monotonic()
            self.live.update(self._view(results, runs), refresh=True)

    def _view(self, results: list[R], runs: list[Run[R]]) -> Text:
        lines = [f"finished {len(results)}/{self.total}"]
        lines += [f"  running {run.job.name}  {time.monotonic() - run.started:.0f} s" for run in runs]
        return Text("\n".join([*lines, *([f"  last: {self.outcome(results[-1])}"] if results else [])]))
