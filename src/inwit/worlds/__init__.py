"""The worlds, by name. Listing them imports nothing; `worlds.make` builds the batched world, `worlds.make_scalar`
its twin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from inwit.core.errors import unknown
from inwit.core.registry import Entry, Registry
from inwit.core.settings import build

if TYPE_CHECKING:
    from inwit.core.contracts import ScalarWorld, World

# Each world, its twin for one episode, and what it is. A world is named here and in its own folder, nowhere else.
_BUILT_IN = {
    "tutorial-v0": (
        "tutorial.v0:TutorialV0",
        "tutorial.scalar:ScalarTutorialV0",
        "the published rules, quirks included: pays for the wrong goal, stores no value",
    ),
    "tutorial-v1": (
        "tutorial.v1:TutorialV1",
        "tutorial.scalar:ScalarTutorialV1",
        "the same task, repaired: three stages, 111,000 problems, success is the stated goal",
    ),
    "calculator-v0": (
        "calculator.tensors:CalculatorV0",
        "calculator.scalar:ScalarCalculator",
        "a register machine whose prompt is an expression: it must be read; success holds over all inputs",
    ),
}

WORLDS: Registry[Callable[..., World]] = Registry(
    "world",
    "inwit.worlds",
    {name: Entry(f"inwit.worlds.{world}", about) for name, (world, _, about) in _BUILT_IN.items()},
)

# Free of PyTorch, so that playing a program by hand needs none.
TWINS: Registry[type[ScalarWorld]] = Registry(
    "scalar twin of a world",
    "inwit.world_twins",
    {name: Entry(f"inwit.worlds.{twin}", "the rules for one episode") for name, (_, twin, _) in _BUILT_IN.items()},
)


def make(world_id: str, **settings: Any) -> World:
    """The batched world `world_id`. Raises `UserError` for an unknown world or setting."""
    return WORLDS.load(world_id)(build(WORLDS.settings(world_id), settings, "world"))


def make_scalar(world_id: str, task: dict[str, Any], **settings: Any) -> ScalarWorld:
    """One episode of `world_id` in plain Python, ready for its first token. Raises `UserError`."""
    if world_id not in TWINS.names():
        raise unknown("world", world_id, TWINS.names())
    return TWINS.load(world_id).from_task(build(TWINS.settings(world_id), settings, "world"), task)
