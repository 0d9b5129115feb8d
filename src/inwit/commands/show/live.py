"""The live view of a training: one table on a terminal, a plain line every few seconds when piped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from inwit.core.columns import Columns, can_change
from inwit.core.results import Json
from inwit.core.text import percent

if TYPE_CHECKING:
    from inwit.training.config import Config
    from inwit.training.metrics import Update


class Progress:
    """Shows updates as they come. Columns of what a learner or a world does not report are left out."""

    def __init__(self, target: Console, config: Config) -> None:
        self.target = target
        self.config = config
        self.live = Live(console=target, auto_refresh=False, transient=False) if can_change(target) else None
        self.period = 0.1 if self.live else 2.0
        self.shown_at = 0.0

    def __enter__(self) -> Progress:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, update: Update) -> None:
        """Show an update, if the last one shown is long enough ago or if it is the one that ends the training."""
        last = bool(update.solved) or update.index + 1 == self.config.training.max_updates
        if time.monotonic() - self.shown_at < self.period and not last:
            return
        self.shown_at = time.monotonic()
        summary = update.summary()
        if self.live:
            self.live.update(self._table(summary), refresh=True)
        else:
            self.target.print(line(summary))

    def _table(self, summary: Json) -> Group:
        """The stages come first: they are what is waited for."""
        title = f"training {self.config.recipe} (seed {self.config.seed})"
        shown = {f"stage {stage}": rate for stage, rate in _rates(summary).items()} | _figures(summary)
        return Group(
            Text(title, "italic"), Columns(list(shown), [list(shown.values())], keep=0, left=(), wide=True, least=8)
        )


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
