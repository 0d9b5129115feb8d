"""Training as a run: the loop with a record of it, checkpoints, signals, health and trackers around it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inwit.core import storage
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.interruption import interruption
from inwit.runs import checkpoint, provenance, snapshot, writing
from inwit.runs.folder import read_whole_record
from inwit.runs.parquet import lines_to_parquet
from inwit.runs.resuming import check_changes, checked_path, cut_back
from inwit.runs.tracking import Tracker, make_tracker
from inwit.training import health
from inwit.training.config import Config, resolve
from inwit.training.loop import Parts, loop, prepare
from inwit.training.metrics import Update

REPORT_EVERY = 10  # updates between two lines of metrics

Report = Callable[[Update], None]
Tell = Callable[[str], None]


def _to_stderr(text: str) -> None:
    import sys

    print(f"inwit: {text}", file=sys.stderr)


def train(
    source: Config | str | Path | Mapping[str, Any] = "tutorial",
    *,
    report: Report | None = None,
    tell: Tell = _to_stderr,
    track: str | None = None,
    **overrides: Any,
) -> Agent:
    """Train to the end and keep the result as a run; returns the agent, with `path`, `status` and `summary`.

    `report` is called after every update, `tell` with sentences about the training's health. `track` names a tracker.
    The first Ctrl-C (or SIGTERM) ends the training after the update at hand and keeps what was trained as an
    interrupted run, with a checkpoint to go on from (`resume`). So does an exception out of `report`, which is then
    raised. A second signal leaves at once. Raises `UserError` before anything is written if the configuration is wrong.
    """
    config = resolve(source, **overrides)
    parts, tracker = prepare(config), make_tracker(track, tell)  # what is wrong shows before a folder is made
    path = writing.create(config, parts.agent.world.vocabulary.names)
    with _training_of(path):
        return _Recorder(parts, path, report, tell, tracker).run()


def resume(
    run: str | Path,
    *,
    report: Report | None = None,
    tell: Tell = _to_stderr,
    track: str | None = None,
    **overrides: Any,
) -> Agent:
    """Go on with a run from its newest undamaged checkpoint, as if it had never stopped: bit-identical on the same
    versions, threads and device. One that was killed before its first checkpoint starts over.

    `overrides` may change how long and on what it trains (`training`'s max_updates, confirm..., checkpoint_every,
    threads, device), nothing else. Raises `UserError` if they do, if there is nothing to go on from or nothing left to
    do, or if another process is training the run.
    """
    path = checked_path(run)
    with _training_of(path):
        record = read_whole_record(path)
        config = resolve(record.config, **overrides)
        here = provenance.surroundings(config.training.threads, config.training.device)
        check_changes(path, resolve(record.config), config, provenance.differences(record.rest, here), tell)
        parts, tracker = prepare(config), make_tracker(track, tell)
        recorder = _Recorder(parts, path, report, tell, tracker)
        kept = checkpoint.newest(path, tell)
        if kept is not None:
            recorder.go_on_from(kept)
        elif record.summary or checkpoint.listed(path):
            raise UserError(f"the run {path} has no undamaged checkpoint left to go on from: start a new run")
        _refuse_if_done(path, record.status, parts)
        checkpoint.set_aside(path, parts.counters.updates)
        cut_back(path, kept.numbers["lengths"] if kept else dict.fromkeys(writing.LINES, 0), tell)
        earlier = record.rest.get("resumed") or []
        note = {"update": parts.counters.updates, "time": provenance.now(), **here}
        writing.change(path, status="running", config=config.to_dict(), resumed=[*earlier, note], **here)
        return recorder.run()


def _refuse_if_done(path: Path, status: str, parts: Parts) -> None:
    at, most = parts.counters, parts.agent.config.training.max_updates
    if at.solved and status == "finished":
        raise UserError(f"the run {path} is finished: every problem is solved after {at.updates} updates")
    if at.updates > most or (at.updates == most and status == "finished"):
        raise UserError(
            f"the run {path} has {at.updates} updates already and training.max_updates = {most}: "
            f"ask for more, as in --training.max_updates {2 * at.updates}"
        )


@contextmanager
def _training_of(path: Path) -> Iterator[None]:
    """Nobody else trains this run meanwhile."""
    try:
        (path / "lock").touch()
    except OSError as error:
        raise writing.unsaved(path, error) from None
    with storage.locked(path / "lock") as held:
        if not held:
            raise UserError(f"the run {path} is being trained by another process: wait for it, or stop it first")
        yield


@dataclass
class _Recorder:
    """Keeps a training as a run, from wherever its parts stand to its end."""

    parts: Parts
    path: Path
    report: Report | None
    tell: Tell
    tracker: Tracker | None

    def __post_init__(self) -> None:
        self.config: Config = self.parts.agent.config
        self.watch = health.Watch(self.config, self.parts.agent.world.kinds)
        self.summary: dict[str, Any] = {}  # of the last update
        self.last: Update | None = None  # in this process
        self.noted = 0  # update whose lines are written, if it has any
        self.checkpointed: int | None = None  # update of the newest checkpoint
        self.due = time.monotonic() + self.config.training.checkpoint_every

    def go_on_from(self, kept: checkpoint.Snapshot) -> None:
        snapshot.restore(self.parts, kept)
        self.watch = health.Watch(self.config, self.parts.agent.world.kinds, **kept.numbers["watch"])
        self.summary, self.checkpointed = kept.numbers["summary"], kept.update

    def run(self) -> Agent:
        if self.tracker is not None:
            self.tracker.start(self.path, self.config)
        updates: Any = loop(self.parts)
        try:
            with interruption() as asked:
                try:
                    for update in updates:
                        self.last = update
                        self._note(update)
                        if self.report is not None:
                            self.report(update)
                        if asked:
                            break
                except BaseException as error:
                    suspended = inspect.getgeneratorstate(updates) == inspect.GEN_SUSPENDED
                    self._leave(error, between=suspended and self.noted == self.parts.counters.updates)
                    raise
                interrupted = bool(asked) and not self.parts.counters.solved
                return self._keep("interrupted" if interrupted else "finished", asked[0].name if interrupted else None)
        finally:
            if self.tracker is not None:
                self.tracker.close()

    def _note(self, update: Update) -> None:
        """What is kept of an update: its line and its events, if it is its turn; a checkpoint, if it is time."""
        health.check(update, self.path, parameters=False)
        if update.index % REPORT_EVERY == 0 or update.solved is not None:
            line = update.line()
            writing.append(self.path, "metrics.jsonl", line)
            for name, text in self.watch.look(line, self.parts.curriculum.trials):
                event = {"update": line["update"], "time": line["time"], "event": name, "text": text}
                writing.append(self.path, "events.jsonl", event)
                self.tell(text)
            if self.tracker is not None:
                self.tracker.log(line)
        self.noted = update.index + 1
        if time.monotonic() >= self.due:
            self._checkpoint()
            writing.change(self.path, summary=self.summary)
            self.due = time.monotonic() + self.config.training.checkpoint_every

    def _checkpoint(self) -> None:
        """Everything up to the last update, on disk. The lines come first: a checkpoint knows how many there are."""
        if self.last is not None:
            health.check(self.last, self.path)
            self.summary = self.last.summary()
        if self.checkpointed == self.parts.counters.updates:
            return
        try:
            lengths = {name: self._synced_length(name) for name in writing.LINES}
            score = float(self.parts.curriculum.rate.nanmean())
            numbers = {"summary": self.summary, "lengths": lengths, "watch": self.watch.state()}
            taken = snapshot.capture(self.parts, score, **numbers)
            checkpoint.save(self.path, taken, writing.weights_metadata(self.config))
        except OSError as error:
            raise UserError(f"cannot save a checkpoint of the run {self.path}: {error.strerror or error}") from None
        self.checkpointed = self.parts.counters.updates

    def _synced_length(self, name: str) -> int:
        file = self.path / name
        if not file.exists():
            return 0
        storage.sync(file)
        return file.stat().st_size

    def _keep(self, status: str, signal: str | None = None) -> Agent:
        """The end: a checkpoint, the weights, and last the word that the run is complete."""
        try:
            self._checkpoint()
            return self._complete(status, signal)
        except UserError as error:
            self._give_up("failed", keep=isinstance(error, health.UnhealthyError))
            raise
        except KeyboardInterrupt:  # again: whoever asks twice wants no more saving
            raise KeyboardInterrupt(f"while saving {self.path}: its last checkpoint stands") from None

    def _complete(self, status: str, signal: str | None = None) -> Agent:
        agent = self.parts.agent
        agent.path, agent.status = self.path, status
        agent.summary = self.summary | ({"signal": signal} if signal else {})
        if status == "finished":
            try:
                lines_to_parquet(self.path / "metrics.jsonl", self.path / "metrics.parquet")
            except OSError as error:
                raise writing.unsaved(self.path, error) from None
        writing.finish(agent)
        return agent

    def _leave(self, error: BaseException, between: bool) -> None:
        """Something was raised: `between` two updates everything is kept; in the midst of one the weights alone, and
        the last checkpoint stands."""
        if isinstance(error, health.UnhealthyError):
            self._give_up("failed", keep=True)
        elif isinstance(error, UserError) or self.last is None:
            self._give_up("failed" if isinstance(error, UserError) else "interrupted")
        elif between:
            self._keep("interrupted")
        else:
            self.summary = self.last.summary()
            self._complete("interrupted")
        if isinstance(error, KeyboardInterrupt) and self.path.exists():
            raise KeyboardInterrupt(f"what was trained is kept as {self.path}") from None

    def _give_up(self, status: str, keep: bool = False) -> None:
        """Nothing more can be kept. A run without any checkpoint came to nothing, and goes."""
        if keep or checkpoint.listed(self.path):
            with suppress(UserError):  # the disk may have refused this as well: then the run stays `running`
                writing.change(self.path, status=status)
        else:
            writing.discard(self.path)
