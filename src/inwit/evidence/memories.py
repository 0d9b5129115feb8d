"""The same policy with a worse memory: made anew from the prompt and the last token, too old, or noisy.

Each answers from a memory that was changed, while the true one goes on beside it: a change never adds up over time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

from inwit.core.contracts import Policy
from inwit.core.seeding import stream
from inwit.core.types import Memory, Output
from inwit.policies.replay import Prompt, PromptMask, Stage


class Rebuilt:
    """Each answer is made of the prompt and the last token alone: what was written before is forgotten."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        return self.policy.begin(prompt, prompt_mask, stage)

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        return self.policy.step(token, memory)[0], memory  # the memory stays as the prompt made it


class Stale:
    """Each answer is made of a memory that lacks the two tokens before the last one. It is told the last one."""

    LACKS = 2

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        output, first = self.policy.begin(prompt, prompt_mask, stage)
        return output, _side_by_side([first] * (self.LACKS + 1))

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        oldest, *later = _apart(memory, self.LACKS + 1)
        newest = later[-1]
        return self.policy.step(token, oldest)[0], _side_by_side([*later, self.policy.step(token, newest)[1]])


class Noisy:
    """Each answer is made of a memory with Gaussian noise: `share` of the spread that each of its units has."""

    def __init__(self, policy: Policy, spread: Memory, share: float) -> None:
        self.policy, self.spread, self.share, self.generators = policy, spread, share, dict[str, Generator]()

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        # On the CPU, wherever the policy computes: every device is to have the same noise.
        self.generators = {name: stream(0, f"evidence noise/{name}") for name in self.spread}
        return self.policy.begin(prompt, prompt_mask, stage)

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        noisy = {name: self._noisy(name, tensor) for name, tensor in memory.items()}
        return self.policy.step(token, noisy)[0], self.policy.step(token, memory)[1]

    def _noisy(self, name: str, tensor: Tensor) -> Tensor:
        if name not in self.spread:
            return tensor
        noise = torch.randn(tensor.shape, generator=self.generators[name], dtype=tensor.dtype)
        return tensor + self.share * self.spread[name] * noise.to(tensor.device)


def spread(memories: Sequence[Memory], live: Bool[Tensor, "B T"]) -> Memory:
    """The standard deviation of each unit of the memories that T columns began with, over rows and columns: of what is
    not whole numbers or flags. Where a memory grows, over its positions."""
    first, last, found = memories[0], memories[-1], {}
    for name, tensor in first.items():
        grows = [axis for axis in range(tensor.ndim) if tensor.shape[axis] != last[name].shape[axis]]
        if not tensor.is_floating_point():
            continue
        if grows:
            found[name] = last[name].double().std([0, *grows], keepdim=True).to(tensor.dtype)
        else:
            rows = torch.cat([memory[name][live[:, at]] for at, memory in enumerate(memories)])
            found[name] = rows.double().std(0, keepdim=True).to(tensor.dtype)
    return found


def _side_by_side(memories: Sequence[Memory]) -> Memory:
    """Several memories as one."""
    return {f"{at}.{name}": tensor for at, memory in enumerate(memories) for name, tensor in memory.items()}


def _apart(memory: Memory, count: int) -> list[Memory]:
    """The memories that were put side by side."""
    parts: list[Memory] = [{} for _ in range(count)]
    for name, tensor in memory.items():
        at, _, own = name.partition(".")
        parts[int(at)][own] = tensor
    return parts
