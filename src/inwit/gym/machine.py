"""What `observe="machine"` shows: the whole state of the machine as numbers, so that no memory is needed.

A world says by itself what the numbers are (`core.contracts.ShowsMachine`): the batched world for all rows, and its
scalar twin for one episode. The two agree.
"""

from __future__ import annotations

from inwit.core.contracts import ShowsMachine, World, capable
from inwit.core.errors import UserError

LIMIT = 32.0  # no number of a machine comes near: the largest is log1p(2**30) or log1p(9**9)


def showing(world: World) -> ShowsMachine:
    """The world, as one that shows its machine. Raises `UserError` for one that does not."""
    shows = capable(world, "machine")
    if shows is None:
        raise UserError(f"observe = 'machine' is not known for {world.id}: use 'tokens'")
    return shows
