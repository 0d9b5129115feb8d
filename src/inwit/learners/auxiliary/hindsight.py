"""Learning from what one's own programs turned out to compute: hindsight (after Andrychowicz et al. 2017) with a store.

Every program computes *some* expression. Whenever the accumulator holds the polynomial of some expressions (their
class), the tokens so far, closed by the answer token, are a program for each of them. The store keeps the best program
of each expression. `loss` is the negative log-likelihood of stored programs under the prompts of their expressions;
those that surprise the policy most are drawn most often. The store takes in the policy's own episodes, and random
programs run in the world alone (`rollout.babble`). It never reads the oracle: of an expression it knows which programs
computed it and, for `prefer = "parts"`, which polynomials its sub-expressions are (`Lessons`).

`prefer = "short"` keeps the shortest program. `prefer = "parts"` keeps the one that has computed the most of the
expression's sub-expressions on its way, then the one that reads fewest operands, then the shortest: a program that
reads each operand once uses every value that it computes. Programs that are equal so far are compared by the order in
which they read the operands; the order of the text is the best. The first of equal programs is kept. Programs that
follow the text carry over to expressions that were never trained on; the shortest ones do not (figures: docs/log.md).

Programs are stored with operands named by their place in the text (a, b, c, ...), and get the letters of their
expression when they are imitated (`World.to_places`, `World.to_letters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from inwit.core.capabilities import capable
from inwit.core.contracts import Metrics, Trainable, World
from inwit.core.errors import UserError
from inwit.core.settings import setting
from inwit.core.types import Rollout, Tasks, copy_into
from inwit.learners.auxiliary import AuxiliarySettings
from inwit.learners.auxiliary.programs import LIMIT, lexicographic, order_of_reading, program_log_probs
from inwit.rollout.babble import babble

FLOOR = 0.1  # nats added to every kind's surprise, so that programs that no longer surprise are still drawn
UNKNOWN = LIMIT  # the rank of a kind that has no program
HITS = 4  # a program is stored for the last this many classes that it reaches; few programs reach more
READS = 15  # the order of reading is compared for this many operands read


@dataclass(frozen=True)
class HindsightSettings(AuxiliarySettings):
    babble: int = setting(1024, "random legal programs run in an update", at_least=0, at_most=1_000_000)
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

    Raises `UserError` for a world without the capability `achieved`, and for one whose ranks do not fit 64 bits.
    """

    Settings = HindsightSettings
    name = "hindsight"
    streams = ("babble", "imitation")  # of random programs, and of what is imitated
    reads_achieved = True

    def __init__(self, settings: HindsightSettings, world: World, device: torch.device | str = "cpu") -> None:
        teacher = capable(world, "achieved")
        if teacher is None:
            raise UserError(
                f"{self.name}.rows = {settings.rows}: {world.id} cannot tell what a program achieved; use 0"
            )
        self.settings = settings
        self.world = teacher
        self.lessons = lessons = teacher.lessons(device)
        kinds = len(lessons.class_of)
        self.programs = torch.full((kinds, world.num_columns), lessons.pad, device=device)
        self.length = torch.zeros(kinds, dtype=torch.int64, device=device)
        self.rank = torch.full((kinds,), UNKNOWN, device=device)
        self.surprise = torch.full((kinds,), 10.0, device=device)
        self.members = _members(lessons.class_of)
        self.trained = lessons.may_teach.nonzero()[:, 0]
        self.base = int(lessons.argument.max()) + 2  # a digit for each operand, and 0 for the end of the program
        self.narrow = torch.device(device).type == "cpu"
        columns = world.num_columns
        if (lessons.parts.shape[1] + 1) * (columns + 1) * columns * self.base**READS > LIMIT:
            raise UserError(
                f"{self.name} cannot rank the programs of {world.id}: with {self.base - 1} operands and {columns} "
                "tokens a rank does not fit 64 bits; make the world smaller"
            )

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors that a checkpoint keeps."""
        return {name: getattr(self, name) for name in ("programs", "length", "rank", "surprise")}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        copy_into(self.state_dict(), state)

    def observe(self, rollout: Rollout, draws: Mapping[str, torch.Generator]) -> None:
        """Take in the policy's own programs, and random ones run in the world alone."""
        assert rollout.achieved is not None, "rollouts record it for auxiliaries that declare reads_achieved"
        world, count, generator = self.world, self.settings.babble, draws[self.streams[0]]
        self.take_in(*self.plain(rollout.tasks, rollout.tokens, rollout.achieved))
        if count:
            chosen = torch.randint(len(self.trained), (count,), generator=generator, device=generator.device)
            tasks = world.sample(self.trained[chosen], generator)
            self.take_in(*self.plain(tasks, *babble(world, tasks, generator, thrifty=self.settings.thrift)))

    def plain(
        self, tasks: Tasks, tokens: Int[Tensor, "B T"], achieved: Int[Tensor, "B T"]
    ) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
        """Programs for `take_in`: operands named by their place, and without idle tokens, which move to the end."""
        tokens = self.world.to_places(tasks, tokens)
        if self.lessons.idle < 0:
            return tokens, achieved
        idle = tokens == self.lessons.idle
        order = idle.long().argsort(dim=1, stable=True)
        return tokens.gather(1, order), achieved.masked_fill(idle, -1).gather(1, order)

    def take_in(self, tokens: Int[Tensor, "B T"], achieved: Int[Tensor, "B T"]) -> None:
        """Take in programs, operands named by their place; `achieved[b, t]` is what row b held after column t, or -1.
        For each kind the best candidate replaces the stored program if it is better."""
        at, kind = self._candidates(achieved)
        operand = self.lessons.argument[tokens]
        keys = self._keys(operand, achieved, at, kind.clamp_min(0))
        rank = torch.where(self._fits(operand, at, kind), lexicographic(*keys), UNKNOWN)
        best, first = self._best_per_kind(kind, rank)
        hit = first // kind.shape[2]  # candidates are numbered as they stand in Int[B, H, M]
        row = hit // kind.shape[1]
        self._replace(best < self.rank, best, at.flatten()[hit] + 2, tokens[row])

    def _candidates(self, achieved: Int[Tensor, "B T"]) -> tuple[Int[Tensor, "B H"], Int[Tensor, "B H M"]]:
        """Each row's last `HITS` columns in which it held a class, and all kinds of that class, or -1. H hits, at most
        M kinds in a class."""
        columns = achieved.shape[1]
        column = torch.arange(columns, device=achieved.device)
        hit = (achieved >= 0) & (achieved < len(self.members))  # larger numbers are parts, not classes
        at = torch.where(hit, column, -1).topk(min(HITS, columns), 1).values
        found = achieved.gather(1, at.clamp_min(0)).masked_fill(at < 0, -1)
        kind = torch.where(found[..., None] >= 0, self.members[found.clamp(0, len(self.members) - 1)], -1)
        return at.clamp_min(0), kind

    def _fits(
        self, operand: Int[Tensor, "B T"], at: Int[Tensor, "B H"], kind: Int[Tensor, "B H M"]
    ) -> Bool[Tensor, "B H M"]:
        """Which candidates may be stored. Their kind is not of the test set, has every operand that the program names,
        and has a budget for as many tokens."""
        lessons, which = self.lessons, kind.clamp_min(0)
        highest = operand.cummax(1).values.gather(1, at)[..., None]
        fits = (kind >= 0) & lessons.may_teach[which] & (highest < lessons.num_operands[which])
        return fits & (at[..., None] + 2 <= lessons.budget[which])

    def _keys(
        self, operand: Int[Tensor, "B T"], held: Int[Tensor, "B T"], at: Int[Tensor, "B H"], kind: Int[Tensor, "B H M"]
    ) -> list[tuple[Tensor, int]]:
        """The keys of candidates: parts missing and operands read (if preferred), length, order of reading."""
        columns = self.programs.shape[1]
        order = order_of_reading(operand, self.base, READS).gather(1, at)
        keys = [(at[..., None], columns), (order[..., None], self.base**READS)]
        if self.settings.prefer == "short":
            return keys
        missing = self._missing(held, at, kind), self.lessons.parts.shape[1] + 1
        reads = (operand >= 0).cumsum(1).gather(1, at)[..., None], columns + 1
        return [missing, reads, *keys]

    def _best_per_kind(
        self, kind: Int[Tensor, "B H M"], rank: Int[Tensor, "B H M"]
    ) -> tuple[Int[Tensor, " K"], Int[Tensor, " K"]]:
        """The lowest rank of each kind, and the first candidate that has it; UNKNOWN where there is none."""
        which = kind.clamp_min(0).flatten()  # without a kind the rank is UNKNOWN, and changes nothing
        best = torch.full_like(self.rank, UNKNOWN).scatter_reduce_(0, which, rank.flatten(), "amin")
        last = rank.numel() - 1
        candidate = torch.arange(rank.numel(), device=rank.device)
        candidate = torch.where(rank.flatten() == best[which], candidate, last)
        return best, torch.full_like(self.rank, last).scatter_reduce_(0, which, candidate, "amin")

    def _replace(
        self, better: Bool[Tensor, " K"], rank: Int[Tensor, " K"], length: Int[Tensor, " K"], tokens: Int[Tensor, "K T"]
    ) -> None:
        place = torch.arange(self.programs.shape[1], device=tokens.device)
        tokens = torch.nn.functional.pad(tokens, (0, len(place) - tokens.shape[1]))
        closing = torch.where(place == length[:, None] - 1, self.lessons.answer, self.lessons.pad)
        program = torch.where(place < length[:, None] - 1, tokens, closing)
        self.programs.copy_(torch.where(better[:, None], program, self.programs))
        self.length.copy_(torch.where(better, length, self.length))
        self.rank.copy_(torch.where(better, rank, self.rank))

    def _missing(
        self, achieved: Int[Tensor, "B T"], at: Int[Tensor, "B H"], kind: Int[Tensor, "B H M"]
    ) -> Int[Tensor, "B H M"]:
        """How many of each kind's parts the accumulator has not held up to the hit."""
        rows, columns = achieved.shape
        parts = self.lessons.parts[kind]  # Int[B, H, M, parts], -1 where there is none
        none = self.lessons.num_polynomials
        # The first column in which a row held each polynomial; the last entry is for unknown ones.
        first = torch.full((rows, none + 1), columns, dtype=torch.int16, device=achieved.device)
        column = torch.arange(columns, dtype=torch.int16, device=achieved.device).expand(rows, columns)
        first = first.scatter_reduce(1, achieved.where(achieved >= 0, none), column, "amin")
        when = first.gather(1, parts.clamp_min(0).flatten(1)).view(parts.shape)
        return ((when > at[..., None, None]) & (parts >= 0)).sum(3)

    def loss(self, policy: Trainable, draws: Mapping[str, torch.Generator]) -> tuple[Tensor, Metrics]:
        """The negative log-likelihood, per token, of stored programs, illegal tokens competing.

        Kinds are drawn in proportion to their surprise. Kinds of a test set and those that have no program yet are left
        out.
        """
        world, generator = self.world, draws[self.streams[1]]
        known = self.lessons.may_teach & (self.rank < UNKNOWN)
        # Before any kind has a program, kinds are drawn too, and add nothing to the loss: no shape depends on the data.
        weights = torch.where(known.any(), (self.surprise + FLOOR) * known, self.lessons.may_teach.float())
        kind = torch.multinomial(weights, self.settings.rows, replacement=True, generator=generator)
        tasks = world.sample(kind, generator)
        with torch.no_grad():
            programs, taught = self._imitated(tasks, self.length[kind].masked_fill(~known[kind], 0), generator)
        surprise = -program_log_probs(policy, world, tasks, programs, taught).sum(1)
        loss = surprise.sum() / taught.sum().clamp_min(1)
        self._remember(kind, surprise.detach(), known[kind])
        count = known.sum()
        metrics = {
            "imitation": loss.detach(),
            "known": count / self.lessons.may_teach.sum().clamp_min(1),
            "stored_steps": (self.length * known).sum() / count.clamp_min(1),
        }
        return self.settings.weight * loss, metrics

    def _imitated(
        self, tasks: Tasks, length: Int[Tensor, " N"], generator: torch.Generator
    ) -> tuple[Int[Tensor, "N T"], Bool[Tensor, "N T"]]:
        """Each row's stored program, and which of its tokens are imitated; `length` is 0 where there is none."""
        width = self._width(length)
        programs = self.world.to_letters(tasks, self.programs[tasks.kind, :width])
        return programs, torch.arange(width, device=length.device) < length[:, None]

    def _width(self, length: Int[Tensor, " N"]) -> int:
        """The columns that programs of these lengths need; all where looking would wait for the device."""
        return max(1, int(length.max())) if self.narrow else self.programs.shape[1]

    def _remember(self, kind: Int[Tensor, " N"], surprise: Float[Tensor, " N"], taught: Bool[Tensor, " N"]) -> None:
        """Keep the surprise of the kinds that were `taught`; of two draws of a kind the larger."""
        noted = torch.where(taught, surprise.clamp_min(0), -1.0)
        seen = torch.full_like(self.surprise, -1.0).scatter_reduce_(0, kind, noted, "amax")
        self.surprise.copy_(torch.where(seen >= 0, seen, self.surprise))


def _members(class_of: Int[Tensor, " K"]) -> Int[Tensor, "C M"]:
    """The kinds of each class, padded with -1."""
    kinds = class_of.argsort(stable=True).split(class_of.bincount().tolist())
    return pad_sequence(list(kinds), batch_first=True, padding_value=-1)
