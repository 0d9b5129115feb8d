"""The oracle's programs, for a learner that says in its name that it reads them. What a network learns from them is a
ceiling: it separates a weak network from a weak learner."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.contracts import World
from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.core.types import Tasks, Taught
from inwit.worlds.oracle.constant import yardstick

NO_TOKEN = -1  # fills the rows of a table of programs


def oracle_program(world: World, kind: int) -> tuple[int, ...] | None:
    """The shortest program that is right on every problem of a kind, with arguments named by their place.

    None if there is no such program within the bound of the search, or if there is no search for this world. Raises
    `UserError` where the world refuses to search.
    """
    if capable(world, "constant_programs"):
        best = yardstick(world.id, kind, world.settings).oracle
        return best.tokens if best else None
    knows = capable(world, "best_programs")
    program = knows.best_program(kind) if knows else None
    return tuple(program) if program else None


class OraclePrograms:
    """A shortest program for each kind of a world that may be trained on.

    Kinds of the test set have none here, nor have kinds without a program within the budget. Raises `UserError` for a
    world whose best programs are not known.
    """

    def __init__(self, world: World, device: torch.device | str = "cpu") -> None:
        if not {"constant_programs", "best_programs"} & world.capabilities:
            raise UserError(
                f"learner.id = oracle_cloning: nobody knows the best programs of {world.id} with these settings; "
                "choose another learner"
            )
        self.world = world
        programs = _programs(world)
        width = max(1, *map(len, programs))
        rows = [[*program, *[NO_TOKEN] * (width - len(program))] for program in programs]
        self.table = torch.tensor(rows, device=device)  # Int[K, T]

    def __call__(self, tasks: Tasks) -> Int[Tensor, "B T"]:
        """The program of each task in the task's own names, filled up with -1; a row of -1 where there is none."""
        programs = self.table[tasks.kind]
        knows = capable(self.world, "best_programs")
        return knows.named_as_in(tasks, programs) if knows else programs


def oracle_for(world: World, device: torch.device | str = "cpu") -> Callable[[Tasks], Taught]:
    """What the oracle writes for drawn tasks: the shortest program of the kind; where the world answers, the optimum at
    play, the world's tokens included. Raises `UserError` for a world in which it is not known."""
    if knows := capable(world, "advice"):
        try:
            knows.expert(world.sample(torch.zeros(1, dtype=torch.int64), stream(0, "oracle")))
        except UserError as error:
            raise UserError(f"learner.id = oracle_cloning: {error}") from None
        return knows.expert
    programs = OraclePrograms(world, device)

    def written(tasks: Tasks) -> Taught:
        tokens = programs(tasks)
        return Taught(tasks, tokens.clamp_min(0), tokens != NO_TOKEN)

    return written


def _programs(world: World) -> list[tuple[int, ...]]:
    """For each kind its program, () where there is none to hand out."""
    programs: list[tuple[int, ...]] = [()] * len(world.kinds)
    taught = set(range(len(world.kinds))) - set(world.kinds.held_out)
    # Largest stages first: a world that refuses to search them does so before the others were searched.
    for kind in sorted(taught, key=lambda kind: -world.kinds.stages[kind]):
        try:
            program = oracle_program(world, kind) or ()
        except UserError as error:
            raise UserError(f"learner.id = oracle_cloning: {error}") from None
        if len(program) <= world.max_steps:
            programs[kind] = program
    return programs
