"""Replaying a recorded block of tokens through a policy that has nothing faster than its own steps."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.contracts import Policy
from inwit.core.errors import UserError
from inwit.core.types import Memory, Output, map_rows

# N problems with prompts of P positions; B rows of T tokens, where B is N or a multiple of it.
Prompt = Int[Tensor, "N P"]
PromptMask = Bool[Tensor, "N P"]
Stage = Int[Tensor, " N"]
Tokens = Int[Tensor, "B T"]


def for_each_episode(output: Output, memory: Memory, group_size: int) -> tuple[Output, Memory]:
    """What was read once per problem, for `group_size` consecutive episodes on each."""
    check_memory(memory)
    if group_size == 1:
        return output, memory
    logits, value = output.logits.repeat_interleave(group_size, 0), output.value.repeat_interleave(group_size, 0)
    repeated = Output(logits, value, map_rows(output.taps, lambda tensor: tensor.repeat_interleave(group_size, 0)))
    return repeated, map_rows(memory, lambda tensor: tensor.repeat_interleave(group_size, 0))


def check_memory(memory: object) -> None:
    """Raises `UserError` for a policy's memory that is no dict of tensors."""
    if not isinstance(memory, dict) or not all(isinstance(each, Tensor) for each in memory.values()):
        found = f"a {type(memory).__name__}"
        if isinstance(memory, dict):
            found += f" of {', '.join(dict.fromkeys(type(each).__name__ for each in memory.values()))}"
        raise UserError(
            f"the policy's memory is {found}: `begin` and `step` must return a dict of tensors, a row of each for each "
            "episode, as in {'heard': tensor}"
        )


def replay_by_stepping(
    policy: Policy,
    prompt: Prompt,
    prompt_mask: PromptMask,
    stage: Stage,
    tokens: Tokens,
    capture: Iterable[str] = (),
) -> Output:
    """`begin` and then `step` on every token but the last: column t predicts `tokens[:, t]`.

    Each prompt is read once, for B / N consecutive rows of tokens. Only a `Tapped` policy takes names to `capture`.
    """
    taken = {"capture": tuple(capture)} if capture else {}
    output, memory = policy.begin(prompt, prompt_mask, stage, **taken)
    output, memory = for_each_episode(output, memory, len(tokens) // len(prompt))
    outputs = [output]
    for token in tokens[:, :-1].unbind(1):
        output, memory = policy.step(token, memory, **taken)
        outputs.append(output)
    taps = {name: torch.stack([o.taps[name] for o in outputs], 1) for name in output.taps}
    return Output(torch.stack([o.logits for o in outputs], 1), torch.stack([o.value for o in outputs], 1), taps)
