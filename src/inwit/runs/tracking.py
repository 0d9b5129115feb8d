"""Experiment trackers: TensorBoard, and wandb or MLflow where they are installed. Off by default; several at once.

What reaches them: the settings, name and tags of a run, every line of its metrics, how it ended, and the exact result.
A resumed run goes on in the same place: what finds it again is kept in `run.json`, and no update is sent twice.
A tracker that fails is left out from then on, which is said once: it never stops a training, nor another tracker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

from inwit.core.contracts import Agent
from inwit.core.errors import UserError, unknown
from inwit.core.results import Evaluation, Json
from inwit.evaluation.exact import evaluate
from inwit.runs import writing
from inwit.runs.folder import Record, flat, read_metrics, read_record
from inwit.runs.trackers import TRACKERS, Start, Tracker
from inwit.training.config import Config

Names = str | Sequence[str] | None  # of trackers: "tensorboard", "tensorboard,mlflow", or a list of these


class Trackers:
    """The trackers of a training, by their names; None is none of them. `start`, `log` and `close` raise nothing that
    comes from a tracker: `tell` gets its first failure. Raises `UserError` if one does not exist or is not installed.
    """

    def __init__(self, names: Names, tell: Callable[[str], None]) -> None:
        self.names, self.tell = names_of(names), tell
        self.sent = 0  # the last update of which an earlier process may have sent a line
        self.open: dict[str, Tracker] = {}
        self.failed: set[str] = set()
        for name in self.names:
            if name not in TRACKERS:
                raise unknown("tracker", name, TRACKERS)
            module, install, _ = TRACKERS[name]
            try:
                if getattr(import_module(module), "__file__", None) is None:
                    raise ImportError("there is only a folder of that name here")
            except Exception as error:  # a broken installation raises anything
                raise UserError(f"{name} is not installed ({_why(error)}): {install}") from None

    def start(self, path: Path, config: Config, update: int) -> None:
        """Open them for a run that goes on after `update`; each gets the lines of the run that it lacks."""
        if not self.names:
            return
        record, lines = read_record(path), read_metrics(path)
        settings = flat(config.to_dict())
        for name in self.names:
            kept = record.trackers.get(name)
            known = kept if isinstance(kept, dict) else {}
            about = Start(path, record.label or path.name, record.tags, settings, update, self.sent, known)
            with self._failing_once(name):
                self.open[name] = TRACKERS[name][2](about)
                self.open[name].begin(about)
            if name not in self.failed:
                self._note(path, name)
                with self._failing_once(name):
                    for line in lines:
                        self._send(self.open[name], line)

    def _note(self, path: Path, name: str) -> None:
        """Keep what finds the tracker's run again."""
        try:
            writing.change(path, trackers=read_record(path).trackers | {name: self.open[name].known})
        except UserError as error:
            self.tell(f"{error}: a resumed training will not find its run in {name}")

    def log(self, line: Json) -> None:
        for name, tracker in self.open.items():
            if name not in self.failed:
                with self._failing_once(name):
                    self._send(tracker, line)

    def close(self, status: str, agent: Agent, update: int) -> None:
        """End them. A run that is finished is examined on every problem first, and its result sent."""
        result: dict[str, float] = {}
        try:
            if status == "finished" and self.open.keys() - self.failed:
                result = self._result(agent)
        finally:
            for name, tracker in self.open.items():
                # One that failed is ended, too: its connection may be back, and it may hold something open.
                with suppress(Exception) if name in self.failed else self._failing_once(name):
                    tracker.end(status, result, update)
            self.open = {}

    def _result(self, agent: Agent) -> dict[str, float]:
        try:
            return numbers(evaluate(agent))
        except Exception as error:  # of somebody else's world: the training is over and kept
            self.tell(f"the result was not sent to {', '.join(self.open)}: {_why(error)}")
            return {}

    def _send(self, tracker: Tracker, line: Json) -> None:
        if line["update"] > tracker.last:
            tracker.log(scalars(line), line["update"])
            tracker.last = line["update"]

    @contextmanager
    def _failing_once(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever somebody else's library raises must not end a training
            self.failed.add(name)
            self.tell(f"{name} failed and is left out from now on: {_why(error)}")


def trackers_of(track: Names, record: Record, tell: Callable[[str], None]) -> Trackers:
    """Of a training that goes on: those that are named, or where none is, those that it had. Of these, one that is not
    installed here is left out, which is told. Raises `UserError` as `Trackers` does."""
    if track is not None:
        return Trackers(track, tell)
    usable = []
    for name in record.trackers:
        try:
            usable += Trackers(name, tell).names
        except UserError as error:
            tell(f"{error}; the training goes on without it")
    return Trackers(usable, tell)


def _why(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def names_of(names: object) -> list[str]:
    """The names in a text with commas, or in a list of such texts: each once. Raises `UserError` for anything else."""
    given = [] if names is None else list(names) if isinstance(names, list | tuple) else [names]
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        raise UserError(f"track = {names!r} names no trackers: give a name, or a list of names")
    return list(dict.fromkeys(name.strip() for text in texts for name in text.split(",")))


def numbers(evaluation: Evaluation) -> dict[str, float]:
    """A result as flat numbers: `result/solved`, `result/problems`, `result/success`, and for each of its rows
    `result/success_of/stage 0`; of rows of one name, the later ones get a number."""
    whole: dict[str, float] = {"solved": evaluation.solved, "problems": evaluation.problems}
    whole["success"] = evaluation.success
    seen: Counter[str] = Counter()
    for row in evaluation.rows:
        seen[row.name] += 1
        place = f" {seen[row.name]}" if seen[row.name] > 1 else ""
        whole[f"success_of/{row.name}{place}"] = row.success
    return {f"result/{name}": float(value) for name, value in whole.items()}


def scalars(line: Json) -> dict[str, float]:
    """A line of metrics as flat numbers: `success/0`, `counts/calls/0`; counts of tokens become shares,
    `tokens_used/0/MUL`."""
    flat: dict[str, float] = {}
    for name, value in line.items():
        if name == "tokens_used":
            for stage, counts in value.items():
                whole = sum(counts.values())
                flat |= {f"{name}/{stage}/{token}": count / whole for token, count in counts.items()}
        elif isinstance(value, dict):
            flat |= {f"{name}/{key}": number for key, number in scalars(value).items()}
        elif isinstance(value, int | float) and not isinstance(value, bool) and name != "update":
            flat[name] = float(value)
    return flat
