"""From the word of a script to its agent: which world it is written for."""

from __future__ import annotations

from collections.abc import Mapping

from inwit.core.contracts import Agent, World
from inwit.core.errors import UserError, unknown
from inwit.core.paths import given_path
from inwit.runs import portable
from inwit.runs.finding import is_file, is_portable
from inwit.runs.folder import read_whole_record
from inwit.runs.words import ScriptWord
from inwit.scripts import scripted
from inwit.training import recipes
from inwit.training.config import DEFAULT_RECIPE, Part, resolve
from inwit.worlds import WORLDS, make


def script_agent(word: ScriptWord, settings: Mapping[str, object] | None = None) -> Agent:
    """The agent of a script in the world that its word names. `settings` change that world, and the script is written
    for the world as changed. Raises `UserError`."""
    return scripted(word.name, world_of(word.where, settings))


def world_of(where: str, settings: Mapping[str, object] | None = None) -> World:
    """The world of a recipe (by name or as a TOML file), that of an id, or that of a run; of nothing, the world of a
    plain `inwit train`. A name that means several of these means the first. Raises `UserError`."""
    if where not in recipes.names() and where in WORLDS.names():
        return make(where, **(settings or {}))
    own = _part(where)
    return make(own.id, **own.settings.to_dict() | dict(settings or {}))


def _part(where: str) -> Part:
    if not where or where in recipes.names() or where.lower().endswith(".toml") or is_file(given_path(where)):
        return resolve(where or DEFAULT_RECIPE).world
    from inwit.runs.loading import locate, resolved, run_of  # here: it makes agents of scripts, too

    try:
        path = locate(where)
    except UserError:
        if "/" in where or "@" in where:  # a path, or part of a run: the message about it says more
            raise
        raise unknown("recipe, world or run", where, [*recipes.names(), *WORLDS.names()]) from None
    if is_portable(path):
        return resolve(portable.read_portable(path)["config"]).world
    return resolved(read_whole_record(run_of(path))).world
