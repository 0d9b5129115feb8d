"""What a person sees while the grid runs: one changing view on a terminal, a line for each finished run when piped."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from inwit.bench.cells import Result
from inwit.bench.grid import Run
from inwit.core.text import percent

PERIOD = 0.5


class Progress:
    def __init__(self, target: Console, total: int) -> None:
        self.target = target
        self.total = total
        self.live = Live(console=target, auto_refresh=False, transient=True) if target.is_terminal else None
        self.first = True
        self.shown = 0
        self.shown_at = 0.0

    def __enter__(self) -> Progress:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, results: list[Result], runs: list[Run]) -> None:
        if self.first:
            self.first = False
            self._begin(results)
        if not self.live:
            for result in results[self.shown :]:
                self.shown += 1
                self.target.print(f"finished {self.shown}/{self.total}: {outcome(result)}", soft_wrap=True)
        elif time.monotonic() - self.shown_at >= PERIOD:
            self.shown_at = time.monotonic()
            self.live.update(self._view(results, runs), refresh=True)

    def _begin(self, results: list[Result]) -> None:
        """What was finished before is only counted."""
        self.shown = len(results)
        if results:
            self.target.print(f"{self.shown} of {self.total} runs were finished before and are kept")

    def _view(self, results: list[Result], runs: list[Run]) -> Text:
        lines = [f"finished {len(results)}/{self.total}"]
        lines += [f"  running {run.cell.name}  {time.monotonic() - run.started:.0f} s" for run in runs]
        return Text("\n".join([*lines, *([f"  last: {outcome(results[-1])}"] if results else [])]))


def outcome(result: Result) -> str:
    """`a2c gru seed 0: 100 % after 3.2 s and 1,234,567 tokens`"""
    name = f"{result.learner} {result.policy} seed {result.seed}"
    if result.failed:
        return f"{name}: failed: {result.failed}"
    if result.to_100:
        return f"{name}: 100 % after {result.to_100.seconds:.1f} s and {result.to_100.tokens:,} tokens"
    return f"{name}: {percent(result.curve[-1].success if result.curve else 0.0)} at the end"
