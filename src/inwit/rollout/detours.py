"""Detours: in some episodes two tokens in a row are drawn uniformly from the legal ones, at a place drawn by chance.

They are a remedy for one trap. Where a short plan is right by luck now and then, a policy settles on it, and its first
token becomes so likely that a longer plan, which begins otherwise, is never tried again, however well the policy would
carry on with it. After a detour it carries on from where it would not have gone. The share of episodes falls with the
entropy bonus (`training.last_entropy`).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

LENGTH = 2  # tokens of a detour: a tool and its argument


class Detours:
    """Which rows make a detour, and after how many chosen tokens, 0 to `reach` - 1. All are drawn at once."""

    def __init__(self, share: float, rows: int, reach: int, generator: Generator) -> None:
        device = generator.device
        self.makes = torch.rand(rows, generator=generator, device=device) < share
        self.start = torch.randint(reach, (rows,), generator=generator, device=device)

    def now(self, written: Int[Tensor, " B"]) -> Bool[Tensor, " B"]:
        """Whether a row's next token is one of a detour's; `written` is how many it has chosen."""
        return self.makes & (written >= self.start) & (written < self.start + LENGTH)
