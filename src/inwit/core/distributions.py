"""Categorical distributions over legal tokens: log-probabilities and sampling, on any leading shape."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

# The logit of an illegal token: its probability underflows to exactly 0, yet log-probabilities stay finite, so that
# masked sums (0 * log_prob) and gradients never become NaN.
ILLEGAL = -1e9


def masked_log_softmax(logits: Float[Tensor, "*B V"], legal: Bool[Tensor, "*B V"]) -> Float[Tensor, "*B V"]:
    """Log-probabilities over the legal tokens; about -1e9 for the others."""
    return torch.log_softmax(logits.masked_fill(~legal, ILLEGAL), -1)


def choose(
    logits: Float[Tensor, "B V"], legal: Bool[Tensor, "B V"], noise: Float[Tensor, "B V"] | None
) -> Int[Tensor, " B"]:
    """The likeliest legal token, or with Gumbel noise a sample from the distribution over the legal ones."""
    scores = logits if noise is None else logits + noise
    return scores.masked_fill(~legal, ILLEGAL).argmax(-1)


def gumbel(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise: argmax(logits + noise) is a sample of softmax(logits)."""
    uniform = torch.rand(shape, generator=generator, device=generator.device)
    return uniform.clamp_min_(1e-20).log_().neg_().log_().neg_()
