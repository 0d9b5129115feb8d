"""Experiment trackers: TensorBoard, and wandb or MLflow where they are installed. Off by default.

A tracker is two functions: one takes a line of metrics, one ends the tracking. A tracker that fails is left out from
then on, which is said once: it never stops a training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from inwit.core.errors import UserError, unknown
from inwit.core.results import Json
from inwit.training.config import Config

Functions = tuple[Callable[[dict[str, float], int], None], Callable[[], None]]


class Tracker:
    """The tracker called `name`; None tracks nothing. `start`, `log` and `close` never raise: `tell` gets the first
    failure. Raises `UserError` if the tracker does not exist or is not installed."""

    def __init__(self, name: str | None, tell: Callable[[str], None]) -> None:
        self.name, self.tell = name, tell
        self.functions: Functions | None = None
        if name is None:
            return
        if name not in TRACKERS:
            raise unknown("tracker", name, TRACKERS)
        module, install, _ = TRACKERS[name]
        try:
            import_module(module)
        except ImportError:
            raise UserError(f"{name} is not installed: {install}") from None

    def start(self, path: Path, config: Config) -> None:
        if self.name is not None:
            with self._failing_once():
                self.functions = TRACKERS[self.name][2](path, config)

    def log(self, line: Json) -> None:
        if self.functions is not None:
            with self._failing_once():
                self.functions[0](scalars(line), line["update"])

    def close(self) -> None:
        if self.functions is not None:
            with self._failing_once():
                self.functions[1]()
            self.functions = None

    @contextmanager
    def _failing_once(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever somebody else's library raises must not end a training
            self.functions = None
            why = " ".join(f"{type(error).__name__}: {error}".split())
            self.tell(f"{self.name} failed and is left out from now on: {why}")


def scalars(line: Json) -> dict[str, float]:
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


def _tensorboard(path: Path, config: Config) -> Functions:
    writer = import_module("torch.utils.tensorboard").SummaryWriter(str(path / "tensorboard"))
    writer.add_text("config", f"```\n{config.to_dict()}\n```")

    def add(values: dict[str, float], update: int) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, update)

    return add, writer.close


def _wandb(path: Path, config: Config) -> Functions:
    run = import_module("wandb").init(project="inwit", name=path.name, dir=str(path), config=config.to_dict())
    return lambda values, update: run.log(values, step=update), run.finish


def _mlflow(path: Path, config: Config) -> Functions:
    mlflow = import_module("mlflow")
    mlflow.set_experiment("inwit")
    mlflow.start_run(run_name=path.name)
    mlflow.log_dict(config.to_dict(), "config.json")
    return lambda values, update: mlflow.log_metrics(values, step=update), mlflow.end_run


# The module that each needs, how to get it, and what starts it.
TRACKERS: dict[str, tuple[str, str, Callable[[Path, Config], Functions]]] = {
    "tensorboard": ("torch.utils.tensorboard", 'pip install "inwit[track]"', _tensorboard),
    "wandb": ("wandb", "pip install wandb", _wandb),
    "mlflow": ("mlflow", "pip install mlflow", _mlflow),
}
