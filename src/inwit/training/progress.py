"""The view of a training: a table that changes, on a terminal or in a notebook; else a plain line every few seconds."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from inwit.core.columns import Columns
from inwit.core.results import Json
from inwit.core.shown import Shown
from inwit.core.terminal import can_change, console
from inwit.core.text import percent

if TYPE_CHECKING:
    from inwit.training.config import Config
    from inwit.training.metrics import Update

Callback = Callable[["Update"], object]


class Progress:
    """Shows updates as they come. Columns of what a learner or a world does not report are left out."""

    def __init__(self, target: Console, config: Config) -> None:
        self.target = target
        self.config = config
        self.live = Live(console=target, auto_refresh=False, transient=False) if can_change(target) else None
        self.notebook = _Notebook() if _in_notebook() else None
        self.period = 0.1 if self.live else 0.5 if self.notebook else 2.0
        self.shown_at = 0.0

    def __enter__(self) -> Progress:
        if self.live:
            with self._lasting():
                self.live.start()
            if self.period == math.inf:  # there is nothing to stop
                self.live = None
        return self

    def __exit__(self, *exception: object) -> None:
        if self.live:
            with suppress(OSError):  # of a terminal that is gone
                self.live.stop()

    def __call__(self, update: Update) -> None:
        """Show an update, if the last one shown is long enough ago or if it is the one that ends the training."""
        last = bool(update.solved) or update.index + 1 == self.config.training.max_updates
        waits = time.monotonic() - self.shown_at < self.period
        if waits and (not last or self.period == math.inf):
            return
        self.shown_at = time.monotonic()
        with self._lasting():
            self._show(update.summary())

    @contextmanager
    def _lasting(self) -> Iterator[None]:
        """A terminal that is gone ends no training, but this view. A reader of stdout that has ended, such as head,
        ends the command."""
        try:
            yield
        except OSError as error:
            if isinstance(error, BrokenPipeError) and not self.target.stderr:
                raise
            self.period = math.inf

    def _show(self, summary: Json) -> None:
        view = View(f"training {self.config.recipe} (seed {self.config.seed})", summary)
        if self.live:
            self.live.update(view.__rich__(), refresh=True)
        elif self.notebook:
            self.notebook.show(view)
        else:
            self.target.print(line(summary))


class View(Shown):
    """A training at one moment. The stages come first: they are what is waited for."""

    def __init__(self, title: str, summary: Json) -> None:
        self.title, self.summary = title, summary

    def __rich__(self) -> Group:
        shown = {f"stage {stage}": rate for stage, rate in _rates(self.summary).items()} | _figures(self.summary)
        table = Columns(list(shown), [list(shown.values())], keep=0, left=(), wide=True, least=8)
        return Group(Text(self.title, "italic"), table)


class _Notebook:
    """A place below a notebook's cell, whose content is replaced."""

    def __init__(self) -> None:
        self.handle: Any = None

    def show(self, view: View) -> None:
        if self.handle is None:
            self.handle = import_module("IPython.display").display(view, display_id=True)
        else:
            self.handle.update(view)


@contextmanager
def watching(config: Config, callback: Callback | None, wanted: bool) -> Iterator[Callback | None]:
    """The callback of a training, with the view before it, if that is wanted."""
    if not wanted:
        yield callback
        return
    with Progress(console(stderr=True), config) as show:

        def both(update: Update) -> object:
            show(update)
            return None if callback is None else callback(update)

        yield both


def _in_notebook() -> bool:
    """Whether this program is a notebook's: a kernel, not IPython on a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def line(summary: Json) -> str:
    """A summary in one line."""
    shown, rates = _figures(summary), _rates(summary)
    parts = [f"update {shown['update']}", f"{shown['seconds']} s"]
    parts += [f"{shown[name]} {name}" for name in ("episodes/s", "tokens/s")]
    parts += [f"success {' '.join(rates.values())}"] if rates else []
    return "  ".join(parts + ([f"entropy {shown['entropy']}"] if "entropy" in shown else []))


def _figures(summary: Json) -> dict[str, str]:
    """By heading. A learner need not report an entropy, and one that is not finite is None."""
    seconds, entropy = summary["seconds"], summary.get("entropy")
    speeds = {f"{what}/s": f"{summary[what] / max(seconds, 1e-9):,.0f}" for what in ("episodes", "tokens")}
    last = {} if entropy is None else {"entropy": f"{entropy:.3f}"}
    return {"update": str(summary["update"]), "seconds": f"{seconds:.1f}", **speeds, **last}


def _rates(summary: Json) -> dict[str, str]:
    """The running success of the stages that are trained: a stage that is all test set has none."""
    return {stage: percent(rate) for stage, rate in summary["success"].items() if rate is not None}
