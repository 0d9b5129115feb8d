"""Exact greedy success of any rival: every problem of every stage, in the world itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inwit.core.seeding import stream
from inwit.core.types import Tasks
from inwit.gym.batch import Batch

CHUNK = 4096


def success_by_stage(rival: Any, world: dict[str, Any], sample: int | None = None) -> list[float]:
    """The share of solved problems of each stage; of the calculator, of expressions, for all inputs.

    With `sample` only as many problems of a stage, drawn: for a first look.
    """
    shares = []
    for tasks in _stages(world, rival.observe):
        chosen = tasks if sample is None else tasks[_some(len(tasks), sample)]
        parts = [chosen[start : start + CHUNK] for start in range(0, len(chosen), CHUNK)]
        solved = sum(int(_solved(rival, world, part).sum()) for part in parts)
        shares.append(solved / len(chosen))
    return shares


def _some(count: int, sample: int) -> Tensor:
    """Every hundredth problem would not do: its last two digits are always 0, and a shortcut solves it."""
    return torch.randperm(count, generator=stream(0, "first look"))[:sample]


def _stages(world: dict[str, Any], observe: str) -> list[Tasks]:
    made = Batch(**world, count=1, observe=observe).world
    if "identity" not in made.capabilities:
        return [made.all_tasks([kind]) for kind in range(len(made.kinds))]
    tasks = made.greedy_tasks()
    stage = made.stage(tasks)
    return [tasks[stage == each] for each in stage.unique()]


@torch.no_grad()
def _solved(rival: Any, world: dict[str, Any], tasks: Tasks) -> Tensor:
    batch, player = Batch(**world, count=len(tasks), observe=rival.observe), rival.player()
    batch.start(tasks)
    success = torch.zeros(len(tasks), dtype=torch.bool)
    for column in range(batch.world.max_steps):
        seen = batch.observation()
        seen["action_mask"] = seen["action_mask"] | batch.ended[:, None]  # a row that has ended needs some token, too
        success |= batch.step(player(seen, column == 0)).success
        if bool(batch.ended.all()):
            break
    return success
