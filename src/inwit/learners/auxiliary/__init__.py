"""Losses that are added to a learner's, by name. Each has a store that learns from what its own programs did."""

from __future__ import annotations

from dataclasses import dataclass

from inwit.core.registry import Entry, Registry
from inwit.core.settings import Settings, setting

AUXILIARIES = Registry(
    "auxiliary",
    "inwit.auxiliaries",
    {
        "hindsight": Entry(
            "inwit.learners.auxiliary.hindsight:Hindsight",
            "imitates programs under the tasks that they turned out to solve",
        ),
        "rehearsal": Entry(
            "inwit.learners.auxiliary.rehearsal:Rehearsal", "imitates the random programs that are right most often"
        ),
    },
)


@dataclass(frozen=True)
class AuxiliarySettings(Settings):
    """What every auxiliary can be told. Its own settings come after these."""

    rows: int = setting(0, "programs imitated in an update; 0 turns it off", at_least=0)
    weight: float = setting(1.0, "weight of its loss", at_least=0)
