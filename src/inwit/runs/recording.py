"""The recorder of a training: a run with its lines, checkpoints, signals, health and trackers."""

from __future__ import annotations

import inspect
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from inwit.core import storage
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.interruption import Asked, checkpoint_signal, interruption
from inwit.core.results import Json
from inwit.core.storage import Tell
from inwit.core.text import shown
from inwit.runs import checkpoint, moments, snapshot, writing
from inwit.runs.conditions import UnsavedError, enough_memory, is_false
from inwit.runs.journal import Journal, Refusals
from inwit.runs.tables import write_table
from inwit.runs.tracking import Trackers
from inwit.training import health
from inwit.training.config import Config
from inwit.training.loop import Parts, loop
from inwit.training.metrics import Update
from inwit.training.progress import Callback

REPORT_EVERY = 10  # updates between two lines of metrics
PATIENCE = 60.0  # seconds until a checkpoint that was refused is tried again, at most


@dataclass
class Recorder:
    """Keeps a training as a run, from wherever its parts stand to its end.

    How a run ends, and what is kept of it:

    | what happened                                | status      | what is saved       | what is raised      |
    |----------------------------------------------|-------------|---------------------|---------------------|
    | the loop ended, or solved everything         | finished    | checkpoint, weights | nothing             |
    | the callback returned False                  | finished    | checkpoint, weights | nothing             |
    | a signal, seen after an update               | interrupted | checkpoint, weights | nothing             |
    | an exception between two updates             | interrupted | checkpoint, weights | it                  |
    | an exception inside an update                | interrupted | weights             | it                  |
    | an exception before anything was trained     | none        | the folder goes     | it                  |
    | `UnhealthyError`: the numbers are lost       | failed      | the batch           | it                  |
    | any other `UserError` inside an update       | failed      | nothing more        | it                  |
    | the same before the first checkpoint         | none        | the folder goes     | it                  |
    | the disk refuses a line or a checkpoint      | running     | later               | nothing: it is told |
    | the same at the end, but takes the weights   | as above    | weights             | nothing: it is told |
    | the disk refuses the weights at the end      | failed      | nothing more        | `UnsavedError`      |
    | the same before the first checkpoint         | none        | the folder goes     | `UnsavedError`      |
    | a second signal while the end is saved       | running     | nothing more        | `KeyboardInterrupt` |

    A lack of memory is an exception like any other, and is then raised as a `UserError`. Ctrl-C while the result is
    computed for the trackers changes nothing of a finished run.

    Earlier checkpoints stay in every case, and a run that has one can be resumed from it. A run that says `running`
    while no process trains it is listed as stopped. The table `metrics.parquet` is written after a run is finished. It
    can be made again from `metrics.jsonl`: if it cannot be written, that is said and the run stays finished.
    """

    parts: Parts
    path: Path
    callback: Callback | None
    tell: Tell
    trackers: Trackers
    is_new: bool = False  # whether this training made the folder

    def __post_init__(self) -> None:
        self.config: Config = self.parts.agent.config
        self.watch = health.Watch(self.config, self.parts.agent.world.kinds)
        self.journal, self.refusals = Journal(self.path, self.tell), Refusals(self.path, self.tell)
        self.snapshots = frozenset(self.config.training.snapshots)
        self.summary: Json = {}  # of the last update
        self.last: Update | None = None  # in this process
        self.ended = "interrupted"  # what the trackers are told
        self.recorded = 0  # updates that are recorded completely
        self.checkpointed: int | None = None  # the update of the newest checkpoint
        self.due = time.monotonic() + self.config.training.checkpoint_every

    def go_on_from(self, kept: checkpoint.Snapshot) -> None:
        """Put a checkpoint back into the parts; tells if random streams had to begin anew."""
        if fresh := snapshot.restore(self.parts, kept):
            self.tell(
                f"the generators of this device cannot go on from those of the checkpoint: from update {kept.update} "
                f"on the random streams ({', '.join(fresh)}) are fresh ones"
            )
        self.watch = health.Watch(self.config, self.parts.agent.world.kinds, **kept.numbers["watch"])
        self.summary, self.checkpointed = kept.numbers["summary"], kept.update

    def run(self) -> Agent:
        """Train to the end and keep the run as the table above says."""
        updates = cast("Generator[Update]", loop(self.parts))
        try:
            wanted = checkpoint_signal(self.config.training.checkpoint_on)
            with enough_memory(self.config), interruption(wanted) as asked:
                called = stopped = False  # whether the callback is being called; whether it ended the training
                try:
                    self._begin(asked)
                    for update in updates:
                        self.last = update
                        self._record(update, asked)
                        called = True
                        stopped = self.callback is not None and is_false(self.callback(update))
                        called = False
                        if stopped or asked.end:
                            break
                except BaseException as error:
                    between = inspect.getgeneratorstate(updates) == inspect.GEN_SUSPENDED
                    self._end_with(error, called, between and self.recorded == self.parts.counters.updates)
                    raise
                if asked.end and not self.parts.counters.solved:
                    return self._save("interrupted", {"signal": asked.end[0].name})
                return self._save("finished", {"ended": "callback"} if stopped else None)
        finally:
            self._end_trackers()

    def _begin(self, asked: Asked) -> None:
        self.trackers.start(self.path, self.config, self.parts.counters.updates)
        self._keep_weights(self.parts.counters.updates)
        if not asked.heard:
            name = self.config.training.checkpoint_on
            self.tell(
                f"training.checkpoint_on = {name}: this program cannot receive that signal here, so it is left out"
            )

    def _record(self, update: Update, asked: Asked) -> None:
        """Add an update to the run: its line and its events, every few updates; a checkpoint, if it is time."""
        self._check(update, parameters=False)
        events: list[tuple[str, str]] = []
        if update.index % REPORT_EVERY == 0 or update.solved is not None:
            line = update.line()
            self.journal.add("metrics.jsonl", line)
            events = self.watch.look(line, self.parts.curriculum.trials)
            for name, text in events:
                event = {"update": line["update"], "time": line["time"], "event": name, "text": text}
                self.journal.add("events.jsonl", event)
            self.trackers.log(line)
        self.recorded = update.index + 1
        for _, text in events:
            self.tell(text)
        self._keep_weights(self.recorded)
        if asked.checkpoint or time.monotonic() >= self.due:
            self._checkpoint_on_the_way(asked)

    def _keep_weights(self, update: int) -> None:
        """Save the weights that `update` has left, if they were asked for. A disk that refuses them is only told."""
        if update in self.snapshots:
            try:
                moments.save(self.path, self.parts.agent, update)
            except UserError as error:
                self.tell(f"{error}; the training goes on without it")

    def _miss_snapshots(self) -> None:
        """Tell which of the updates that were asked for never came."""
        updates = self.parts.counters.updates
        if late := sorted(update for update in self.snapshots if update > updates):
            which, them = ",".join(map(str, late)), "this update" if len(late) == 1 else "these updates"
            self.tell(
                f"training.snapshots = {which}: no snapshot of {them} came, for the training ended after update "
                f"{updates}"
            )

    def _checkpoint_on_the_way(self, asked: Asked) -> None:
        """Save a checkpoint. If the disk refuses it, that is said and tried again later."""
        pause = self.config.training.checkpoint_every
        wanted, asked.checkpoint = asked.checkpoint, False
        try:
            self.save_checkpoint()
            writing.change(self.path, summary=self.summary)
        except health.UnhealthyError:
            raise
        except UserError as error:
            pause = min(max(pause, 1.0), PATIENCE)
            self.refusals.said &= not wanted  # somebody waits for the answer
            self.refusals.refused(error, f"the next checkpoint is tried in {pause:g} s")
        else:
            self.refusals.worked()
            if wanted:
                self.tell(f"the checkpoint that was asked for is kept: {self.summary['update']} updates")
        self.due = time.monotonic() + pause

    def _check(self, update: Update, parameters: bool = True) -> None:
        """`health.check`, which also keeps the batch in which numbers were lost."""
        try:
            health.check(update, parameters)
        except health.UnhealthyError as error:
            kept = writing.save_batch(self.path, update.rollout)
            raise health.UnhealthyError(f"{error.what}: {kept}", error.advice) from None

    def save_checkpoint(self) -> None:
        """Write everything up to the last update to disk. Lines come first: a checkpoint holds their lengths."""
        if self.last is not None:
            self._check(self.last)
            self.summary = self.last.summary()
        if self.checkpointed == self.parts.counters.updates:
            return
        with storage.explained(f"cannot save a checkpoint of the run {self.path}"):
            score = float(self.parts.curriculum.rate.nanmean())
            numbers = {"summary": self.summary, "lengths": self.journal.lengths(), "watch": self.watch.state()}
            taken = snapshot.capture(self.parts, score, **numbers)
            checkpoint.save(self.path, taken, writing.weights_metadata(self.config))
        self.checkpointed = self.parts.counters.updates

    def _end_with(self, error: BaseException, called: bool, between: bool) -> None:
        """End the run after an exception: out of the callback (`called`), or `between` two updates, or inside one."""
        if isinstance(error, UserError) and not called:
            self._fail(error)
        elif self.last is None and self.checkpointed is None:
            self._discard()
        else:
            try:
                self._save("interrupted", with_checkpoint=between)
            except UserError as lost:  # what is raised is the caller's own error
                self.tell(str(lost))
            else:
                if isinstance(error, KeyboardInterrupt):
                    raise self._interrupt() from None

    def _interrupt(self) -> KeyboardInterrupt:
        return KeyboardInterrupt(f"what was trained is kept as {shown(self.path)}")

    def _save(self, status: str, more: Json | None = None, *, with_checkpoint: bool = True) -> Agent:
        """Save a checkpoint and the weights, and only then record that the run is complete; `more` goes into its
        summary."""
        agent = self.parts.agent
        try:
            refused = self._last_lines(with_checkpoint)
            agent.path, agent.status = self.path, status
            agent.summary = self.summary | (more or {})
            writing.finish(agent)
        except health.UnhealthyError as error:
            self._fail(error)
            raise
        except UserError as error:
            self._fail(error)
            agent.status, agent.path = "failed", self.path if self.path.exists() else None
            raise UnsavedError(str(error), agent) from None
        except KeyboardInterrupt:  # the second one: the user does not want to wait for the saving
            raise KeyboardInterrupt(f"while saving {shown(self.path)}: its last checkpoint stands") from None
        if refused:
            self.tell(f"{refused}; the weights are saved")
        self.ended = status
        if status == "finished":
            write_table(self.path, self.tell)
            self._miss_snapshots()
        return agent

    def _last_lines(self, with_checkpoint: bool) -> UserError | None:
        """Write what comes before the weights. What the disk refuses is returned: it may still take the weights."""
        try:
            if with_checkpoint:
                self.save_checkpoint()
            elif self.last is not None:
                self.summary = self.last.summary()
            self.journal.flush()
        except health.UnhealthyError:
            raise
        except UserError as error:
            return error
        return None

    def _fail(self, error: UserError) -> None:
        """Record that the run failed; delete its folder if this training made it and nothing is kept in it."""
        self.ended = "failed"
        kept = checkpoint.listed(self.path) or (self.path / "weights.safetensors").exists()
        if kept or not self.is_new or isinstance(error, health.UnhealthyError):
            with suppress(UserError):  # the disk may refuse this, too: then the run stays `running`
                writing.change(self.path, status="failed")
        else:
            self._discard()

    def _discard(self) -> None:
        """Delete the folder, if this training made it. Trackers write into it: they end first."""
        self._end_trackers()
        if self.is_new:
            writing.discard(self.path)

    def _end_trackers(self) -> None:
        try:
            self.trackers.close(self.ended, self.parts.agent, self.parts.counters.updates)
        except KeyboardInterrupt:  # while the result was computed for them
            raise self._interrupt() from None
