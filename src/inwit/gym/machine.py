"""What `observe="machine"` shows: the whole state of the machine as numbers, so that an agent needs no memory.

The world makes the numbers (`core.capabilities.ShowsMachine`); its scalar twin makes the same ones for one episode.
"""

from __future__ import annotations

from inwit.core.capabilities import ShowsMachine, capable
from inwit.core.contracts import World
from inwit.core.errors import UserError

LIMIT = 32.0  # no number of a machine comes near: the largest is log1p(2**30) or log1p(9**9)


def showing(world: World) -> ShowsMachine:
    """The world, as one that shows its machine. Raises `UserError` for one that does not."""
    shows = capable(world, "machine")
    if shows is None:
        raise UserError(f"observe = 'machine' is not known for {world.id}: use 'tokens'")
    return shows
