"""A script of a few lines, for tests of what takes any script: it recites one program for each stage."""

from __future__ import annotations

from typing import Any

from inwit.core.contracts import World
from inwit.scripts import SCRIPTS

PROGRAMS = ("MUL ADD ANS", "MUL ADD SUB ANS", "MUL ADD STO MUL RCL SUB ANS")


class Recite:
    """Writes the program of its stage, and then its last token. Its state is the stage and the place."""

    def __init__(self, world: World, programs: tuple[str, ...]) -> None:
        self.programs = [world.vocabulary.ids(program.split()) for program in programs]

    def begin(self, prompt: tuple[int, ...], stage: int) -> tuple[int, int]:
        return stage, 0

    def write(self, state: Any) -> int:
        stage, place = state
        program = self.programs[stage % len(self.programs)]
        return program[min(place, len(program) - 1)]

    def read(self, state: Any, token: int) -> tuple[int, int]:
        return state[0], state[1] + 1


def recite(world: World, programs: tuple[str, ...] = PROGRAMS) -> Recite:
    return Recite(world, programs)


def register() -> str:
    """The name of the script; registered once, however often it is asked for."""
    if "recite" not in SCRIPTS.names():
        SCRIPTS.register("recite", recite, "recites one program for each stage")
    return "recite"
