"""The oracle's programs, handed to a learner that says in its name that it reads them.

The ceiling: what a network learns that is *told* the best programs separates a weak network from a weak learner.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.errors import UserError
from inwit.core.types import Tasks
from inwit.worlds.oracle.constant import yardstick
from inwit.worlds.oracle.shortest import TOGETHER, shortest

NO_TOKEN = -1  # fills the rows of a table of programs


def oracle_program(world: Any, kind: int) -> tuple[int, ...] | None:
    """The shortest program that is right on every problem of a kind, in the letters a, b, c, ... where it has letters.

    None if there is no such program, or none that the search can know.
    """
    if "constant_programs" in world.capabilities:
        best = yardstick(world.id, kind, world.settings).oracle
        return best.tokens if best else None
    if "identity" in world.capabilities:
        program = shortest(world.kinds.names[kind], world.settings.num_slots, world.settings.tools).program
        return tuple(world.vocabulary.ids(program)) if program else None
    return None


class OraclePrograms:
    """A shortest program for each kind of a world that may be trained on.

    Kinds of the test set have none here, nor have kinds without a program within the budget. Raises `UserError` for a
    world whose best programs are not known.
    """

    def __init__(self, world: Any, device: torch.device | str = "cpu") -> None:
        if not {"constant_programs", "identity"} & world.capabilities:
            raise UserError(
                f"learner.id = oracle_cloning: nobody knows the best programs of {world.id} with these settings; "
                "choose another learner"
            )
        if "identity" in world.capabilities and world.kinds.num_stages > TOGETHER:
            raise UserError(
                f"learner.id = oracle_cloning: expressions of {world.kinds.num_stages - 1} operators take seconds each "
                f"to search: world.max_operators must be at most {TOGETHER - 1}"
            )
        self.world = world
        held_out = set(world.kinds.held_out)
        programs = [() if kind in held_out else oracle_program(world, kind) or () for kind in range(len(world.kinds))]
        programs = [program if len(program) <= world.max_steps else () for program in programs]
        width = max(1, *map(len, programs))
        rows = [[*program, *[NO_TOKEN] * (width - len(program))] for program in programs]
        self.table = torch.tensor(rows, device=device)  # Int[K, T]

    def __call__(self, tasks: Tasks) -> Int[Tensor, "B T"]:
        """The program of each task in the task's own letters, filled up with -1; a row of -1 where there is none."""
        programs = self.table[tasks.kind]
        return self.world.to_letters(tasks, programs) if "achieved" in self.world.capabilities else programs
