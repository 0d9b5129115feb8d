"""Replaying a recorded token block through a policy, for the policies that have nothing faster than stepping."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.types import Output


def stack(outputs: list[Output]) -> Output:
    """Outputs of T steps as one, [B, T, ...]."""
    return Output(torch.stack([o.logits for o in outputs], 1), torch.stack([o.value for o in outputs], 1))


def replay_by_stepping(
    policy: Any,
    prompt: Int[Tensor, "B P"],
    prompt_mask: Bool[Tensor, "B P"],
    stage: Int[Tensor, " B"],
    tokens: Int[Tensor, "B T"],
) -> Output:
    """`begin` and then `step` on every token but the last: column t predicts `tokens[:, t]`."""
    output, memory = policy.begin(prompt, prompt_mask, stage)
    outputs = [output]
    for token in tokens[:, :-1].unbind(1):
        output, memory = policy.step(token, memory)
        outputs.append(output)
    return stack(outputs)
