"""Where a training starts from: fresh weights, or those of an agent that was kept (a warm start)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from inwit.core.isolation import on_own_terms
from inwit.runs.folder import runs_folder
from inwit.runs.loading import load, locate
from inwit.runs.portable import is_repo_id
from inwit.runs.weights import take_over
from inwit.training.config import Config, resolve
from inwit.training.loop import Parts, loop, prepare
from inwit.training.metrics import Update


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
