"""The learners that `benchmarks/peers.py` compares: each makes a `Rival` from settings and a seed."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor


class Player(Protocol):
    """Greedy tokens for a batch of observations; carries its own memory from one call to the next."""

    def __call__(self, seen: dict[str, Tensor], first: bool) -> Tensor: ...


class Rival(Protocol):
    """A learner in the middle of its training."""

    observe: str  # what it is shown: tokens or machine

    def advance(self) -> int:
        """One update; the environment steps that it took."""
        ...

    def player(self) -> Player: ...


def make(family: str, settings: dict[str, Any], world: dict[str, Any], width: int, seed: int) -> Rival:
    """Imports nothing but the family's own library: the cold start is measured with it."""
    if family == "inwit":
        from rivals.ours import Ours

        return Ours(settings, world, width, seed)
    if family == "torchrl":
        from rivals.torchrl_gru import TorchRLGRU

        return TorchRLGRU(settings, world, width, seed)
    from rivals.sb3 import StableBaselines

    return StableBaselines(settings, world, width, seed)
