"""The oracle as an agent: it writes what the search for the optimum found, so that it can be measured as others are."""

from __future__ import annotations

from typing import Any, cast

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.contracts import Agent, World
from inwit.core.errors import UserError
from inwit.core.types import Memory, Output, Tasks
from inwit.evidence.reciting import Reciter, Replanner
from inwit.policies.replay import Prompt, PromptMask, Stage
from inwit.scripts.script import Script, Scripted
from inwit.suite.best_asking import BestAsking
from inwit.worlds.lookup.rules import LookupSettings
from inwit.worlds.oracle.programs import oracle_program


def oracle_agent(world: World) -> Agent:
    """The agent that is best in a world. Raises `UserError` where nobody knows the optimum."""
    if isinstance(world.settings, LookupSettings):
        script = cast(Script, BestAsking(world.settings))
        return Agent(world, Scripted(script, len(world.vocabulary)), status="scripted")
    policy = Programs(world)
    return Agent(cast(World, Overheard(world, policy)), policy, status="scripted")


class Overheard:
    """A world that tells the oracle which tasks it shows. Else it is the world that it was made of."""

    def __init__(self, world: World, policy: Programs) -> None:
        self._world, self._policy = world, policy

    def __getattr__(self, name: str) -> Any:
        if name == "_world":  # a copy asks before it has one
            raise AttributeError(name)
        return getattr(self._world, name)

    def prompt(self, tasks: Tasks) -> tuple[Int[Tensor, "B P"], Bool[Tensor, "B P"]]:
        self._policy.shown = tasks
        return self._world.prompt(tasks)


class Programs:
    """Writes the shortest program of each task; after a token that is not its own, the shortest way from there, where
    the world knows it. It answers to the tasks that were shown last."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.known: dict[int, tuple[int, ...]] = {}
        self.shown: Tasks | None = None
        self.policy: Reciter | None = None

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        assert self.shown is not None
        programs, lengths = self._programs(self.shown)
        causal = capable(self.world, "causal")
        if causal is None:
            self.policy = Reciter(self.world, self.shown, programs)
        else:
            self.policy = cast(Reciter, Replanner(causal, self.shown, programs, lengths))
        return self.policy.begin(prompt, prompt_mask, stage)

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        assert self.policy is not None
        return self.policy.step(token, memory)

    def _programs(self, tasks: Tasks) -> tuple[Int[Tensor, "B T"], Int[Tensor, " B"]]:
        """The program of each task in its own names, and how many tokens it has."""
        found = [self._program(kind) for kind in tasks.kind.tolist()]
        width = max(map(len, found))
        table = torch.tensor([[*program, *[-1] * (width - len(program))] for program in found])
        knows = capable(self.world, "best_programs")
        table = knows.named_as_in(tasks, table) if knows else table
        return table.clamp_min(0), (table >= 0).sum(1)

    def _program(self, kind: int) -> tuple[int, ...]:
        if kind not in self.known:
            program = oracle_program(self.world, kind)
            if not program:
                raise UserError(f"nobody knows the best program of {self.world.kinds.names[kind]} in {self.world.id}")
            self.known[kind] = program
        return self.known[kind]
