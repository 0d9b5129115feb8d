"""The problems on all of which one way must be right, lest it be luck."""

from __future__ import annotations

from inwit.core.capabilities import capable
from inwit.core.contracts import World
from inwit.core.seeding import stream
from inwit.core.types import Tasks

TOGETHER = 8  # problems of a kind: a program that is right on all of them is hardly so by luck


def rows_together(world: World) -> int:
    """How many problems are searched together. Where success of one run holds over all inputs (`identity`) there is no
    luck, and one is enough."""
    return 1 if capable(world, "identity") else TOGETHER


def with_others(world: World, task: Tasks) -> Tasks:
    """A task (one row) and, below it, drawn ones of its kind, the same each time."""
    others = rows_together(world) - 1
    if not others:
        return task
    drawn = world.sample(task.kind.cpu().repeat(others), stream(0, "others")).to(task.kind.device)
    return Tasks.joined([task, drawn])
