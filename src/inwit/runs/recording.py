"""Training as a run: the loop with a record of it, checkpoints, signals, health and trackers around it."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from inwit.core import storage
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.interruption import interruption
from inwit.core.isolation import on_own_terms
from inwit.core.results import Json
from inwit.runs import checkpoint, snapshot, writing
from inwit.runs.folder import read_lines
from inwit.runs.tracking import Names, Trackers
from inwit.training import health
from inwit.training.config import Config, resolve
from inwit.training.loop import Parts, loop, prepare
from inwit.training.metrics import Update

REPORT_EVERY = 10  # updates between two lines of metrics

Callback = Callable[[Update], object]
Tell = Callable[[str], None]


def to_stderr(text: str) -> None:
    print(f"inwit: {text}", file=sys.stderr)


def train(
    source: Config | str | Path | Mapping[str, object] = "tutorial",
    *,
    callback: Callback | None = None,
    tell: Tell = to_stderr,
    track: Names = None,
    name: str | None = None,
    tags: Sequence[str] = (),
    **overrides: object,
) -> Agent:
    """Train to the end and keep the result as a run; returns the agent, with `path`, `status` and `summary`.

    `callback` is called after every update; if it returns False, the training ends there, and the run is finished.
    `tell` is called with sentences about the training's health. `track` names trackers: one, or several in a list or
    with commas. `name` and `tags` (at most 20) are kept with the run, to find it by. The first Ctrl-C (or SIGTERM) ends
    the training after the update at hand and keeps what was trained as an interrupted run, with a checkpoint to go on
    from (`resume`). So does an exception out of `callback`, which is then raised. A second signal leaves at once.
    Raises `UserError` before anything is written if the configuration is wrong.
    """
    config = resolve(source, **overrides)
    with on_own_terms(config.training.threads):
        parts, trackers = prepare(config), Trackers(track, tell)  # what is wrong shows before a folder is made
        path = writing.create(parts.agent.config, parts.agent.world.vocabulary.names, name, tags)
        with training_of(path):
            return Recorder(parts, path, callback, tell, trackers).run()


@contextmanager
def training_of(path: Path) -> Iterator[None]:
    """Keep other processes from training this run. Raises `UserError` if one does already."""
    with storage.explained(f"cannot save the run {path}"):
        (path / "lock").touch()
    with storage.locked(path / "lock") as held:
        if not held:
            raise UserError(f"the run {path} is being trained by another process: wait for it, or stop it first")
        yield


@dataclass
class Recorder:
    """Keeps a training as a run, from wherever its parts stand to its end.

    How a run ends, and what is kept of it:

    | what happened                               | status      | what is saved       | what is raised      |
    |---------------------------------------------|-------------|---------------------|---------------------|
    | the loop ended, or solved everything        | finished    | checkpoint, weights | nothing             |
    | the callback returned False                 | finished    | checkpoint, weights | nothing             |
    | a signal, seen after an update              | interrupted | checkpoint, weights | nothing             |
    | an exception between two updates            | interrupted | checkpoint, weights | it                  |
    | an exception inside an update               | interrupted | weights             | it                  |
    | an exception before anything was trained    | none        | the folder goes     | it                  |
    | `UnhealthyError`: the numbers are lost      | failed      | the batch           | it                  |
    | any other `UserError`: a full disk, say     | failed      | nothing more        | it                  |
    | the same before the first checkpoint        | none        | the folder goes     | it                  |
    | a second signal while the end is saved      | running     | nothing more        | `KeyboardInterrupt` |

    Earlier checkpoints stay in every case, and a run that has one can be resumed from it. A run that says `running`
    while no process trains it is listed as stopped. The table `metrics.parquet` is written after a run is finished. It
    can be made again from `metrics.jsonl`: if it cannot be written, that is said and the run stays finished.
    """

    parts: Parts
    path: Path
    callback: Callback | None
    tell: Tell
    trackers: Trackers

    def __post_init__(self) -> None:
        self.config: Config = self.parts.agent.config
        self.watch = health.Watch(self.config, self.parts.agent.world.kinds)
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
            with interruption() as signals:
                stopped = False
                try:
                    self.trackers.start(self.path, self.config, self.parts.counters.updates)
                    for update in updates:
                        self.last = update
                        self._record(update)
                        stopped = self.callback is not None and self.callback(update) is False
                        if stopped or signals:
                            break
                except BaseException as error:
                    between = inspect.getgeneratorstate(updates) == inspect.GEN_SUSPENDED
                    self._end_with(error, between and self.recorded == self.parts.counters.updates)
                    raise
                if signals and not self.parts.counters.solved:
                    return self._save("interrupted", {"signal": signals[0].name})
                return self._save("finished", {"ended": "callback"} if stopped else None)
        finally:
            self.trackers.close(self.ended, self.parts.agent, self.parts.counters.updates)

    def _record(self, update: Update) -> None:
        """Add an update to the run: its line and its events, every few updates; a checkpoint, if it is time."""
        self._check(update, parameters=False)
        if update.index % REPORT_EVERY == 0 or update.solved is not None:
            line = update.line()
            writing.append(self.path, "metrics.jsonl", line)
            for name, text in self.watch.look(line, self.parts.curriculum.trials):
                event = {"update": line["update"], "time": line["time"], "event": name, "text": text}
                writing.append(self.path, "events.jsonl", event)
                self.tell(text)
            self.trackers.log(line)
        self.recorded = update.index + 1
        if time.monotonic() >= self.due:
            self.save_checkpoint()
            writing.change(self.path, summary=self.summary)
            self.due = time.monotonic() + self.config.training.checkpoint_every

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
            lengths = {name: self._synced_length(name) for name in writing.LINES}
            score = float(self.parts.curriculum.rate.nanmean())
            numbers = {"summary": self.summary, "lengths": lengths, "watch": self.watch.state()}
            taken = snapshot.capture(self.parts, score, **numbers)
            checkpoint.save(self.path, taken, writing.weights_metadata(self.config))
        self.checkpointed = self.parts.counters.updates

    def _synced_length(self, name: str) -> int:
        file = self.path / name
        if not file.exists():
            return 0
        storage.sync(file)
        return file.stat().st_size

    def _end_with(self, error: BaseException, between: bool) -> None:
        """End the run after an exception; `between` tells whether it came between two updates."""
        if isinstance(error, UserError):
            self._fail(error)
        elif self.last is None and self.checkpointed is None:
            self._discard()
        else:
            self._save("interrupted", with_checkpoint=between)
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(f"what was trained is kept as {self.path}") from None

    def _save(self, status: str, more: Json | None = None, *, with_checkpoint: bool = True) -> Agent:
        """Save a checkpoint and the weights, and only then record that the run is complete; `more` goes into its
        summary."""
        agent = self.parts.agent
        try:
            if with_checkpoint:
                self.save_checkpoint()
            elif self.last is not None:
                self.summary = self.last.summary()
            agent.path, agent.status = self.path, status
            agent.summary = self.summary | (more or {})
            writing.finish(agent)
        except UserError as error:
            self._fail(error)
            raise
        except KeyboardInterrupt:  # the second one: the user does not want to wait for the saving
            raise KeyboardInterrupt(f"while saving {self.path}: its last checkpoint stands") from None
        self.ended = status
        if status == "finished":
            self._write_table()
        return agent

    def _fail(self, error: UserError) -> None:
        """Record that the run failed; delete its folder if it holds neither a checkpoint nor a batch to look at."""
        self.ended = "failed"
        if isinstance(error, health.UnhealthyError) or checkpoint.listed(self.path):
            with suppress(UserError):  # the disk may refuse this, too: then the run stays `running`
                writing.change(self.path, status="failed")
        else:
            self._discard()

    def _discard(self) -> None:
        """Delete the folder. Trackers write into it: they end first."""
        self.trackers.close(self.ended, self.parts.agent, self.parts.counters.updates)
        writing.discard(self.path)

    def _write_table(self) -> None:
        table = self.path / "metrics.parquet"
        try:
            lines_to_parquet(self.path / "metrics.jsonl", table)
        except Exception as error:  # whatever DuckDB or the disk raises: the run is finished without it
            why = " ".join(str(error).split()) or type(error).__name__
            self.tell(f"{table} could not be written ({why}): metrics.jsonl holds the same rows")


def lines_to_parquet(lines: Path, table: Path) -> None:
    """Write a run's metrics as a Parquet table: the same rows, faster to query. Raises `OSError` or `duckdb.Error`.

    Nested values become structs; damaged lines are left out; where there are no lines there is no table.
    """
    if not any(read_lines(lines)):
        return
    import duckdb  # here: it takes longer to import than to use

    partial = table.with_name(f".{table.name}.partial")
    # absolute: DuckDB gives names like ~ and file: a meaning of its own
    source, target = (str(path.absolute()).replace("'", "''") for path in (lines, partial))
    options = "format = 'newline_delimited', sample_size = -1, map_inference_threshold = -1, ignore_errors = true"
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            # what is damaged is NULL
            rows = f"SELECT * FROM read_json('{source}', {options}) WHERE \"update\" IS NOT NULL"
            connection.execute(f"COPY ({rows}) TO '{target}' (FORMAT parquet)")
        storage.sync(partial)
        storage.adopt(partial, table)
    finally:
        partial.unlink(missing_ok=True)
