"""How far right ends are: the world's search, deeper and deeper, and no deeper than it must be."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.capabilities import FAR, Causal
from inwit.core.types import State, Tasks, map_rows

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
