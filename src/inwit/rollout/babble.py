"""Random legal programs and what they turn out to compute: the raw material of hindsight."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.capabilities import Achieves
from inwit.core.types import Tasks
from inwit.worlds.running import any_of


@torch.no_grad()
def babble(
    world: Achieves, tasks: Tasks, generator: torch.Generator, *, thrifty: float = 0.0
) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
    """Random legal programs run in the world alone: their tokens, and the polynomial that the machine holds after each.

    Tokens are drawn uniformly from the legal ones; where the world writes, its token is taken. The answer token is left
    out, because every prefix of a program counts as a program. The first `thrifty` share of the rows draws from tokens
    that waste nothing, as long as there are any. After a row's end, when its budget is spent, it achieves nothing (-1).
    """
    state, tokens, achieved = world.reset(tasks), [], []
    ended = torch.zeros_like(tasks.kind, dtype=torch.bool)
    going_on = torch.arange(len(world.vocabulary), device=generator.device) != world.answer
    frugal = (torch.arange(len(tasks), device=generator.device) < round(thrifty * len(tasks)))[:, None]
    thrift = world.thrift(state)
    for _ in range(world.num_columns):
        legal = world.legal(state) & going_on
        wasteless = legal & thrift.allowed(state) & frugal
        token = any_of(torch.where(wasteless.any(1, keepdim=True), wasteless, legal), generator)
        forced = world.forced(state)
        token = torch.where((forced < 0) | ended, token, forced)
        thrift.note(state, token)
        state, step = world.step(state, token)
        tokens.append(token)
        achieved.append(world.achieved(state).masked_fill(ended, -1))
        ended = ended | step.truncated
    return torch.stack(tokens, 1), torch.stack(achieved, 1)


@torch.no_grad()
def vary(
    world: Achieves,
    tasks: Tasks,
    programs: Int[Tensor, "B T"],
    length: Int[Tensor, " B"],
    generator: torch.Generator,
    *,
    changes: int = 3,
) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
    """Programs with a few tokens replaced by random legal ones, run in the world alone: as `babble` gives them.

    The places of `changes` tokens before the last one are drawn, perhaps the same one twice. From the first token on
    that is not legal any more, and from the answer on, a row achieves nothing (-1).
    """
    state, tokens, achieved = world.reset(tasks), [], []
    place = (
        torch.rand((len(tasks), changes), generator=generator, device=length.device) * (length - 1)[:, None]
    ).long()
    going, going_on = length > 1, torch.arange(len(world.vocabulary), device=generator.device) != world.answer
    for column, own in enumerate(programs.unbind(1)):
        legal = world.legal(state) & going_on
        token = torch.where((place == column).any(1), any_of(legal, generator), own)
        going = going & legal.gather(1, token[:, None])[:, 0]
        state, step = world.step(state, token)
        tokens.append(token)
        achieved.append(world.achieved(state).masked_fill(~going, -1))
        going = going & ~step.truncated
    return torch.stack(tokens, 1), torch.stack(achieved, 1)
