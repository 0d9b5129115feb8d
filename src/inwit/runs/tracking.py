"""Experiment trackers: TensorBoard, and wandb or MLflow where they are installed. Off by default.

A tracker is one function that takes a line of metrics and one that ends it. One that fails is left out from then on,
which is said once: a training never stops because of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from inwit.core.errors import UserError, unknown

# What each needs, and how to get it.
NEEDS = {
    "tensorboard": ("torch.utils.tensorboard", 'pip install "inwit[track]"'),
    "wandb": ("wandb", "pip install wandb"),
    "mlflow": ("mlflow", "pip install mlflow"),
}


@dataclass
class Tracker:
    """`log` and `close` never raise; `tell` hears of the first failure."""

    name: str
    tell: Callable[[str], None]
    add: Callable[[dict[str, float], int], None] | None = None
    end: Callable[[], None] | None = None

    def start(self, path: Path, config: Any) -> None:
        self._try(lambda: self._open(path, config))

    def log(self, line: dict[str, Any]) -> None:
        add = self.add
        if add is not None:
            self._try(lambda: add(scalars(line), line["update"]))

    def close(self) -> None:
        end, self.add, self.end = self.end, None, None
        if end is not None:
            self._try(end)

    def _open(self, path: Path, config: Any) -> None:
        self.add, self.end = _OPENERS[self.name](path, config)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # whatever somebody else's library raises must not end a training
            self.add = self.end = None
            why = " ".join(f"{type(error).__name__}: {error}".split())
            self.tell(f"{self.name} failed and is left out from now on: {why}")


def make_tracker(name: str | None, tell: Callable[[str], None]) -> Tracker | None:
    """The tracker called `name`, not yet started. Raises `UserError` if it does not exist or is not installed."""
    if name is None:
        return None
    if name not in NEEDS:
        raise unknown("tracker", name, NEEDS)
    module, install = NEEDS[name]
    try:
        import_module(module)
    except ImportError:
        raise UserError(f"{name} is not installed: {install}") from None
    return Tracker(name, tell)


def scalars(line: dict[str, Any]) -> dict[str, float]:
    """A line of metrics as flat numbers: `success/0`; counts of tokens become shares, `tokens_used/0/MUL`."""
    flat: dict[str, float] = {}
    for name, value in line.items():
        if name == "tokens_used":
            for stage, counts in value.items():
                whole = sum(counts.values())
                flat |= {f"{name}/{stage}/{token}": count / whole for token, count in counts.items()}
        elif isinstance(value, dict):
            flat |= {f"{name}/{key}": float(item) for key, item in value.items() if item is not None}
        elif isinstance(value, int | float) and not isinstance(value, bool) and name != "update":
            flat[name] = float(value)
    return flat


Functions = tuple[Callable[[dict[str, float], int], None], Callable[[], None]]


def _tensorboard(path: Path, config: Any) -> Functions:
    writer = import_module("torch.utils.tensorboard").SummaryWriter(str(path / "tensorboard"))
    writer.add_text("config", f"```\n{config.to_dict()}\n```")

    def add(values: dict[str, float], update: int) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, update)

    return add, writer.close


def _wandb(path: Path, config: Any) -> Functions:
    run = import_module("wandb").init(project="inwit", name=path.name, dir=str(path), config=config.to_dict())
    return lambda values, update: run.log(values, step=update), run.finish


def _mlflow(path: Path, config: Any) -> Functions:
    mlflow = import_module("mlflow")
    mlflow.set_experiment("inwit")
    mlflow.start_run(run_name=path.name)
    mlflow.log_dict(config.to_dict(), "config.json")
    return lambda values, update: mlflow.log_metrics(values, step=update), mlflow.end_run


_OPENERS: dict[str, Callable[[Path, Any], Functions]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
}
