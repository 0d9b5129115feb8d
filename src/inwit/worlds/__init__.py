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
    from inwit.core.results import Task

# A world is named here and in its own folder, nowhere else.
_ABOUT = {
    "tutorial-v0": "the published rules, quirks included: pays for the wrong goal, stores no value",
    "tutorial-v1": "the same task, repaired: three stages, 111,000 problems, success is the stated goal",
    "calculator-v0": "a register machine whose prompt is an expression: it must be read; success holds over all inputs",
    "lookup-v0": "tools that answer, and may fail: hidden tables; what to ask next depends on what was answered",
}
_CLASSES = (
    "tutorial.v0:TutorialV0",
    "tutorial.v1:TutorialV1",
    "calculator.tensors:CalculatorV0",
    "lookup.tensors:LookupV0",
)
_TWINS = (
    "tutorial.scalar:ScalarTutorialV0",
    "tutorial.scalar:ScalarTutorialV1",
    "calculator.scalar:ScalarCalculator",
    "lookup.scalar:ScalarLookup",
)


def _entries(classes: tuple[str, ...]) -> dict[str, Entry]:
    return {name: Entry(f"inwit.worlds.{cls}", _ABOUT[name]) for name, cls in zip(_ABOUT, classes, strict=True)}


WORLDS: Registry[Callable[..., World]] = Registry("world", "inwit.worlds", _entries(_CLASSES))
# Each world's rules for one episode, free of PyTorch: playing a program by hand needs none.
TWINS: Registry[type[ScalarWorld]] = Registry("scalar twin of a world", "inwit.world_twins", _entries(_TWINS))


def make(world_id: str, **settings: Any) -> World:
    """The batched world `world_id`. Raises `UserError` for an unknown world or setting."""
    return WORLDS.load(world_id)(build(WORLDS.settings(world_id), settings, "world"))


def make_scalar(world_id: str, task: Task, **settings: Any) -> ScalarWorld:
    """One episode of `world_id` in plain Python, ready for its first token. Raises `UserError`."""
    if world_id not in TWINS.names():
        raise unknown("world", world_id, TWINS.names())
    return TWINS.load(world_id).from_task(build(TWINS.settings(world_id), settings, "world"), task)
