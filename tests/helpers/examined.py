"""Agents whose truth is known, for tests of what the battery says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from inwit.core.contracts import Agent
from inwit.evidence.reciting import Reciter, Replanner
from inwit.training.config import resolve
from inwit.training.loop import new_agent
from reactive import Reactive


def agent(updates: int = 40, **world: Any) -> Agent:
    """Untrained, of a recipe, by which its twins are trained with so many updates."""
    return new_agent(resolve("calculator", policy={"width": 16}, world=world, training={"max_updates": updates}))


def script(
    name: str, made: Agent, known: Any = slice(None), first: tuple[str, ...] = (), of: Sequence[int] | None = None
) -> Agent:
    """A script in the agent's place. It knows a shortest program of each kind, but only LOAD of those that are not
    `known`; before each program, or those `of` some kinds, it writes the tokens `first`."""
    if name == "untrained":
        return made
    world: Any = made.world
    before = {kind: world.vocabulary.ids(first) for kind in (range(len(world.kinds)) if of is None else of)}
    programs = [[*before.get(kind, ()), *(world.best_program(kind) or ())] for kind in range(len(world.kinds))]
    lengths = torch.tensor([len(program) for program in programs])
    width = int(lengths.max())
    table = torch.tensor([program + [world.answer] * (width - len(program)) for program in programs])
    written = torch.full_like(table, world.vocabulary.id("LOAD"))
    written[known] = table[known]
    policies: dict[str, Any] = {
        "reciter": lambda: Reciter(world, world.greedy_tasks(), written),
        "re-planner": lambda: Replanner(world, world.greedy_tasks(), written, lengths),
        "reactive": lambda: Reactive(world, world.greedy_tasks(), written, lengths),
    }
    return replace(made, policy=policies[name]())
