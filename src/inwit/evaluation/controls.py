"""Controls: the same agent with something taken away."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.contracts import World
from inwit.core.errors import UserError, unknown
from inwit.core.seeding import stream
from inwit.core.types import Tasks

CONTROLS = ("shuffled-prompt",)


def others_shown(world: World, blocks: Sequence[Tasks], control: str) -> list[Tasks]:
    """For each problem of all blocks another one of the same stage, whose prompt the agent is shown instead.

    The machine, the legal tokens and the goal stay the problem's own, so what is still solved was not read from the
    prompt. Raises `UserError` for a control that does not exist, and where a stage has one problem alone.
    """
    if control not in CONTROLS:
        raise unknown("control", control, CONTROLS)
    tasks = Tasks.joined(blocks)
    stage = world.stage(tasks).cpu()
    for each, count in zip(*stage.unique(return_counts=True), strict=True):
        if count < 2:
            raise UserError(
                f"control = {control}: stage {each} of {world.id} has one problem alone, so there is no other prompt"
            )
    shown = tasks[others(stage).to(tasks.kind.device)]
    starts = torch.tensor([0, *(len(block) for block in blocks)]).cumsum(0).tolist()
    return [shown[start:end] for start, end in pairwise(starts)]


def others(stage: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
    """For each row another one of the same stage: each stage's rows in a random circle, each row gets the next."""
    order = torch.randperm(len(stage), generator=stream(0, "shuffled prompt"))
    chosen = torch.empty_like(order)
    for each in stage.unique():
        circle = order[stage[order] == each]
        chosen[circle] = circle.roll(1)
    return chosen
