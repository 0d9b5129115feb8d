"""Agents that people wrote by hand: a pipeline of planner, memory and executor, and one that plans nothing.

They know the documented rules of their world, and neither its oracle nor what it hides. Start with `script.py`: what a
script is; then `pipeline.py`: the loop that drives the parts. What a world needs of its own has a module of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from inwit.core.errors import UserError, short, unknown
from inwit.core.registry import Entry, Registry

if TYPE_CHECKING:  # listing scripts needs no PyTorch
    from inwit.core.contracts import Agent, World
    from inwit.scripts.script import Script


class Maker(Protocol):
    """Makes the script of one design for a world, from the world's documented settings; `options` are the design's."""

    def __call__(self, world: World, **options: Any) -> Script: ...


SCRIPTS: Registry[Maker] = Registry(
    "script",
    "inwit.scripts",
    {
        "pipeline": Entry("inwit.scripts.pipeline:make", "planner, memory and executor, driven by a hand-written loop"),
        "react": Entry("inwit.scripts.react:make", "no plan: one decision at a time, from what it sees now"),
    },
)


def scripted(name: str, world: World, **options: Any) -> Agent:
    """The agent of a script for a world: `scripted("pipeline", inwit.make("calculator-v0"), retries=3)`.

    Raises `UserError` for a script or an option that does not exist, and for a world that the script does not know."""
    from inwit.core.contracts import Agent
    from inwit.scripts.options import check_taken
    from inwit.scripts.script import Scripted

    if name not in SCRIPTS.names():
        raise unknown("script", name, SCRIPTS.names())
    if not hasattr(world, "vocabulary"):
        raise UserError(
            f"{short(world)} is no world: give one, as inwit.make('calculator-v0'), "
            f"or use inwit.load('{name}:calculator')"
        )
    maker = SCRIPTS.load(name)
    check_taken(name, maker, world, options)
    return Agent(
        world, Scripted(maker(world, **options), len(world.vocabulary)), status="scripted", script=name, made_for=world
    )
