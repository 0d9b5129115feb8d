"""How a training starts: as a run or as a loop of the caller's own, with fresh weights or those of a kept agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from inwit.core import storage
from inwit.core.contracts import Agent
from inwit.core.interruption import checkpoint_signal
from inwit.core.isolation import on_own_terms
from inwit.core.storage import Tell, to_stderr
from inwit.runs import writing
from inwit.runs.conditions import check_arguments, enough_memory, training_of
from inwit.runs.folder import runs_folder
from inwit.runs.loading import load, locate
from inwit.runs.portable import is_repo_id
from inwit.runs.recording import Recorder
from inwit.runs.tracking import Names, Trackers
from inwit.runs.weights import take_over
from inwit.training.config import Config, resolve
from inwit.training.loop import Parts, loop, prepare
from inwit.training.metrics import Update
from inwit.training.progress import Callback, watching


def train(
    source: Config | str | Path | Mapping[str, object] = "tutorial",
    *,
    callback: Callback | None = None,
    progress: bool = False,
    tell: Tell = to_stderr,
    track: Names = None,
    name: str | None = None,
    tags: Sequence[str] = (),
    **overrides: object,
) -> Agent:
    """Train to the end and keep the result as a run; returns the agent, with `path`, `status` and `summary`.

    `callback` is called after every update, on inwit's terms (`core.isolation`); if it returns False, the training ends
    there, and the run is finished.
    `progress` shows on standard error, or in a notebook below the cell, how it goes.
    `tell` is called with sentences about the training's health, and about a disk that refuses something. `track` names
    trackers: one, or several in a list or with commas. `name` and `tags` (at most 20) are kept with the run, to find it
    by. The first Ctrl-C (or SIGTERM, or SIGHUP) ends the training after the update at hand and keeps what was trained
    as an interrupted run, with a checkpoint to go on from (`resume`). So does an exception out of `callback`, which is
    then raised. A second signal leaves at once. Raises `UserError` before anything is written if the configuration is
    wrong, if memory does not suffice, and, with the agent as its `agent` (`UnsavedError`), if the disk refuses the
    weights at the end.
    """
    check_arguments(train, overrides, callback=callback, progress=progress, tell=tell)
    config = resolve(source, **overrides)
    checkpoint_signal(config.training.checkpoint_on)
    with on_own_terms(config.training.threads), storage.telling(tell):
        with enough_memory(config):
            parts, trackers = start(config), Trackers(track, tell)  # what is wrong shows before a folder is made
        path = writing.create(parts.agent.config, parts.agent.world.vocabulary.names, name, tags)
        begun = False
        try:
            with training_of(path), watching(parts.agent.config, callback, progress) as called:
                recorder = Recorder(parts, path, called, tell, trackers, is_new=True)
                begun = True
                return recorder.run()
        finally:
            if not begun:
                writing.discard(path)


def updates(source: Config | str | Path | Mapping[str, object] = "tutorial", **overrides: object) -> Iterator[Update]:
    """Train, yielding after every rollout; ends when all problems are solved or after `training.max_updates`.

    For loops of your own: stop at any update, `update.agent` is the agent so far. Writes nothing to disk. Raises
    `UserError` at once, not at the first update, if the configuration is wrong.
    """
    return loop(start(resolve(source, **overrides)))


def start(config: Config) -> Parts:
    """Everything as it is before the first update, with the weights of `training.start_from`, if it names an agent.
    Raises `UserError` if the configuration is impossible, or if those weights do not fit."""
    if config.training.start_from:  # `latest` will be another run soon
        config = replace(config, training=replace(config.training, start_from=_lasting(config.training.start_from)))
    parts = prepare(config)
    begin(parts)
    return parts


def begin(parts: Parts) -> None:
    """Give the agent the weights that it starts from."""
    source = parts.agent.config.training.start_from
    if source:
        with on_own_terms(parts.agent.threads):
            take_over(parts.agent, load(source, "cpu"), source)


def _lasting(source: str) -> str:
    """A name that means the same agent later, and elsewhere if it can."""
    path = locate(source).absolute()
    base = runs_folder().absolute()
    if path.is_relative_to(base):
        return str(path.relative_to(base))
    return source if is_repo_id(source) else str(path)
