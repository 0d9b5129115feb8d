"""Running given or random tokens in a world alone, without an agent."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.types import Tasks


@torch.no_grad()
def perform(
    world: Any, tasks: Tasks, tokens: Int[Tensor, "B T"] | None, generator: torch.Generator | None = None
) -> tuple[Bool[Tensor, " B"], dict[str, Tensor]]:
    """Carry out given tokens, or uniformly random legal ones, in the world alone: success and its further readings."""
    state, steps = world.reset(tasks), []
    for column in range(world.num_columns if tokens is None else tokens.shape[1]):
        if tokens is not None:
            token = tokens[:, column]
        else:
            assert generator is not None
            token = any_of(world.legal(state), generator)
        state, step = world.step(state, token)
        steps.append(step)
    extra = {name: any_step([step.extra[name] for step in steps]) for name in steps[0].extra}
    return any_step([step.success for step in steps]), extra


def any_of(legal: Bool[Tensor, "B V"], generator: torch.Generator) -> Int[Tensor, " B"]:
    """A uniform draw from the legal tokens of each row."""
    scores = torch.rand(legal.shape, generator=generator, device=generator.device)
    return scores.masked_fill_(~legal, -1.0).argmax(1)


def any_step(flags: list[Tensor]) -> Bool[Tensor, " B"]:
    return torch.stack(flags).any(0)
