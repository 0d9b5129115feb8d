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


@dataclass(frozen=True)
class Plans:
    """What an agent writes on its own on each of N tasks, M calls at most, and P pairs of tasks of different classes
    that it answers with the same program but for one call."""

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
        goals among `goals`. The goal's class is neither the base's nor the donor's; where the two calls are not the
        same, the donor's own `call` is another one than the goal's. `unchanged`: so large a share of the bases is drawn
        alone, and the donor has what the base has already; the goal is then the base."""
        pairs = (self.differs == call) & rows[self.before] & goals[self.after]
        before, after = self.before[pairs], self.after[pairs]
        able = (self.calls[:, call] >= 0) & (self.calls[:, source] >= 0) & rows
        bases, donors = (able & goals).nonzero()[:, 0], able.nonzero()[:, 0]
        if not len(before) or not len(donors) or not len(bases):
            return Trials(before[:0], before[:0], before[:0])
        drawn = 16 * count  # at random: what does not fit is left out

        def some(places: Int[Tensor, " S"]) -> Int[Tensor, " D"]:
            return torch.randint(len(places), (drawn,), generator=generator)

        pair, alone = some(before), bases[some(bases)]
        stays = torch.rand(drawn, generator=generator) < unchanged
        base, goal = torch.where(stays, alone, before[pair]), torch.where(stays, alone, after[pair])
        donor = donors[some(donors)]
        fits = self.calls[donor, source] == self.calls[goal, call]
        fits &= self.clusters[donor] != self.clusters[goal]
        fits &= self.clusters[donor] != self.clusters[base]
        if source != call:
            fits &= self.calls[donor, call] != self.calls[goal, call]
        chosen = fits.nonzero()[:count, 0]
        return Trials(base[chosen], donor[chosen], goal[chosen])


def plans(subject: Subject) -> Plans:
    """The plans of the tasks that the subject solves."""
    own = subject.own.tokens.masked_fill(~subject.own.live, NONE)
    rows, clusters = subject.solved.nonzero()[:, 0], subject.clusters
    parts = []
    for some in rows.split(ROWS):
        differing = (own[some, None] != own[rows]).sum(2) == 1
        one = (differing & (clusters[some, None] != clusters[rows])).nonzero()
        parts.append(torch.stack([some[one[:, 0]], rows[one[:, 1]]], 1))
    before, after = torch.cat(parts or [torch.stack([rows, rows], 1)]).unbind(1)
    place = (own[before] != own[after]).long().argmax(1)
    is_call = torch.isin(own, own[before, place].unique()) & subject.solved[:, None] & (own >= 0)
    number = is_call.long().cumsum(1) - 1  # of the newest call
    most = int(number.max()) + 1 if len(number) else 0
    calls = torch.full((len(own), most + 1), NONE, device=own.device)
    calls.scatter_(1, torch.where(is_call, number, most), own)
    return Plans(calls[:, :most], clusters, before, after, number[before, place])
