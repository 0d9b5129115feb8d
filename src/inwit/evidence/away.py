"""How far right ends are: the world's search, no deeper than it must be, and programs that are tried."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.capabilities import FAR, Causal
from inwit.core.types import State, Tasks, map_rows

SOON = 9  # tokens: where any right end will do, it is searched for no deeper
DEPTHS = (7, 9, 11, 12)  # tokens: the time of a search grows several times with each two


def away(causal: Causal, tasks: Tasks, state: State, left: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
    """The fewest tokens in which a right program can end; FAR where it takes more than the row has `left`, or more than
    the last of `DEPTHS`."""
    found = torch.full_like(left, FAR)
    open_to = torch.arange(len(left), device=left.device)
    for deeper, depth in zip((0, *DEPTHS), DEPTHS, strict=False):
        open_to = open_to[(found[open_to] == FAR) & (left[open_to] > deeper)]
        if not len(open_to):
            break
        part = map_rows(state, lambda tensor, rows=open_to: tensor[rows])
        found[open_to] = causal.to_go(tasks[open_to], part, left[open_to].clamp(max=depth))
    return found


def right_again(causal: Causal, state: State, programs: Int[Tensor, "B T"]) -> Bool[Tensor, " B"]:
    """Whether a whole program is right if it is written now, or after the first legal token."""
    filler = causal.legal(state).long().argmax(1)
    return right_from(causal, state, programs) | right_from(causal, after_token(causal, state, filler), programs)


def right_from(causal: Causal, state: State, tokens: Int[Tensor, "B T"]) -> Bool[Tensor, " B"]:
    """Whether these tokens, from this state on, are a success."""
    success = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
    for token in tokens.unbind(1):
        forced = causal.forced(state)
        state, step = causal.step(state, torch.where(forced < 0, token, forced))
        success = success | step.success
    return success


def after_token(causal: Causal, state: State, token: Int[Tensor, " B"]) -> State:
    forced = causal.forced(state)
    return causal.step(state, torch.where(forced < 0, token, forced))[0]
