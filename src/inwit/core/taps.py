"""Taps: the named inner values of a policy, which can be read (`capture`) and replaced (`edit`) while it computes.

The value of a tap in column t is the one that output t is made of: in column 0 the policy has read the prompt alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from jaxtyping import Float
from torch import Tensor

from inwit.core.errors import unknown

Edits = Mapping[str, Callable[[Float[Tensor, "*B H"]], Float[Tensor, "*B H"]]]
NO_EDITS: Edits = {}


class Taps:
    """What passes the taps in one call of `begin` or `step`: edited, then captured, where that is asked for.

    Raises `UserError` for a name that the policy has no tap of."""

    def __init__(self, names: Collection[str], capture: Iterable[str], edit: Edits) -> None:
        self.capture, self.edit = frozenset(capture), edit
        self.taken: dict[str, Tensor] = {}
        for name in (*self.capture, *edit):
            if name not in names:
                raise unknown("tap", name, list(names))

    def wants(self, name: str) -> bool:
        return name in self.capture or name in self.edit

    def __call__(self, name: str, value: Float[Tensor, "*B H"]) -> Float[Tensor, "*B H"]:
        """The value that the policy goes on with."""
        if name in self.edit:
            value = self.edit[name](value)
        if name in self.capture:
            self.taken[name] = value
        return value
