"""Which agents or which world a page means by a word: names of runs, scripts and worlds, and nothing else.

`latest` and `RUN@last` mean another agent after a while, so each word is made one that always means the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from inwit.core.errors import UserError, short
from inwit.playground.specimen import updates_kept
from inwit.runs import index
from inwit.runs.finding import is_portable, split_moment
from inwit.runs.folder import COMPLETE, runs_folder
from inwit.runs.loading import find
from inwit.runs.words import ScriptWord, script_word
from inwit.training import recipes
from inwit.worlds import WORLDS

MANIFEST = "manifest.json"  # of a checkpoint


class Meant(NamedTuple):
    """What a word stands for: a bare `world`, or an agent as `load` takes it. `seen` tells weights apart that replaced
    others of the same name."""

    word: str
    source: str = ""
    at: str | None = None
    script: bool = False
    world: str = ""
    seen: int = 0


def meant(words: Sequence[str], given: Mapping[str, str | Path]) -> list[Meant]:
    """What each word stands for: the name of a run, or one that was given to it, or `latest`, each perhaps with a
    checkpoint or a snapshot, `RUN@120` (the newest one, where the run is not complete); a script, alone or at a run, a
    recipe or a world, `pipeline:calculator`; a world, alone; or one of the words `given`, with what it stands for.
    Raises `UserError` for anything else."""
    rows = index.listing()
    return [_meant(word, rows, given, alone=len(words) == 1) for word in words]


def _meant(word: str, rows: Sequence[index.Row], given: Mapping[str, str | Path], *, alone: bool) -> Meant:
    try:
        if word in WORLDS.names():
            return _world(word, alone=alone)
        if script := script_word(word):
            return _script(script, rows)
        return _agent(word, rows)
    except UserError:
        if word not in given or any(row.run in (word, split_moment(word)[0]) for row in rows):
            raise
        source = str(given[word])
        return Meant(word, source, script=script_word(source) is not None, seen=_seen(source))


def _world(word: str, *, alone: bool) -> Meant:
    if not alone:
        raise UserError(f"{word} is a world, and the runs of a table say theirs: name the world alone, or runs")
    return Meant(word, world=word)


def _script(script: ScriptWord, rows: Sequence[index.Row]) -> Meant:
    if not script.where or script.where in {*recipes.names(), *WORLDS.names()}:
        return Meant(str(script), str(script), script=True)
    run = _run(script.where, rows)
    return Meant(f"{script.name}:{run}", f"{script.name}:{runs_folder() / run}", script=True)


def _agent(word: str, rows: Sequence[index.Row]) -> Meant:
    name, which = (word, None) if any(row.run == word for row in rows) else split_moment(word)
    run = _run(name, rows)
    path = runs_folder() / run
    if which is None:
        if all(row.status in COMPLETE for row in rows if row.run == run):
            return Meant(run, str(path), seen=_changed(path / "weights.safetensors"))
        which = _newest(path)
    if which not in ("best", "last") and not (which.isascii() and which.isdigit()):
        raise UserError(f"{short(word)} names no checkpoint: after @ stands best, last or an update, as in {run}@120")
    kept = find(f"{path}@{which}")
    update = str(int(kept.stem))
    return Meant(f"{run}@{update}", str(path), update, seen=_changed(kept if kept.is_file() else kept / MANIFEST))


def _newest(path: Path) -> str:
    """The last update of which a run has weights that is still being trained, or whose training did not end well."""
    if not (kept := updates_kept(path)):
        raise UserError(
            f"the run {path.name} has no weights yet: open it after its first checkpoint or snapshot, or another run"
        )
    return str(kept[-1])


def _run(name: str, rows: Sequence[index.Row]) -> str:
    """The name of the folder of a run, by this name or by the one that was given to it: of several the newest one that
    is complete."""
    if name == "latest":
        return index.latest().name
    if any(row.run == name for row in rows):
        return name
    named = [row for row in rows if row.name == name]
    named = [row for row in named if row.status in COMPLETE] or named
    if not name or not named:
        raise UserError(f"the run {short(name)} is no longer there: choose another one of the list of runs")
    return named[0].run


def _seen(word: str) -> int:
    """When the agent of a word of the command line was last written; 0 for one that comes from elsewhere."""
    if script_word(word):
        return 0
    try:
        path = find(word)
    except UserError:
        return 0
    return _changed(path if path.is_file() else path / ("config.json" if is_portable(path) else "weights.safetensors"))


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
