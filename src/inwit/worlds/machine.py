"""A machine's registers as numbers that a network can read, for worlds that show their machine (capability `machine`).

A register is two numbers: whether it is full, and its value as sign(x) log(1 + |x|), 0 while it is empty.
"""

from __future__ import annotations

from math import copysign, log1p
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the scalar twins use this file without PyTorch
    from torch import Tensor


def register_names(names: list[str]) -> list[str]:
    return [name for register in names for name in (f"{register} full", register)]


def register_numbers(value: int | None) -> list[float]:
    """One register of one episode; None is an empty one."""
    return [0.0, 0.0] if value is None else [1.0, copysign(log1p(abs(value)), value)]


def register_columns(full: Tensor, value: Tensor) -> list[Tensor]:
    """One register of B episodes: two columns Float[B], from Bool[B] and Int[B]."""
    return [full.double(), value.double().abs().log1p() * value.sign() * full]
