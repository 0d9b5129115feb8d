"""Others that go on in the agent's place, on the very same trials: controls whose result is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor

from inwit.core.claims import Control

TWIN = "the agent's recipe, trained with a network that sees the prompt and the last token alone"


class Other(NamedTuple):
    """Another policy on D trials: where it was tried, whether it was right there (or with which probability), and the
    control that it is, without a value. One that there is not was tried nowhere."""

    tried: Bool[Tensor, " D"]
    right: Bool[Tensor, " D"] | Float[Tensor, " D"]
    control: Control


def beside(others: Mapping[str, Other], members: Bool[Tensor, " D"]) -> dict[str, Control]:
    """The controls of a measure of these trials. Where one was tried on none of them it has no value, and no bar."""
    controls = {}
    for name, (tried, right, plain) in others.items():
        shared = right[members & tried]
        value, bar = (float(shared.double().mean()), plain.bar) if len(shared) else (None, None)
        controls[name] = Control(value, bar, plain.side, plain.why)
    return controls
