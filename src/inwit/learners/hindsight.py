"""Learning from what one's own programs turned out to compute: hindsight (after Andrychowicz et al. 2017) with a store.

Every program computes *some* expression. Whenever the accumulator holds the polynomial of a known class, the tokens
so far, closed by the answer token, are a program for that class. The store keeps the shortest such programs of
every class, several tied ones. `loss` is the negative log-likelihood of stored programs under the prompts of
expressions of their class, those that surprise the policy most first. The store is fed by the policy's own episodes
and by random legal programs run in the world alone (`rollout.babble`); it never sees the oracle, and learns nothing
about an expression but which of its own programs happened to compute it.

Which of several equally short programs is imitated decides generalisation: see `ties` and docs/log.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.learners.returns import masked_mean
from inwit.settings import Settings, setting
from inwit.types import Lessons

FLOOR = 0.1
UNKNOWN = 10_000  # the length of a program that nobody has found


@dataclass(frozen=True)
class HindsightSettings(Settings):
    rows: int = setting(0, "stored programs imitated in an update; 0 turns hindsight off", at_least=0)
    weight: float = setting(1.0, "weight of the imitation loss", at_least=0)
    babble: int = setting(2048, "random legal programs run in an update", at_least=0)
    babble_updates: int = setting(1_000_000, "stop babbling after this many updates", at_least=0)
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

    def observe(self, tokens: Int[Tensor, "B T"], achieved: Int[Tensor, "B T"]) -> None:
        """Take in programs: `achieved[b, t]` is the class that row b's accumulator held after column t, or -1.

        For each class the shortest candidate of the block is compared with what is stored: a shorter one replaces all,
        an equally short new one joins them. No loop over rows.
        """
        rows, columns = tokens.shape
        column = torch.arange(columns, device=tokens.device)
        highest = self.lessons.argument[tokens].cummax(1).values
        found = achieved.clamp_min(0)
        fits = (achieved >= 0) & (highest < self.operands_of[found]) & (column + 2 <= self.programs.shape[2])
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
        """The negative log-likelihood, per token, of stored programs for `rows` kinds.

        Kinds are drawn in proportion to their surprise, the negative log-likelihood that their program had when
        they were last drawn: what fails comes first. Kinds whose class has no program yet are left out.
        """
        lessons = self.lessons
        known = self.length[lessons.class_of] < UNKNOWN
        weights = (self.surprise + FLOOR) * known + 1e-9
        kind = torch.multinomial(weights, self.settings.rows, replacement=True, generator=generator)
        which = lessons.class_of[kind]
        draw = torch.rand(self.settings.rows, generator=generator, device=generator.device)
        tie = (draw * self.count[which].clamp_min(1)).long()
        program = self.programs[which, tie]
        mask = torch.arange(program.shape[1], device=program.device) < self.length[which][:, None]
        mask = mask & known[kind][:, None]
        longest = int(self.length.masked_fill(self.length == UNKNOWN, 0).max())
        program, mask = program[:, : max(longest, 1)], mask[:, : max(longest, 1)]
        outputs = policy.replay(lessons.prompt[kind], lessons.prompt_mask[kind], lessons.stage[kind], program)
        log_probs = torch.log_softmax(outputs.logits, -1).gather(2, program[..., None])[..., 0]
        loss = -masked_mean(log_probs, mask)
        # A kind that was drawn twice counts as its most surprising draw, whatever the order of rows.
        seen = torch.zeros_like(self.surprise).scatter_reduce_(0, kind, -(log_probs.detach() * mask).sum(1), "amax")
        drawn = torch.zeros_like(known).index_fill_(0, kind, True)
        self.surprise = torch.where(drawn, seen, self.surprise)
        metrics = {"imitation": loss.detach(), "known": known.float().mean(), "stored_steps": self._mean_length(known)}
        return self.settings.weight * loss, metrics

    def _mean_length(self, known: Bool[Tensor, " K"]) -> Float[Tensor, ""]:
        lengths = self.length[self.lessons.class_of].float()
        return (lengths * known).sum() / known.sum().clamp_min(1)
