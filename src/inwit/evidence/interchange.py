"""Interchange: a part of the memory on one task's prompt is put into the memory on another's, at the prompt's end.

The part is a subspace of each of the policy's taps. It is found by distributed alignment search (Geiger, Wu, Potts,
Icard and Goodman, "Finding alignments between interpretable causal variables and distributed neural representations",
2023): gradients turn an orthonormal basis until the agent, with that part exchanged, writes its own program of the
goal.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from inwit.core.contracts import Tapped
from inwit.core.seeding import stream
from inwit.core.taps import Edits
from inwit.core.types import Memory, Output
from inwit.evidence.plans import NONE, Trials
from inwit.evidence.subject import Subject
from inwit.policies.replay import Prompt, PromptMask, Stage
from inwit.rollout.collect import collect

Parts = dict[str, Float[Tensor, "M S H"]]  # for each tap the bases of M subspaces of S dimensions

STEPS = 300
ROWS = 64  # trials of each subspace in a step
RATE = 0.01  # of Adam; it falls to 0
SHARE = 4  # a subspace has one in so many of its tap's dimensions


class Interchange:
    """Exchanges parts of the memories of one agent, on the subject's N tasks."""

    def __init__(self, subject: Subject, policy: Tapped) -> None:
        self.subject, self.policy = subject, copy.deepcopy(policy)
        for weights in self.policy.parameters() if isinstance(self.policy, torch.nn.Module) else ():
            weights.requires_grad_(False)
        self.own = subject.own.tokens.masked_fill(~subject.own.live, NONE)
        self.prompt = (*subject.world.prompt(subject.tasks), subject.world.stage(subject.tasks))
        with torch.no_grad():
            self.held = self.policy.begin(*self.prompt, capture=policy.taps)[0].taps

    def random(self, count: int, generators: Sequence[torch.Generator]) -> Parts:
        """A subspace of each tap for each generator."""
        parts: Parts = {}
        for tap, value in self.held.items():
            width = value.shape[1]
            size = max(1, width // SHARE)
            drawn = [torch.randn(size, width, generator=generator) for generator in generators]
            parts[tap] = _orthonormal(torch.stack(drawn).to(value))
        return parts

    def found(self, trials: Sequence[Trials], names: Sequence[str], steps: int = STEPS) -> Parts:
        """A subspace for each of the trials' sets, all found at the same time and none from another's trials. `names`
        are those of their random streams. A set is used over and over, in its order."""
        start = self.random(len(names), [stream(0, f"interchange start/{name}") for name in names])
        with torch.enable_grad():
            free = {tap: part.clone().requires_grad_() for tap, part in start.items()}
            optimiser = torch.optim.Adam(free.values(), lr=RATE)
            rate = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, steps)
            for step in range(steps):
                now = [each[torch.arange(step * ROWS, (step + 1) * ROWS) % len(each)] for each in trials]
                optimiser.zero_grad()
                parts = {tap: _orthonormal(part) for tap, part in free.items()}
                self._loss(parts, _joined(now)).backward()
                optimiser.step()
                rate.step()
        return {tap: _orthonormal(part.detach()) for tap, part in free.items()}

    def right(self, trials: Trials, parts: Parts | None) -> Bool[Tensor, " B"]:
        """In which trials the agent solves the goal, and with no more tokens than on its own. `parts` holds one
        subspace of each tap; None exchanges all that the taps hold."""
        tasks, block, found = self.subject.tasks, self.subject.block, list[Tensor]()
        for start in range(0, len(trials), block):
            some = trials[start : start + block]
            edited = Edited(self.policy, self._edits(parts, some.donor))
            rollout = collect(self.subject.world, edited, tasks[some.goal], shown=tasks[some.base])
            found.append(rollout.success & (rollout.live.sum(1) <= self.subject.lengths[some.goal]))
        return torch.cat(found) if found else torch.zeros_like(trials.base, dtype=torch.bool)

    def _loss(self, parts: Parts, trials: Trials) -> Tensor:
        """How unlikely the goals' own programs are; summed over programs, for each subspace its mean over trials."""
        goal = self.own[trials.goal]
        prompt, mask, stage = (each[trials.base] for each in self.prompt)
        output, memory = self.policy.begin(prompt, mask, stage, edit=self._edits(parts, trials.donor))
        length, outputs = int((goal >= 0).sum(1).max()), [output.logits]
        for token in goal[:, : length - 1].unbind(1):
            output, memory = self.policy.step(token.clamp(min=0), memory)
            outputs.append(output.logits)
        logits = torch.stack(outputs, 1).flatten(0, 1)
        return F.cross_entropy(logits, goal[:, :length].flatten(), ignore_index=NONE, reduction="sum") / ROWS

    def _edits(self, parts: Parts | None, donor: Int[Tensor, " B"]) -> Edits:
        """B is a multiple of the number of subspaces: as many rows in turn belong to each."""
        if parts is None:
            return {tap: lambda _, value=value: value[donor] for tap, value in self.held.items()}
        return {
            tap: lambda own, tap=tap, part=part: _exchanged(own, self.held[tap][donor], part)
            for tap, part in parts.items()
        }


class Edited:
    """A policy whose taps are edited at the prompt's end, and nowhere else."""

    def __init__(self, policy: Tapped, edit: Edits) -> None:
        self.policy, self.edit = policy, edit

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        return self.policy.begin(prompt, prompt_mask, stage, edit=self.edit)

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        return self.policy.step(token, memory)


def _exchanged(
    own: Float[Tensor, "B H"], donor: Float[Tensor, "B H"], part: Float[Tensor, "M S H"]
) -> Float[Tensor, "B H"]:
    """`own` with what lies in the subspace taken from `donor`."""
    apart = (donor - own).unflatten(0, (len(part), -1))
    return own + (apart @ part.mT @ part).flatten(0, 1)


def _orthonormal(rows: Float[Tensor, "M S H"]) -> Float[Tensor, "M S H"]:
    """Bases of the spaces that the rows span."""
    return torch.linalg.qr(rows.mT)[0].mT


def _joined(parts: Sequence[Trials]) -> Trials:
    columns = ([getattr(part, name) for part in parts] for name in ("base", "donor", "goal"))
    return Trials(*map(torch.cat, columns))
