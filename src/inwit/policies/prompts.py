"""Reading padded prompts."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def last_token(prompt: Int[Tensor, "B P"], prompt_mask: Bool[Tensor, "B P"]) -> Int[Tensor, " B"]:
    """The last token of each prompt that is not padding, on whichever side the padding is."""
    place = torch.arange(prompt.shape[1], device=prompt.device)
    last = (place * prompt_mask).argmax(1, keepdim=True)
    return prompt.gather(1, last)[:, 0]
