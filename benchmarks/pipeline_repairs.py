"""What a person changes in a script once its world has changed: a setting, an option, or lines of code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from inwit.core.contracts import Agent, World
from inwit.core.vocabulary import Vocabulary
from inwit.scripts import scripted
from inwit.scripts.calculator.machine import Executor, Goal, Slots
from inwit.scripts.calculator.planner import Planner
from inwit.scripts.calculator.rule import Rule
from inwit.scripts.lookup import Calling, Leftmost, Machine, parts
from inwit.scripts.pipeline import Call
from inwit.scripts.react import React, Reaction
from inwit.scripts.script import Scripted
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


class CrossedRule(Rule):
    """React's rule for a machine with RSB in place of SUB: it reads l - r as r ~ l, and so begins with r."""

    def goal(self, prompt: tuple[int, ...], stage: int) -> Goal:
        goal = super().goal(prompt, stage)
        return replace(goal, tree=self.turned(goal.tree))

    def turned(self, tree: Any) -> Any:
        if isinstance(tree, int):
            return tree
        symbol, left, right = tree[0], self.turned(tree[1]), self.turned(tree[2])
        return ("~", right, left) if symbol == "-" else (symbol, left, right)


def _crossed_parts(world: Any, reader: type[Planner | Rule]) -> tuple[Any, Executor]:
    """For a machine whose SUB is RSB, by SUB's token. Expressions are read as ever."""
    tools = tuple("RSB" if tool == "SUB" else tool for tool in world.settings.tools)
    names = Vocabulary(["RSB" if name == "SUB" else name for name in world.vocabulary.names])
    own = reader(names, world.settings.tools)
    own.tools = tools
    return own, Executor(names, tools, world.settings.num_slots)


def _crossed(name: str, world: Any) -> tuple[Agent, int, str]:
    own, executor = _crossed_parts(world, Planner if name == "pipeline" else CrossedRule)
    if name == "pipeline":
        memory = Slots(world.settings.num_slots)
        return scripted(name, world, planner=own, memory=memory, executor=executor), _lines(_crossed_parts), ""
    react: Any = React(Reaction(own, Slots(world.settings.num_slots), executor))
    made = Agent(world, Scripted(react, len(world.vocabulary)), status="scripted", script=name, made_for=world)
    return made, _lines(_crossed_parts, CrossedRule), ""


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


def _lines(*parts: Any) -> int:
    return sum(code_lines(inspect.getsource(part)) for part in parts)


REPAIRS = {
    "crossed": _crossed,
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
