"""*Thinks*: does the agent solve more of what was held out where it may write tokens that change nothing in the world,
and compute on them?"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit import worlds
from inwit.core.capabilities import capable
from inwit.core.claims import Claim, Control, Measure
from inwit.core.contracts import Agent, Policy
from inwit.core.distributions import ILLEGAL
from inwit.core.errors import UserError
from inwit.core.types import Memory, Output
from inwit.evidence.intervals import clustered_mean
from inwit.evidence.subject import Subject
from inwit.evidence.twins import twin_in_world
from inwit.policies.replay import Prompt, PromptMask, Stage

GAINED = "gained by thinking"
BAR, KEPT = 0.02, 0.9
ABOVE = 1e-9  # more than nothing


def judge(subject: Subject) -> Claim:
    """The claim *thinks* of one agent. A miss refutes nothing: no agent is known to gain by it."""
    teacher, held_out = capable(subject.world, "achieved"), subject.held_out
    lessons = teacher.lessons() if teacher else None
    if lessons is None or lessons.idle < 0:
        return Claim("thinks", untestable=f"the world {subject.world.id} has no THINK token with these settings")
    if not bool(held_out.any()):
        return Claim("thinks", untestable="nothing is held out, and what was trained on needs no thought")
    without = subject.succeeds(Without(subject.agent.policy, lessons.idle), subject.tasks)
    gained = (subject.solved.double() - without.double())[held_out]
    interval = clustered_mean(gained.cpu(), subject.clusters[held_out].cpu())
    twin = _untaught(subject, lessons.without_idle)
    beside = {
        "with": Control(float(subject.solved[held_out].double().mean()), why="solved where it may think"),
        "without": Control(float(without[held_out].double().mean()), why="solved where it may not"),
        "trained without": twin,
        "kept of the trained ones": _kept(subject, without),
    }
    gain = Measure(GAINED, float(gained.mean()), BAR, len(gained), interval, controls=beside, signed=True)
    low = interval[0] if interval else None
    why = "there is one class alone, and so no interval"
    above = Measure("the least of that interval", low, ABOVE, len(gained), why=why, signed=True, low_of=GAINED)
    return Claim("thinks", (gain, above), decisive=False)


def _kept(subject: Subject, without: Bool[Tensor, " N"]) -> Control:
    """An agent that was always made to write such tokens fails without them at anything: that is no thought."""
    trained = without[subject.solved & ~subject.held_out]
    why = "of the trained tasks that it solves: those that it solves where it may not think"
    return Control(_share(trained), KEPT, why=why) if len(trained) else Control(None, why=why)


class Without:
    """A policy that never writes one token."""

    def __init__(self, policy: Policy, token: int) -> None:
        self.policy, self.token = policy, token

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        return self._less(*self.policy.begin(prompt, prompt_mask, stage))

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        return self._less(*self.policy.step(token, memory))

    def _less(self, output: Output, memory: Memory) -> tuple[Output, Memory]:
        here = torch.arange(output.logits.shape[-1], device=output.logits.device) == self.token
        return Output(output.logits.masked_fill(here, ILLEGAL), output.value), memory


def _untaught(subject: Subject, off: Mapping[str, object]) -> Control:
    """The same network, trained in the world without such tokens, for as many updates as a twin gets."""
    agent = subject.agent
    if not off:
        return Control(None, why=f"the world {agent.world.id} does not say which settings leave such tokens out")
    try:
        twin = twin_in_world(agent, **off)
    except UserError as error:
        return Control(None, why=str(error))
    settings = {**agent.world.settings.to_dict(), **off}
    other = Subject(Agent(worlds.make(agent.world.id, **settings), twin, device=agent.device), subject.block)
    right = other.solved[subject.held_out]
    return Control(_share(right), why="the same network, trained where there is no such token, with a twin's updates")


def _share(right: Bool[Tensor, " N"]) -> float:
    return float(right.double().mean())
