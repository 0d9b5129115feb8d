"""What the tests of an agent's claims need, made once: its tasks, what it writes on them, which of them it solves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.contracts import Agent, Policy, World
from inwit.core.seeding import stream
from inwit.core.types import Memory, Rollout, Tasks
from inwit.rollout.collect import collect
from inwit.rollout.hooks import Hooks
from inwit.worlds.examination import exam_of
from inwit.worlds.oracle.cover import smallest_cover

if TYPE_CHECKING:
    from inwit.evidence.answers import Compared
    from inwit.evidence.deviation import Deviations

BLOCK = 4096  # episodes at a time
ROWS = 256  # tasks in all, where a world has fewer kinds
FEW = 4  # clusters: of fewer solved ones nothing is judged


@dataclass(frozen=True)
class Subject:
    """An agent under examination. N tasks: of each kind the first of its world's exam; where there are fewer kinds than
    `ROWS`, as many of each as fit, evenly spaced.

    `block` changes how many episodes run at a time, and no figure, but for a policy whose rows read each other, as
    `bag_gru` with `leak_batch`. At one time, whatever it is, run the N episodes of `own`, of `memories` (which are
    those of `own`, played once more), and those with noise in their memory, which is drawn for all together."""

    agent: Agent
    block: int = BLOCK

    @property
    def world(self) -> World:
        return self.agent.world

    @cached_property
    def tasks(self) -> Tasks:
        """N tasks, in the order of their kinds; what a world draws is drawn."""
        world, exam = self.world, exam_of(self.world)
        asked = Tasks.joined(list(exam.tasks(range(len(world.kinds)), "cpu")))
        each, chosen = max(1, ROWS // len(world.kinds)), []
        for kind in range(len(world.kinds)):
            places = (asked.kind == kind).nonzero()[:, 0]
            count = min(each, len(places))
            chosen.append(places[torch.arange(count) * len(places) // max(count, 1)])
        tasks, draws = asked[torch.cat(chosen)], capable(world, "chance")
        tasks = draws.draw(tasks, stream(0, "evidence tasks")) if draws else tasks
        return tasks.to(self.agent.device)

    @cached_property
    def own(self) -> Rollout:
        """The greedy agent's episodes on the tasks, nothing changed."""
        return collect(self.world, self.agent.policy, self.tasks)

    @cached_property
    def memories(self) -> tuple[Memory, ...]:
        """What the agent holds before each column of its own episodes. Large where a memory grows, as a cache does."""
        return collect(self.world, self.agent.policy, self.tasks, hooks=Hooks(record=True)).memories

    @property
    def solved(self) -> Bool[Tensor, " N"]:
        return self.own.success

    @cached_property
    def lengths(self) -> Int[Tensor, " N"]:
        """How many tokens the agent chooses."""
        return (self.own.live & self.own.chosen).sum(1)

    @cached_property
    def clusters(self) -> Int[Tensor, " N"]:
        """Tasks of one cluster are right together: those of one class, where success is decided by identity; those of
        one kind, where one program may be right on all of them."""
        if capable(self.world, "constant_programs"):
            return self.tasks.kind
        if capable(self.world, "identity"):
            return torch.tensor(self.world.kinds.classes, device=self.tasks.kind.device)[self.tasks.kind]
        return torch.arange(len(self.tasks), device=self.tasks.kind.device)

    @cached_property
    def held_out(self) -> Bool[Tensor, " N"]:
        return torch.isin(
            self.tasks.kind, torch.tensor(self.world.kinds.held_out, dtype=torch.int64).to(self.tasks.kind)
        )

    @cached_property
    def deviations(self) -> Deviations:
        """The forced tokens that the agent must answer to. Raises `UserError` where the world is not `causal`."""
        from inwit.evidence.deviation import deviations

        return deviations(self)

    @cached_property
    def exchanged(self) -> Compared:
        """The agent and others after exchanged answers, in a world that answers. Raises `UserError` where nothing can
        be exchanged."""
        from inwit.evidence.answers import compared

        return compared(self)

    @cached_property
    def constant_plan(self) -> str:
        """Why there is nothing to plan, nor to remember: where no more constant programs than stages solve everything
        (found by search). Else empty."""
        world = self.world
        if not capable(world, "constant_programs"):
            return ""
        cover = smallest_cover(world.id, len(world.kinds), world.settings)
        if cover is None or len(cover) > world.kinds.num_stages:
            return ""
        programs = "one program solves" if len(cover) == 1 else f"{len(cover)} constant programs solve"
        return f"{programs} all of {world.id}: the plan is a constant, and recited at best"

    @property
    def too_few(self) -> str:
        """Why nothing can be judged on what the agent solves; empty where it solves enough."""
        count = len(self.clusters[self.solved].unique())
        if count >= FEW:
            return ""
        some = "none" if not count else str(int(self.solved.sum()))
        classes = f", which are of fewer than {FEW} classes of problems" if count else ""
        return f"the agent solves {some} of the {len(self.tasks)} tasks{classes}: there is too little to change"

    def succeeds(self, policy: Policy, tasks: Tasks, shown: Tasks | None = None) -> Bool[Tensor, " M"]:
        """Whether another policy solves each of the tasks, greedily; or the agent, where it is shown other tasks."""
        return self.ended(policy, tasks, shown)[0]

    def ended(
        self, policy: Policy, tasks: Tasks, shown: Tasks | None = None, block: int = 0
    ) -> tuple[Bool[Tensor, " M"], Int[Tensor, " M"]]:
        """Whether each episode is a success, and how many tokens the policy chose; `block` of them at a time."""
        success, lengths = [tasks.kind[:0] > 0], [tasks.kind[:0]]
        for start in range(0, len(tasks), block or self.block):
            part = slice(start, start + (block or self.block))
            rollout = collect(self.world, policy, tasks[part], shown=None if shown is None else shown[part])
            success.append(rollout.success)
            lengths.append((rollout.live & rollout.chosen).sum(1))
        return torch.cat(success), torch.cat(lengths)
