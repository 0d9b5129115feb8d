"""Learning from what one's own programs turned out to compute: hindsight (after Andrychowicz et al. 2017) with a store.

Every program computes *some* expression. Whenever the accumulator holds the polynomial of a known class, the tokens
so far, closed by the answer token, are a program for that class. The store keeps the shortest such programs of
every class, several tied ones. `loss` is the negative log-likelihood of stored programs under the prompts of
expressions of their class, those that surprise the policy most first. The store is fed by the policy's own episodes
and by random legal programs run in the world alone (`rollout.babble`); it never sees the oracle, and learns nothing
about an expression but which of its own programs happened to compute it.

Which of several equally short programs is imitated may decide generalisation: docs/log.md has what was tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.settings import Settings, setting
from inwit.types import Lessons, map_rows

FLOOR = 0.1  # nats added to every kind's surprise, so that what was learnt is seen again
ABSENT = -1e9  # the log-likelihood of a tie that is not there
UNKNOWN = 10_000  # the length of a program that nobody has found


@dataclass(frozen=True)
class HindsightSettings(Settings):
    rows: int = setting(0, "stored programs imitated in an update; 0 turns hindsight off", at_least=0)
    weight: float = setting(1.0, "weight of the imitation loss", at_least=0)
    babble: int = setting(2048, "random legal programs run in an update", at_least=0)
    ties: int = setting(4, "equally short programs kept for each class", at_least=1, at_most=64)


class Hindsight:
    """The store: `programs` Int[C, R, T] padded, `length` Int[C] (UNKNOWN where none is known), `count` Int[C]."""

    def __init__(self, settings: HindsightSettings, lessons: Lessons) -> None:
        self.settings = settings
        self.lessons = lessons
        device = lessons.prompt.device
        classes = int(lessons.class_of.max()) + 1
        shape = (classes, settings.ties, lessons.num_columns)
        self.programs = torch.full(shape, lessons.pad, device=device)
        self.length = torch.full((classes,), UNKNOWN, device=device)
        self.count = torch.zeros(classes, dtype=torch.int64, device=device)
        self.surprise = torch.full(lessons.class_of.shape, 10.0, device=device)
        self.operands_of = torch.zeros(classes, dtype=torch.int64, device=device)
        self.operands_of[lessons.class_of] = lessons.num_operands
        self.budget_of = torch.zeros_like(self.operands_of)
        self.budget_of[lessons.class_of] = lessons.budget
        # A class whose expressions are all in the test set is never stored.
        self.storable = torch.zeros(classes, dtype=torch.bool, device=device)
        self.storable[lessons.class_of[lessons.may_teach]] = True

    def state_dict(self) -> dict[str, Tensor]:
        """The store, for a checkpoint: every tensor attribute."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name, now in self.state_dict().items():
            setattr(self, name, state[name].to(now.device))

    def observe(self, tokens: Int[Tensor, "B T"], achieved: Int[Tensor, "B T"]) -> None:
        """Take in programs: `achieved[b, t]` is the class that row b's accumulator held after column t, or -1.

        For each class the shortest candidate of the block is compared with what is stored: a shorter one replaces all,
        an equally short new one joins them. No loop over rows.
        """
        rows, columns = tokens.shape
        column = torch.arange(columns, device=tokens.device)
        highest = self.lessons.argument[tokens].cummax(1).values
        found = achieved.clamp_min(0)
        known = (achieved >= 0) & self.storable[found]
        fits = known & (highest < self.operands_of[found]) & (column + 2 <= self.budget_of[found])
        # One key orders candidates by length and then by row.
        row = torch.arange(rows, device=tokens.device)[:, None]
        key = torch.where(fits, (column + 2) * rows + row, UNKNOWN * rows)
        best = torch.full_like(self.length, UNKNOWN * rows).scatter_reduce_(0, found.flatten(), key.flatten(), "amin")
        length, chosen = best // rows, best % rows
        place = torch.arange(self.programs.shape[2], device=tokens.device)
        candidate = torch.nn.functional.pad(tokens, (0, self.programs.shape[2] - columns))[chosen]
        closing = torch.where(place == length[:, None] - 1, self.lessons.answer, self.lessons.pad)
        candidate = torch.where(place < length[:, None] - 1, candidate, closing)
        self._insert(length, candidate)

    def _insert(self, length: Int[Tensor, " C"], candidate: Int[Tensor, "C T"]) -> None:
        shorter = length < self.length
        known = (self.programs == candidate[:, None]).all(2).any(1)
        tie = (length == self.length) & (length < UNKNOWN) & ~known & (self.count < self.settings.ties)
        where = torch.where(shorter, 0, self.count).clamp_max(self.settings.ties - 1)
        write = shorter | tie
        classes = torch.arange(len(length), device=length.device)
        self.programs[classes, where] = torch.where(write[:, None], candidate, self.programs[classes, where])
        self.count = torch.where(shorter, 1, self.count + tie)
        self.length = torch.where(shorter, length, self.length)

    def loss(self, policy: Any, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The negative log-likelihood, per token, that the policy writes *some* stored program of the kind's class.

        So of equally short programs each expression is taught the one that comes to it most easily. Kinds are drawn in
        proportion to their surprise, the loss that they had when last drawn: what fails comes first. Kinds of a test
        set and those whose class has no program yet are left out.
        """
        lessons, ties = self.lessons, self.settings.ties
        known = lessons.may_teach & (self.length[lessons.class_of] < UNKNOWN)
        weights = (self.surprise + FLOOR) * known + 1e-9
        count = max(1, self.settings.rows // ties)
        kind = torch.multinomial(weights, count, replacement=True, generator=generator)
        which = lessons.class_of[kind]
        longest = max(1, int(self.length.masked_fill(self.length == UNKNOWN, 0).max()))
        programs = self.programs[which, :, :longest].flatten(0, 1)
        length = self.length[which].masked_fill(~known[kind], 0)
        place = torch.arange(longest, device=kind.device)
        mask = (place < length[:, None]).repeat_interleave(ties, 0)
        log_probs = (self._log_probs(policy, kind, programs) * mask).sum(1).view(count, ties)
        stored = torch.arange(ties, device=kind.device) < self.count[which][:, None]
        surprise = -torch.logsumexp(log_probs.masked_fill(~stored, ABSENT), 1) * known[kind]
        loss = surprise.sum() / length.sum().clamp_min(1)
        self._remember(kind, surprise.detach(), known[kind])
        metrics = {"imitation": loss.detach(), "known": self._share_known(), "stored_steps": self._mean_length(known)}
        return self.settings.weight * loss, metrics

    def _remember(self, kind: Int[Tensor, " N"], surprise: Float[Tensor, " N"], taught: Bool[Tensor, " N"]) -> None:
        """Note the surprise of the kinds that were `taught`; of two draws of a kind the larger, whatever the order of
        rows."""
        noted = torch.where(taught, surprise.clamp_min(0), -1.0)
        seen = torch.full_like(self.surprise, -1.0).scatter_reduce_(0, kind, noted, "amax")
        self.surprise = torch.where(seen >= 0, seen, self.surprise)

    def _log_probs(self, policy: Any, kind: Int[Tensor, " N"], programs: Int[Tensor, "M T"]) -> Float[Tensor, "M T"]:
        """The log-probability of each token, illegal ones competing; `ties` rows a kind, its prompt read once."""
        lessons, ties = self.lessons, self.settings.ties
        output, memory = policy.begin(lessons.prompt[kind], lessons.prompt_mask[kind], lessons.stage[kind])
        memory = map_rows(memory, lambda tensor: tensor.repeat_interleave(ties, 0))
        logits = [output.logits.repeat_interleave(ties, 0)]
        for token in programs[:, :-1].unbind(1):
            output, memory = policy.step(token, memory)
            logits.append(output.logits)
        return torch.log_softmax(torch.stack(logits, 1), -1).gather(2, programs[..., None])[..., 0]

    def _share_known(self) -> Float[Tensor, ""]:
        teachable = self.lessons.may_teach.float()
        return ((self.length[self.lessons.class_of] < UNKNOWN) * teachable).sum() / teachable.sum()

    def _mean_length(self, known: Bool[Tensor, " K"]) -> Float[Tensor, ""]:
        lengths = self.length[self.lessons.class_of].float()
        return (lengths * known).sum() / known.sum().clamp_min(1)
