"""What the stores of programs share: comparing programs by several keys, how they read, and imitating them."""

from __future__ import annotations

from math import prod

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.contracts import Trainable, World
from inwit.core.types import Tasks

LIMIT = 2**62  # packed numbers are below it: int64 has room for one more bit, and the sign


def lexicographic(*keys: tuple[Tensor, int]) -> Tensor:
    """One number for each element, ordered as its keys are: by the first, then by the second, and so on. So one minimum
    over rows compares all keys.

    A key is a tensor of whole numbers and their size: they are in 0 .. size - 1. The first alone may also hold negative
    numbers. All tensors must fit one another's shapes (broadcasting).
    """
    assert prod(size for _, size in keys) <= LIMIT, f"keys of sizes {[size for _, size in keys]} overflow an int64"
    packed = keys[0][0]
    for values, size in keys[1:]:
        packed = packed * size + values
    return packed


def order_of_reading(operand: Int[Tensor, "B T"], base: int, reads: int) -> Int[Tensor, "B T"]:
    """The first `reads` operands read up to each column, as the digits of a number in this base. `operand` is the place
    of the operand that a token names, -1 for none; the base is larger than each place + 1."""
    read = operand >= 0
    turn = read.cumsum(1) - 1
    weight = torch.where(read & (turn < reads), base ** (reads - 1 - turn.clamp(0, reads - 1)), 0)
    return ((operand + 1) * weight).cumsum(1)


def program_log_probs(
    policy: Trainable, world: World, tasks: Tasks, programs: Int[Tensor, "B T"], taught: Bool[Tensor, "B T"]
) -> Float[Tensor, "B T"]:
    """The log-probability of each token of programs for these tasks, illegal tokens competing; 0 where it is not
    `taught`."""
    logits = policy.replay(*world.prompt(tasks), world.stage(tasks), programs).logits
    log_probs = torch.log_softmax(logits, -1).gather(-1, programs[..., None])[..., 0]
    return log_probs * taught
