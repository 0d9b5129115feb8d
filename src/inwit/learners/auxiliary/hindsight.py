"""Learning from what one's own programs turned out to compute: hindsight (after Andrychowicz et al. 2017) with a store.

Every program computes *some* expression. Whenever the accumulator holds the polynomial of some expressions (their
class), the tokens so far, closed by the answer token, are a program for each of them. The store keeps the best program
of each expression, and `loss` is the negative log-likelihood of stored programs under the prompts of their
expressions, those that surprise the policy most first. The store is fed by the policy's own episodes and by random
programs run in the world alone (`rollout.babble`). It never sees the oracle: all it knows of an expression is which
programs happened to compute it and, for `prefer = "parts"`, which polynomials its sub-expressions are (`Lessons`).

**Which program is best decides what is learnt.** `prefer = "short"`: the shortest. `prefer = "parts"`: the one that has
computed the most of the expression's own parts on its way (its sub-expressions), then the one that reads fewest
operands, then the shortest. (Who reads each operand once uses whatever he computes. Dropping a part and computing it
again is often shorter than keeping it.) Either way, equals are told apart by the order in which they read the operands:
the order of the text comes first. Programs that follow the text carry over to expressions that were never trained on;
the shortest ones do not: docs/log.md has the figures.

Programs are kept with operands named by their place in the text (a, b, c, ...), whatever letters an expression has, and
are turned into its letters when they are imitated (`World.to_places`, `World.to_letters`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.settings import Settings, setting

FLOOR = 0.1  # nats added to every kind's surprise, so that what was learnt is seen again
UNKNOWN = 2**62  # the rank of a program that nobody has found
HITS = 4  # classes that a program may reach, at most, the last ones: longer programs hardly ever reach more
READS = 15  # operands read that the order of reading looks at


@dataclass(frozen=True)
class HindsightSettings(Settings):
    rows: int = setting(0, "stored programs imitated in an update; 0 turns hindsight off", at_least=0)
    weight: float = setting(1.0, "weight of the imitation loss", at_least=0)
    babble: int = setting(1024, "random legal programs run in an update", at_least=0)
    thrift: float = setting(
        0.5, "share of the random programs that waste nothing: each value is read once", at_least=0, at_most=1
    )
    prefer: str = setting(
        "short",
        "the program kept for an expression: the shortest, or the one that computes most of its parts on the way",
        choices=("short", "parts"),
    )


class Hindsight:
    """The store, with K kinds and T columns: `programs` Int[K, T], closed by the answer token and padded, operands
    named by their place; `length` Int[K], 0 where there is none; `rank` Int[K], the lower the better, UNKNOWN where
    there is none; `surprise` Float[K], the negative log-likelihood of the kind's program when it was last drawn.
    """

    def __init__(self, settings: HindsightSettings, world: Any, device: torch.device | str = "cpu") -> None:
        self.settings = settings
        self.world = world
        self.lessons = lessons = world.lessons(device)
        kinds = len(lessons.class_of)
        self.programs = torch.full((kinds, world.num_columns), lessons.pad, device=device)
        self.length = torch.zeros(kinds, dtype=torch.int64, device=device)
        self.rank = torch.full((kinds,), UNKNOWN, device=device)
        self.surprise = torch.full((kinds,), 10.0, device=device)
        self.members = _members(lessons.class_of.tolist()).to(device)
        self.trained = lessons.may_teach.nonzero()[:, 0]
        self.base = int(lessons.argument.max()) + 2  # of a number with a digit for each operand read

    def state_dict(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {name: getattr(self, name) for name in ("programs", "length", "rank", "surprise")}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name, now in self.state_dict().items():
            setattr(self, name, state[name].to(now.device))

    def observe(self, tokens: Int[Tensor, "B T"], achieved: Int[Tensor, "B T"]) -> None:
        """Take in programs, operands named by their place; `achieved[b, t]` is what row b held after column t, or -1.

        Each of a row's last `HITS` hits is a candidate for all the kinds of the class that was hit: Int[B, H, M], H
        hits, M kinds at most in a class. The best candidate of each kind is found, without a loop over rows, and takes
        the place of the stored program if it is better. Of equals the first stays.
        """
        columns = tokens.shape[1]
        hits = min(HITS, columns)
        column = torch.arange(columns, device=tokens.device)
        hit = (achieved >= 0) & (achieved < len(self.members))  # larger numbers are no class: parts only
        at = torch.where(hit, column, -1).topk(hits, 1).values
        found = achieved.gather(1, at.clamp_min(0)).masked_fill(at < 0, -1)
        kind = torch.where(found[..., None] >= 0, self.members[found.clamp(0, len(self.members) - 1)], -1)
        rank = self._rank(tokens, achieved, at.clamp_min(0), kind)

        flat = kind.clamp_min(0).flatten()  # where there is no kind the rank is UNKNOWN, and changes nothing
        best = torch.full_like(self.rank, UNKNOWN).scatter_reduce_(0, flat, rank.flatten(), "amin")
        candidate = torch.arange(rank.numel(), device=rank.device)
        equal = rank.flatten() == best[flat]
        first = torch.full_like(self.rank, rank.numel() - 1).scatter_reduce_(
            0, flat, torch.where(equal, candidate, rank.numel() - 1), "amin"
        )
        row = first // (hits * self.members.shape[1])
        length = at.clamp_min(0).flatten()[first // self.members.shape[1]] + 2  # its columns, and the answer
        self._replace(best < self.rank, best, length, tokens[row])

    def _replace(
        self, better: Bool[Tensor, " K"], rank: Int[Tensor, " K"], length: Int[Tensor, " K"], tokens: Int[Tensor, "K T"]
    ) -> None:
        place = torch.arange(self.programs.shape[1], device=tokens.device)
        tokens = torch.nn.functional.pad(tokens, (0, len(place) - tokens.shape[1]))
        closing = torch.where(place == length[:, None] - 1, self.lessons.answer, self.lessons.pad)
        program = torch.where(place < length[:, None] - 1, tokens, closing)
        self.programs = torch.where(better[:, None], program, self.programs)
        self.length = torch.where(better, length, self.length)
        self.rank = torch.where(better, rank, self.rank)

    def _rank(
        self,
        tokens: Int[Tensor, "B T"],
        achieved: Int[Tensor, "B T"],
        at: Int[Tensor, "B H"],
        kind: Int[Tensor, "B H M"],
    ) -> Int[Tensor, "B H M"]:
        """One number for each candidate: parts missing and operands read (if parts are preferred), length, order of
        reading.

        UNKNOWN for what is no candidate: no kind, one of the test set, a program over its budget, or one that names
        an operand that the kind lacks.
        """
        lessons, which = self.lessons, kind.clamp_min(0)
        operand = lessons.argument[tokens]
        highest = operand.cummax(1).values.gather(1, at)[..., None]
        last = at[..., None]
        fits = (kind >= 0) & lessons.may_teach[which]
        fits = fits & (highest < lessons.num_operands[which]) & (last + 2 <= lessons.budget[which])
        # Digits of a number: the operands in the order in which they are read, the end of the program the least.
        read = operand >= 0
        turn = read.cumsum(1) - 1
        weight = torch.where(read & (turn < READS), self.base ** (READS - 1 - turn.clamp(0, READS - 1)), 0)
        order = ((operand + 1) * weight).cumsum(1).gather(1, at)[..., None]
        columns, rank = self.programs.shape[1], last
        if self.settings.prefer == "parts":
            reads = read.cumsum(1).gather(1, at)[..., None]
            rank = (self._missing(achieved, at, which) * (columns + 1) + reads) * columns + last
        return torch.where(fits, rank * self.base**READS + order, UNKNOWN)

    def _missing(
        self, achieved: Int[Tensor, "B T"], at: Int[Tensor, "B H"], kind: Int[Tensor, "B H M"]
    ) -> Int[Tensor, "B H M"]:
        """How many of each kind's parts the accumulator has not held up to the hit.

        `first` is the first column in which a row held each polynomial, and the number of columns for those it never
        held; its last entry takes what is no polynomial that the world knows.
        """
        rows, columns = achieved.shape
        parts = self.lessons.parts[kind]  # Int[B, H, M, parts], -1 where there is none
        none = self.lessons.num_polynomials
        first = torch.full((rows, none + 1), columns, dtype=torch.int16, device=achieved.device)
        column = torch.arange(columns, dtype=torch.int16, device=achieved.device).expand(rows, columns)
        first = first.scatter_reduce(1, achieved.where(achieved >= 0, none), column, "amin")
        when = first.gather(1, parts.clamp_min(0).flatten(1)).view(parts.shape)
        return ((when > at[..., None, None]) & (parts >= 0)).sum(3)

    def loss(self, policy: Any, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The negative log-likelihood, per token, of stored programs, illegal tokens competing.

        Kinds are drawn in proportion to their surprise: what fails comes first. Kinds of a test set and those that have
        no program yet are left out.
        """
        known = self.lessons.may_teach & (self.rank < UNKNOWN)
        # With nothing known yet, kinds are drawn all the same, and add nothing: no shape depends on what is known.
        weights = torch.where(known.any(), (self.surprise + FLOOR) * known, self.lessons.may_teach.float())
        kind = torch.multinomial(weights, self.settings.rows, replacement=True, generator=generator)
        tasks = self.world.sample(kind, generator)
        length = self.length[kind].masked_fill(~known[kind], 0)
        programs = self.programs[kind, : max(1, int(self.length.max()))]
        programs = self.world.to_letters(tasks, programs)
        logits = policy.replay(*self.world.prompt(tasks), self.world.stage(tasks), programs).logits
        log_probs = torch.log_softmax(logits, -1).gather(2, programs[..., None])[..., 0]
        mask = torch.arange(programs.shape[1], device=kind.device) < length[:, None]
        surprise = -(log_probs * mask).sum(1)
        loss = surprise.sum() / length.sum().clamp_min(1)
        self._remember(kind, surprise.detach(), known[kind])
        return self.settings.weight * loss, {"imitation": loss.detach(), **self._told(known)}

    def _remember(self, kind: Int[Tensor, " N"], surprise: Float[Tensor, " N"], taught: Bool[Tensor, " N"]) -> None:
        """Note the surprise of the kinds that were `taught`; of two draws of a kind the larger, whatever the order of
        rows."""
        noted = torch.where(taught, surprise.clamp_min(0), -1.0)
        seen = torch.full_like(self.surprise, -1.0).scatter_reduce_(0, kind, noted, "amax")
        self.surprise = torch.where(seen >= 0, seen, self.surprise)

    def _told(self, known: Bool[Tensor, " K"]) -> dict[str, Tensor]:
        """The share of the kinds that have a program, and the mean length of those programs."""
        count = known.sum()
        stored = (self.length * known).sum() / count.clamp_min(1)
        return {"known": count / self.lessons.may_teach.sum().clamp_min(1), "stored_steps": stored}


def _members(class_of: list[int]) -> Int[Tensor, "C M"]:
    """The kinds of each class, padded with -1."""
    members: list[list[int]] = [[] for _ in range(max(class_of) + 1)]
    for kind, number in enumerate(class_of):
        members[number].append(kind)
    most = max(len(kinds) for kinds in members)
    return torch.tensor([kinds + [-1] * (most - len(kinds)) for kinds in members])
