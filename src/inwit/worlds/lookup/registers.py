"""What a person sees of the machine of lookup-v0, and may change: what is open. The tables are hidden, and what was
heard stands in the stream."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.types import Register, State
from inwit.worlds.lookup.rules import ANS, PAD, LookupSettings


def registers_of(settings: LookupSettings) -> tuple[Register, ...]:
    """`open`: the tool that waits for arguments, or ANS. `first`: the first argument of `*`, once it is written."""
    last = settings.first_value if settings.sure_price > 0 else settings.first_sure
    return Register("open", "token", ANS, last - 1), Register("first", least=0, most=settings.num_values - 1)


def read(state: State) -> tuple[Int[Tensor, "B 2"], Bool[Tensor, "B 2"]]:
    """What the registers hold."""
    opened, first = state["pending"], state["first"]
    values = torch.stack([torch.where(opened == PAD, 0, opened), first.clamp_min(0)], 1)
    return values, torch.stack([opened != PAD, first >= 0], 1)


def write(state: State, values: Int[Tensor, "B 2"], present: Bool[Tensor, "B 2"]) -> State:
    """The state in which the registers hold this."""
    empty = torch.full_like(values, PAD), torch.full_like(values, -1)
    opened = torch.where(present, values, empty[0])[:, 0]
    return state | {"pending": opened, "first": torch.where(present, values, empty[1])[:, 1]}
