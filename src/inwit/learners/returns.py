"""The mathematics of the learners as pure functions on `[B, T]` blocks."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.contracts import Metrics
from inwit.core.distributions import masked_log_softmax
from inwit.core.types import Output


def log_probs_and_entropy(
    outputs: Output, legal: Bool[Tensor, "B T V"], tokens: Int[Tensor, "B T"]
) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """The log-probability of each token and the entropy, in nats, of the distribution it came from."""
    log_probs = masked_log_softmax(outputs.logits, legal)
    # Not log_probs.exp(): at an illegal token's -1e9 that takes twice as long as a second softmax of the whole.
    entropy = -(torch.softmax(log_probs, -1) * log_probs).sum(-1)
    return log_probs.gather(-1, tokens[..., None])[..., 0], entropy


def masked_mean(values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, ""]:
    """The mean of `values` where `mask` is True (0 where it never is)."""
    weight = mask.to(values.dtype)
    return (values * weight).sum() / weight.sum().clamp_min(1.0)


def returns_to_go(reward: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """The undiscounted sum of rewards from each step to the end: `out[:, t] = sum(reward[:, t:])`.

    Nothing is bootstrapped at truncation: the budget is part of the task.
    """
    return reward.flip(1).cumsum(1).flip(1)


def normalise(values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """`values` shifted and scaled to mean 0 and standard deviation 1 over `mask`."""
    mean = masked_mean(values, mask)
    std = masked_mean((values - mean).square(), mask).sqrt()
    return (values - mean) / (std + 1e-6)


def group_advantage(returns: Float[Tensor, " B"], group_size: int, floor: float) -> Float[Tensor, " B"]:
    """How much better an episode did than the others on its problem: (R - group mean) / (group std + floor).

    Groups are consecutive rows. Where all episodes of a group have the same return, the advantage is 0. The standard
    deviation is the population's (divided by G), as in GRPO (Shao et al. 2024).
    """
    groups = returns.view(-1, group_size)
    centred = groups - groups.mean(1, keepdim=True)
    std = centred.square().mean(1, keepdim=True).sqrt()
    return (centred / (std + floor)).view(-1)


def leave_one_out_advantage(returns: Float[Tensor, " B"], group_size: int) -> Float[Tensor, " B"]:
    """R minus the mean of the other episodes on the same problem (Kool et al. 2019). Groups are consecutive rows."""
    groups = returns.view(-1, group_size)
    others = (groups.sum(1, keepdim=True) - groups) / (group_size - 1)
    return (groups - others).view(-1)


def gae(
    reward: Float[Tensor, "B T"], values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"], gae_lambda: float
) -> Float[Tensor, "B T"]:
    """Generalised advantages (Schulman et al. 2016) without discount; 0 where `mask` (live and chosen) is False.

    Columns that the world wrote are no steps: the next value is that of the next chosen token, for values are trained
    there alone, and a reward that falls on the world's token belongs to the chosen token before it. The value after the
    last chosen token is 0, whether it terminated or was truncated: the budget is part of the task.
    """
    advantage = torch.zeros_like(values)
    owed = following = next_value = torch.zeros_like(values[:, 0])
    for column in range(values.shape[1] - 1, -1, -1):
        chosen = mask[:, column]
        owed = reward[:, column] + owed
        error = owed + next_value - values[:, column]
        following = torch.where(chosen, error + gae_lambda * following, following)
        next_value = torch.where(chosen, values[:, column], next_value)
        owed = owed.masked_fill(chosen, 0.0)
        advantage[:, column] = following.masked_fill(~chosen, 0.0)
    return advantage


def detached(**metrics: Tensor) -> Metrics:
    return {name: tensor.detach() for name, tensor in metrics.items()}
