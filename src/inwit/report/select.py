"""Which runs: names, paths and patterns as they are written on the command line; sorted by world."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inwit.core.errors import UserError, short, unknown
from inwit.core.results import Evaluation
from inwit.runs.finding import is_file, is_portable, meant
from inwit.runs.folder import (
    Kept,
    Record,
    evaluations,
    number,
    read_metrics,
    result,
    runs_folder,
    status_now,
)
from inwit.runs.folder import read_record as read
from inwit.runs.index import chosen, listing
from inwit.runs.words import ScriptWord, script_word, scripts_told

if TYPE_CHECKING:
    from inwit.core.contracts import Agent

SCRIPT = "script"  # in the configuration of a script, its name


@dataclass(frozen=True)
class Run:
    """A run with everything that it has recorded; or a script in a world, evaluated for the occasion."""

    record: Record
    metrics: list[dict[str, Any]]
    kept: list[Kept]  # its evaluations
    agent: Agent | None = None  # the agent of a script; None of a run, whose folder has it

    @property
    def script(self) -> str:
        """The name of the script; empty for a run."""
        return "" if self.agent is None else self.agent.script

    @property
    def seed(self) -> str:
        """The root seed; a point of a script, in which nothing is drawn."""
        return "·" if self.script else str(self.record.seed)

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """The result of the weights that it has now."""
        return result(self.record, self.kept)

    @cached_property
    def untrained(self) -> set[str]:
        """Stages that are nothing but test set. Runs of earlier versions recorded a rate of 0 for them."""
        split = self.evaluation.split if self.evaluation else None
        return set(split.held_out) - set(split.trained) if split else set()

    @property
    def world(self) -> str:
        return self.record.part("world")

    def total(self, name: str) -> float | None:
        """`seconds`, `tokens` or `update` of the whole training so far."""
        last = self.metrics[-1] if self.metrics else {}
        value = number(self.record.summary, name)
        return number(last, name) if value is None else value


def select(patterns: Sequence[str], tags: Sequence[str] = ()) -> list[Run]:
    """The runs of names (folders' and given ones), paths, `latest`, and patterns such as `NAME-*`, and agents that
    travel (their folders, or `name/agent` on the Hub): each once, in order. With `tags`, those of them that have all of
    these; where no run is named, of all runs. Scripts among them come last. One that names no world meets that of each
    of the runs.

    Raises `UserError` for a name or pattern that nothing answers to, and for a damaged run that was asked for by name;
    a pattern passes damaged ones over.
    """
    if not patterns and not tags:
        raise UserError("name the runs, or give a tag, as in --tag sweep: `inwit runs` lists them")
    scripts = [found for pattern in patterns if (found := script_word(pattern))]
    asked = [pattern for pattern in patterns if not script_word(pattern)]
    if not asked and scripts and not tags:
        return _scripts(scripts, [])
    paths = {path.resolve(): path for pattern in asked or ["*"] for path in _paths(pattern)}
    if tags:
        tagged = {(runs_folder() / row.run).resolve() for row in chosen(listing(), tags)}
        paths = {real: path for real, path in paths.items() if real in tagged}
    if not paths:
        raise UserError(f"none of these runs has the tags {', '.join(tags)}: `inwit runs` lists them")
    runs = [_run(path) for path in paths.values()]
    return [*runs, *_scripts(scripts, runs)]


def _scripts(words: Sequence[ScriptWord], runs: Sequence[Run]) -> list[Run]:
    if not words:
        return []
    from inwit.report.scripted import script_runs  # here: it needs PyTorch, and comparing runs does not

    found = {json.dumps(run.record.config): run for word in words for run in script_runs(word, runs)}
    return list(found.values())  # each once in each world


def _run(path: Path) -> Run:
    if not is_file(path / "run.json") and is_portable(path):
        from inwit.runs import portable  # here: it needs PyTorch, and comparing runs does not

        record, kept = portable.as_run(path)
        return Run(record, [], kept)
    record = read(path)
    record = replace(record, status=status_now(path, record.status))
    return Run(record, read_metrics(record.path), evaluations(record.path))


def _paths(pattern: str) -> list[Path]:
    if found := meant(pattern):
        return found
    names = [row.run for row in reversed(listing()) if row.status != "damaged"]
    if matching := [name for name in names if fnmatchcase(name, pattern)]:
        return [runs_folder() / name for name in matching]
    if any(sign in pattern for sign in "*?["):
        raise UserError(f"no run under {runs_folder()} matches {short(pattern)}: `inwit runs` lists them")
    from inwit.runs import portable

    if portable.is_repo_id(pattern):
        return [portable.download(pattern)]
    raise UserError(f"{unknown('run', pattern, ['latest', *names[-5:]])}; {scripts_told()}")
