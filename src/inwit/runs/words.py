"""Words that mean a script, and not a run: `pipeline`, or `pipeline:WHERE` for the world of a recipe or of a run.

The names of scripts are reserved: no run is found by one, and none is given one. `./pipeline` and a `Path` are always a
folder. Needs no PyTorch, as the reading of runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from inwit.core.errors import UserError, short
from inwit.scripts import SCRIPTS


@dataclass(frozen=True)
class ScriptWord:
    """A script by its name, and where it is to act: a recipe, the path of a TOML file, a world's id, or a run; empty
    for the world of a plain `inwit train`, or of the runs that it is compared with."""

    name: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.where}" if self.where else self.name


def script_word(word: object) -> ScriptWord | None:
    """The script that a word means; None where it means a run. Raises `UserError` for a script with nothing after its
    colon."""
    if not isinstance(word, str):
        return None
    name, colon, where = (part.strip() for part in word.partition(":"))
    if name not in SCRIPTS.names():
        return None
    if colon and not where:
        raise UserError(f"{short(word)} names no world: give a recipe, a world or a run, as in {name}:calculator")
    return ScriptWord(name, where)


def refuse_script(word: object, what: str) -> None:
    """Raises `UserError` for a script where only a run will do. `what` says why, as "has no training to go on with"."""
    if (found := script_word(word)) is not None:
        raise UserError(f"{found} is a script and {what}: name a run (./{found.name} is the folder of that name)")


def scripts_told() -> str:
    """What the error of an unknown word says of scripts."""
    return f"scripts, each alone or as NAME:WORLD, are {', '.join(SCRIPTS.names())}"
