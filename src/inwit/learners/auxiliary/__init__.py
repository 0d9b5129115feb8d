"""Losses that are added to a learner's, by name. Each has a store that learns from what its own programs did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inwit.core.registry import Entry, Registry
from inwit.core.settings import Settings, setting

if TYPE_CHECKING:  # listing auxiliaries needs no PyTorch
    from inwit.core.contracts import Auxiliary

AUXILIARIES: Registry[Callable[..., Auxiliary]] = Registry(
    "auxiliary",
    "inwit.auxiliaries",
    {
        "hindsight": Entry(
            "inwit.learners.auxiliary.hindsight:Hindsight",
            "imitates programs under the tasks that they turned out to solve",
        ),
        "lessons": Entry(
            "inwit.learners.auxiliary.lessons:ClosedLoopLessons",
            "imitates episodes that a world whose tools answer makes of calls of its own",
        ),
        "rehearsal": Entry(
            "inwit.learners.auxiliary.rehearsal:Rehearsal", "imitates the random programs that are right most often"
        ),
        "stumbles": Entry(
            "inwit.learners.auxiliary.stumbles:Stumbles",
            "hindsight that also imitates how to go on after a token that is not the agent's own",
        ),
    },
    # Recipes and checkpoints name an auxiliary's table and tensors by its name; these they have already.
    reserved=("world", "policy", "learner", "curriculum", "training", "recipe", "seed", "draws", "optimiser"),
)


@dataclass(frozen=True)
class AuxiliarySettings(Settings):
    """What can be set for every auxiliary. Its own settings come after these."""

    rows: int = setting(0, "programs imitated in an update; 0 turns it off", at_least=0, at_most=1_000_000)
    weight: float = setting(1.0, "weight of its loss", at_least=0)
