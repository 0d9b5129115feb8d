"""The optimum from where a person stands, answered by Python as the page's own search answers it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from inwit.core.capabilities import capable
from inwit.core.contracts import World
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.core.types import State, Tasks, map_rows
from inwit.playground.registers import change, token
from inwit.worlds.oracle.from_state import MOST, SECONDS, Limits, Way, costs_within, refuse_drawing, search
from inwit.worlds.oracle.rows import with_others

OTHERS = 200  # problems that tell luck

Edit = int | Json  # a token, or a register that holds something else: {"index": i, "value": v or None}


@torch.no_grad()
def answer_way(
    world: World,
    task: Tasks,
    path: Sequence[Edit],
    *,
    with_costs: bool = False,
    most: int = MOST,
    seconds: float = SECONDS,
    stopped: Callable[[], bool] | None = None,
) -> Json:
    """The shortest way from where a path leads: tokens, and registers that a person changed.

    `task` is one row. A way must be right on other problems of its kind, too; after a change it starts from the one row
    that was changed. `{"known", "length", "program", "looked"}`: where `known` is true and `length` None, no way is
    left; where `known` is false the search gave up, after `most` positions, `seconds`, or when `stopped` said so.
    `with_costs` adds `costs`, a list of [token, cost]: 0 keeps to a shortest way, n takes n tokens more, -1 leaves no
    way, None is not known. Raises `UserError` for a world that draws, and for a path that cannot be.
    """
    refuse_drawing(world)
    limits, costs = Limits(most, seconds, stopped), None
    found, state = _reached(world, task, path, limits)
    if found is None:
        found = search(world, state, limits)
        if with_costs:
            costs = costs_within(world, state, found, limits)
    program = None if found.program is None else list(found.program)
    told: Json = {"known": found.known, "length": found.length, "program": program, "looked": found.looked}
    if with_costs:
        told["costs"] = [[each, -1 if cost == math.inf else cost] for each, cost in (costs or {}).items()]
    return told


@torch.no_grad()
def answer_luck(world: World, task: Tasks, path: Sequence[Edit]) -> Json:
    """On how many of `OTHERS` drawn problems of the task's kind the tokens of a path end right: `{"right", "of"}`.
    After a register was changed there is nothing to count: `right` is None."""
    if any(isinstance(each, dict) for each in path):
        return {"right": None, "of": OTHERS}
    refuse_drawing(world)
    state = world.reset(world.sample(task.kind.repeat(OTHERS), stream(0, "luck")))
    right = torch.zeros(OTHERS, dtype=torch.bool)
    for each in path[: world.num_columns]:
        state, step = world.step(state, torch.full((OTHERS,), token(world, each)))
        right |= step.success
    return {"right": int(right.sum()), "of": OTHERS}


def _reached(world: World, task: Tasks, path: Sequence[Edit], limits: Limits) -> tuple[Way | None, State]:
    """The state where a path leads, and what is said of it where that needs no search: an episode has ended there."""
    state, found = world.reset(with_others(world, task)), None
    for each in path:
        if limits.over:
            return Way(None, 0, known=False), state
        if isinstance(each, dict):
            state = _edited(world, map_rows(state, lambda tensor: tensor[:1]), each)
        else:
            rows = len(next(iter(state.values())))
            state, step = world.step(state, torch.full((rows,), token(world, each)))
            if found is None and bool((step.terminated | step.truncated).any()):
                found = Way((), 0) if bool(step.success.all()) else Way(None, 0)
    return found, state


def _edited(world: World, state: State, edit: Json) -> State:
    """One row in which a register holds something else."""
    machine = capable(world, "registers")
    if machine is None or not machine.machine_registers:
        raise UserError(f"{world.id} does not show its registers, so none can be changed")
    index, value = change(world, machine.machine_registers, edit)
    values, present = (tensor.clone() for tensor in machine.read_registers(state))
    values[0, index], present[0, index] = value or 0, value is not None
    return machine.write_registers(state, values, present)
