"""What a person changes in a script once its world has changed: a setting, an option, or lines of code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from inwit.core.contracts import Agent, World
from inwit.scripts import scripted
from inwit.scripts.lookup import Calling, Leftmost, Machine, parts
from inwit.scripts.pipeline import Call
from pipeline_cases import CHANGES, changed_world
from pipeline_costs import code_lines

PATIENT = 99  # retries: as long as the budget lasts


class Sure(Calling):
    """An executor that is told which tools not to trust: of these it has the planner take the sure ones at once."""

    def __init__(self, settings: Any, tools: frozenset[int]) -> None:
        super().__init__(settings)
        self.distrusted = tools

    def start(self, goal: Hashable) -> Machine:
        return super().start(goal)._replace(given_up=self.distrusted)


class SureRule(Leftmost):
    """React's rule that takes some tools' sure calls."""

    def __init__(self, settings: Any, tools: tuple[str, ...]) -> None:
        super().__init__(settings)
        self.distrusted = tools

    def decide(self, goal: Any, machine: Machine, kept: Any) -> Call:
        call = super().decide(goal, machine, kept)
        return replace(call, tool=call.tool + "!") if call.tool in self.distrusted else call


def _told(name: str, world: World) -> tuple[Agent, int, str]:
    return scripted(name, world), 0, "told the setting"


def _retrying(name: str, world: World) -> tuple[Agent, int, str]:
    if name == "react":  # it retries for ever as it is
        return _told(name, world)
    return scripted(name, world, retries=PATIENT), 0, f"retries = {PATIENT}"


def _voting(name: str, world: World) -> tuple[Agent, int, str]:
    if name == "react":
        return _told(name, world)
    own = parts(world, votes=3)
    return scripted(name, world, planner=own.planner, memory=own.memory, executor=own.executor), 0, "votes = 3"


def _sure(*distrusted: str) -> Callable[[str, World], tuple[Agent, int, str]]:
    def repair(name: str, world: Any) -> tuple[Agent, int, str]:
        plain = scripted_as_lookup(world)
        tools = world.vocabulary.names[8:]
        if name == "react":
            return scripted(name, plain, rule=SureRule(world.settings, distrusted)), _lines(SureRule), ""
        numbers = frozenset(tools.index(tool) for tool in distrusted)
        return scripted(name, plain, executor=Sure(world.settings, numbers)), _lines(Sure), ""

    return repair


def scripted_as_lookup(world: Any) -> World:
    """The documented world of these settings: scripts go by a world's id."""
    from inwit import worlds

    return worlds.make("lookup-v0", **world.settings.to_dict())


def _lines(part: type) -> int:
    return code_lines(inspect.getsource(part))


REPAIRS = {
    "crossed": _told,
    "no-slot": _told,
    "one-slot": _told,
    "budget": _told,
    "fails": _retrying,
    "lies": _voting,
    "calls": _told,
    "down": _sure("F"),
    "prices": _sure("F", "G", "*"),
}


def repaired(name: str, change: str) -> tuple[Agent, int, str]:
    """A script after a person has dealt with a change: the agent, in the changed world; the lines of code that it took;
    and what was done instead, where it took none."""
    world = changed_world(CHANGES[change])
    agent, lines, told = REPAIRS[change](name, world)
    return replace(agent, world=world), lines, told
