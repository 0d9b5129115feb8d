"""Hashing whole numbers in tensors: no generator is drawn from, and every device finds the same."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor

_ROUNDS = ((30, -4658895280553007687), (27, -7723592293110705685), (31, 1))  # of SplitMix64 (Steele et al. 2014)


def mixed(number: Int[Tensor, "*B"]) -> Int[Tensor, "*B"]:
    """A whole number of 64 bits for each: another one for another number, and every bit depends on every bit."""
    for shift, odd in _ROUNDS:
        # Tensors are signed: what is shifted in from the left must be zeros, or a number and its complement meet.
        number = (number ^ ((number >> shift) & ((1 << (64 - shift)) - 1))) * odd
    return number
