"""Running given or random tokens in a world alone, without an agent."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.contracts import World
from inwit.core.types import Tasks


@torch.no_grad()
def perform(
    world: World, tasks: Tasks, tokens: Int[Tensor, "B T"] | None, generator: torch.Generator | None = None
) -> tuple[Bool[Tensor, " B"], dict[str, Tensor]]:
    """Carry out given tokens, or uniformly random legal ones, in the world alone: success and its further readings.

    Given tokens are the whole stream, the world's included: where the world has decided on its token, that is taken.
    Random ones need tasks in which all is drawn.
    """
    state, success, extra = world.reset(tasks), torch.zeros_like(tasks.kind, dtype=torch.bool), {}
    for column in range(world.num_columns if tokens is None else tokens.shape[1]):
        if tokens is not None:
            token = tokens[:, column]
        else:
            assert generator is not None
            token = any_of(world.legal(state), generator)
        forced = world.forced(state)
        token = torch.where(forced < 0, token, forced)
        state, step = world.step(state, token)
        success = success | step.success
        extra = {name: extra.get(name, False) | flags for name, flags in step.extra.items()}
    return success, extra


def any_of(legal: Bool[Tensor, "B V"], generator: torch.Generator) -> Int[Tensor, " B"]:
    """A uniform draw from the legal tokens of each row."""
    scores = torch.rand(legal.shape, generator=generator, device=generator.device)
    return scores.masked_fill_(~legal, -1.0).argmax(1)
