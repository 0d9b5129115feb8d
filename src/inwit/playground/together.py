"""What the page searches with: a world's rules for several problems at once, on all of which one way must be right.

A way that is right on one problem may be right by luck.
"""

from __future__ import annotations

from inwit.core.capabilities import capable
from inwit.core.contracts import World
from inwit.core.results import Json
from inwit.playground.blob import Blob
from inwit.playground.graphs import example, world_graphs
from inwit.worlds.oracle.clocks import clocks
from inwit.worlds.oracle.rows import rows_together


def rules_together(world: World, blob: Blob) -> Json | None:
    """The world's graphs for several rows, with its `clocks`; None for a world that answers by chance, in which no
    program is a way. Raises `UserError` for rules that cannot be traced."""
    if capable(world, "chance"):
        return None
    return world_graphs(world, example(world, rows_together(world)), blob, showing=False) | {"clocks": clocks(world)}
