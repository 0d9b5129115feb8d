"""The calls that an agent's own programs are made of, and which tasks it answers with the same calls but one.

Nobody says what a call is: it is a token by which two own programs differ where they differ in one token alone, and
are right for tasks of different classes. In the calculator that is the name of a tool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Int
from torch import Tensor

if TYPE_CHECKING:
    from inwit.evidence.subject import Subject

NONE = -1
ROWS = 256  # programs that are compared with all others at a time


@dataclass(frozen=True)
class Trials:
    """Experiments: a part of the memory on the prompt of `donor` is put into the memory on the prompt of `base`. The
    agent should then solve `goal`. Each is the place of one of the subject's tasks."""

    base: Int[Tensor, " B"]
    donor: Int[Tensor, " B"]
    goal: Int[Tensor, " B"]

    def __len__(self) -> int:
        return len(self.base)

    def __getitem__(self, rows: slice | Tensor) -> Trials:
        return Trials(self.base[rows], self.donor[rows], self.goal[rows])

    def distinct(self) -> Trials:
        """Each of them once, in order."""
        rows = torch.stack([self.base, self.donor, self.goal], 1)
        return Trials(*rows.unique(dim=0).unbind(1))


@dataclass(frozen=True)
class Plans:
    """What an agent writes on its own on each of N tasks, M calls at most, and P pairs of tasks of one stage and of
    different classes that it answers with the same program but for one call."""

    calls: Int[Tensor, "N M"]  # the token of each call; -1 where there is none, and for a task that it does not solve
    clusters: Int[Tensor, " N"]  # classes
    before: Int[Tensor, " P"]
    after: Int[Tensor, " P"]
    differs: Int[Tensor, " P"]  # in which call, from 0

    def draw(
        self,
        call: int,
        source: int,
        count: int,
        generator: torch.Generator,
        *,
        rows: Bool[Tensor, " N"],
        goals: Bool[Tensor, " N"],
        unchanged: float = 0.0,
    ) -> Trials:
        """At most `count` trials in which `call` becomes what the call `source` is in the donor: tasks among `rows`,
        goals among `goals`. The donor's class is neither the base's nor the goal's; where the two calls are not the
        same, the donor's own `call` is another one than the goal's. `unchanged`: in so large a share of the trials the
        donor has what the base has already, and the base itself is the goal. A trial may be drawn more than once."""
        if max(call, source) >= self.calls.shape[1]:
            return Trials(self.before[:0], self.before[:0], self.before[:0])
        pairs = (self.differs == call) & rows[self.before] & goals[self.after if unchanged < 1 else self.before]
        before, after = self.before[pairs], self.after[pairs]
        donors = ((self.calls[:, call] >= 0) & (self.calls[:, source] >= 0) & rows).nonzero()[:, 0]
        if not len(before) or not len(donors):
            return Trials(before[:0], before[:0], before[:0])
        drawn = 16 * count  # at random: what does not fit is left out
        pair = torch.randint(len(before), (drawn,), generator=generator).to(before.device)
        donor = donors[torch.randint(len(donors), (drawn,), generator=generator).to(donors.device)]
        stays = (torch.rand(drawn, generator=generator) < unchanged).to(before.device)
        base, goal = before[pair], torch.where(stays, before[pair], after[pair])
        fits = goals[goal] & (self.calls[donor, source] == self.calls[goal, call])
        fits &= self.clusters[donor] != self.clusters[goal]
        fits &= self.clusters[donor] != self.clusters[base]
        if source != call:
            fits &= self.calls[donor, call] != self.calls[goal, call]
        chosen = fits.nonzero()[:count, 0]
        return Trials(base[chosen], donor[chosen], goal[chosen])


def plans(subject: Subject) -> Plans:
    """The calls of the agent's own programs."""
    return _calls_of(subject, subject.own.tokens.masked_fill(~subject.own.live, NONE))


def readings(subject: Subject) -> Plans:
    """The same of the prompts, in the place of programs: what an agent holds that remembers what it read."""
    prompt, mask = subject.world.prompt(subject.tasks)
    return _calls_of(subject, prompt.masked_fill(~mask, NONE))


def _calls_of(subject: Subject, tokens: Int[Tensor, "N T"]) -> Plans:
    rows, clusters = subject.solved.nonzero()[:, 0], subject.clusters
    stage, parts = subject.world.stage(subject.tasks), []  # a policy is told the stage: it is the base's and the goal's
    for some in rows.split(ROWS):
        differing = (tokens[some, None] != tokens[rows]).sum(2) == 1
        differing &= (clusters[some, None] != clusters[rows]) & (stage[some, None] == stage[rows])
        one = differing.nonzero()
        parts.append(torch.stack([some[one[:, 0]], rows[one[:, 1]]], 1))
    before, after = torch.cat(parts or [torch.stack([rows, rows], 1)]).unbind(1)
    place = (tokens[before] != tokens[after]).long().argmax(1)
    is_call = torch.isin(tokens, tokens[before, place].unique()) & subject.solved[:, None] & (tokens >= 0)
    number = is_call.long().cumsum(1) - 1  # of the newest call
    most = int(number.max()) + 1 if len(number) else 0
    calls = torch.full((len(tokens), most + 1), NONE, device=tokens.device)
    calls.scatter_(1, torch.where(is_call, number, most), tokens)
    return Plans(calls[:, :most], clusters, before, after, number[before, place])
