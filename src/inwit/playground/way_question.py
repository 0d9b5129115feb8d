"""The optimum from where a person stands, answered by Python as the page's own search answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from inwit.core.capabilities import capable
from inwit.core.contracts import World
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.core.types import State, Tasks, map_rows
from inwit.worlds.oracle.from_state import MOST, Limits, Way, costs_within, search
from inwit.worlds.oracle.rows import with_others

SECONDS = 2.0  # that one question may take
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
    way, None is not known. Raises `UserError` for a world that draws, and for a register that does not exist.
    """
    limits = Limits(most, seconds, stopped)
    state, found = _reached(world, task, path)
    if state is None:
        return _told(found or Way(None, 0))
    found = search(world, state, limits)
    if not with_costs:
        return _told(found)
    costs = costs_within(world, state, found, limits).items()
    return _told(found) | {"costs": [[token, -1 if cost == float("inf") else cost] for token, cost in costs]}


@torch.no_grad()
def answer_luck(world: World, task: Tasks, path: Sequence[int]) -> Json:
    """On how many of `OTHERS` drawn problems of the task's kind the tokens of a path are right: `{"right", "of"}`."""
    problems = world.sample(task.kind.repeat(OTHERS), stream(0, "luck"))
    state, right = world.reset(problems), torch.zeros(OTHERS, dtype=torch.bool)
    for token in path:
        state, step = world.step(state, torch.full((OTHERS,), token))
        right |= step.success
    return {"right": int(right.sum()), "of": OTHERS}


def _told(found: Way) -> Json:
    program = None if found.program is None else list(found.program)
    return {"known": found.known, "length": found.length, "program": program, "looked": found.looked}


def _reached(world: World, task: Tasks, path: Sequence[Edit]) -> tuple[State | None, Way | None]:
    """The state where a path leads; None where an episode has ended there, with what is said of it."""
    state, ended = world.reset(with_others(world, task)), None
    for each in path:
        if isinstance(each, int):
            if ended is not None:
                return None, Way(None, 0)
            rows = len(next(iter(state.values())))
            state, step = world.step(state, torch.full((rows,), each))
            if bool((step.terminated | step.truncated).any()):
                ended = Way((), 0) if bool(step.success.all()) else Way(None, 0)
        else:
            state = _edited(world, map_rows(state, lambda tensor: tensor[:1]), each)
    return (None, ended) if ended is not None else (state, None)


def _edited(world: World, state: State, edit: Json) -> State:
    """One row in which a register holds something else."""
    machine = capable(world, "registers")
    if machine is None:
        raise UserError(f"{world.id} shows no registers, so none can be changed")
    values, present = (tensor.clone() for tensor in machine.read_registers(state))
    index, value = edit["index"], edit["value"]
    if not 0 <= index < values.shape[1]:
        raise UserError(f"register {index} does not exist: {world.id} has the registers 0 to {values.shape[1] - 1}")
    values[0, index] = 0 if value is None else value
    present[0, index] = value is not None
    return machine.write_registers(state, values, present)
