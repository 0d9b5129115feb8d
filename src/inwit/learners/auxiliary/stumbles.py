"""Hindsight that also teaches how to go on after a token that the agent did not choose.

Hindsight imitates one program for each expression, and so the agent learns to recite. Where the world writes a token in
the agent's place, a *stumble*, a recited program is wrong from there on. Here part of the imitated programs have one: a
program's own first tokens, then a random legal token, then the way on. The token itself is not imitated.

The way on is the best known program with that beginning, if it is no longer than the expression's own (`Ways` keeps the
beginnings of all right programs that were found). Else it is the own program once more from its start: a program begins
with an empty machine, so that it is right from every state in which its first token is legal. Where one is not, because
a verb waits for an argument, the first legal token is written before. Where the budget is too small for that, the best
known program is taken, however long; where none is known, nothing is taught after the stumble.

After most tokens no way on is as short, and few of the stumbles would teach to look for one. So `ties` of them are
drawn from those after which one is known. Programs come from where hindsight has them: the policy's own episodes, and
random ones; and from *variations*, imitated programs with a few tokens changed: some of the shortest programs read an
operand three times (`LOAD a SUB a SUB b MUL c ADD a` is a-(b*c)), and random ones hardly ever do. No oracle is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.contracts import World
from inwit.core.settings import setting
from inwit.core.types import Rollout, Tasks
from inwit.learners.auxiliary.hindsight import Hindsight, HindsightSettings
from inwit.learners.auxiliary.ways import Ways
from inwit.rollout.babble import vary


@dataclass(frozen=True)
class StumblesSettings(HindsightSettings):
    stumbling: float = setting(0.8, "share of the imitated programs with a stumble in them", at_least=0, at_most=1)
    ties: float = setting(
        0.5, "share of the stumbles that are drawn from those after which a way on is as short", at_least=0, at_most=1
    )
    variations: int = setting(
        1024, "imitated programs tried in an update with a few tokens changed", at_least=0, at_most=1_000_000
    )
    bits: int = setting(20, "there are 2**bits cells for the beginnings of right programs", at_least=1, at_most=24)


class Stumbles(Hindsight):
    """Hindsight's store and the cells of `Ways`. Raises `UserError` as hindsight does."""

    Settings = StumblesSettings
    name = "stumbles"
    streams = ("stumbles babble", "stumbles imitation")
    settings: StumblesSettings

    def __init__(self, settings: StumblesSettings, world: World, device: torch.device | str = "cpu") -> None:
        super().__init__(settings, world, device)
        self.ways = Ways(
            settings.bits,
            classes=len(self.members),
            columns=world.num_columns,
            tokens=len(world.vocabulary),
            operands=self.base - 1,
            answer=self.lessons.answer,
            device=device,
        )

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors that a checkpoint keeps."""
        return super().state_dict() | {"cells": self.ways.cells}

    def observe(self, rollout: Rollout, draws: Mapping[str, torch.Generator]) -> None:
        """As hindsight, and variations of what is imitated."""
        super().observe(rollout, draws)
        if count := self.settings.variations:
            world, generator = self.world, draws[self.streams[0]]
            kind = self.trained[
                torch.randint(len(self.trained), (count,), generator=generator, device=generator.device)
            ]
            tasks = world.sample(kind, generator)
            programs, taught = self._imitated(tasks, self.length[kind], generator)
            length = torch.where(taught, torch.arange(taught.shape[1], device=kind.device), -1).max(1).values + 1
            self.take_in(*self.plain(tasks, *vary(world, tasks, programs, length, generator)))

    def take_in(self, tokens: Int[Tensor, "B T"], achieved: Int[Tensor, "B T"]) -> None:
        """Take in programs as hindsight does, and their beginnings, if they are no longer than the preferred program of
        some expression of their class."""
        super().take_in(tokens, achieved)
        at, kind = self._candidates(achieved)
        operand = self.lessons.argument[tokens]
        right = self._fits(operand, at, kind) & (at[..., None] + 2 <= self.length[kind.clamp_min(0)])
        classes = self.lessons.class_of[kind[:, :, 0].clamp_min(0)]
        self.ways.take_in(tokens, operand, at, classes, right.any(2))

    def _keys(
        self, operand: Int[Tensor, "B T"], held: Int[Tensor, "B T"], at: Int[Tensor, "B H"], kind: Int[Tensor, "B H M"]
    ) -> list[tuple[Tensor, int]]:
        """As hindsight's; of programs that are equally short the one that reads fewest operands is preferred."""
        keys = super()._keys(operand, held, at, kind)
        if self.settings.prefer == "short":
            reads = (operand >= 0).cumsum(1).gather(1, at)[..., None], self.programs.shape[1] + 1
            keys.insert(1, reads)
        return keys

    def _imitated(
        self, tasks: Tasks, length: Int[Tensor, " N"], generator: torch.Generator
    ) -> tuple[Int[Tensor, "N T"], Bool[Tensor, "N T"]]:
        """Programs with and without a stumble, and which of their tokens are imitated."""
        own, columns = self.programs[tasks.kind], self.programs.shape[1]
        at, token, filler = self._stumbles(tasks, own, length, generator)
        column, place = torch.arange(columns, device=at.device), at[:, None]
        opening = torch.where(column == place, token[:, None], own)

        # The own program from its start, which the stray token may be already.
        start = at + 1 + (filler >= 0).long() - (token == own[:, 0]).long()
        over = own.gather(1, (column - start[:, None]).clamp(0, columns - 1))
        over = torch.where((column == place + 1) & (filler >= 0)[:, None], filler[:, None], over)
        over_end = start + length

        way, way_end = self.ways.follow(self.lessons.class_of[tasks.kind], opening, at)
        fits = over_end <= self.lessons.budget[tasks.kind]
        short, known = (way_end > 0) & (way_end <= length), way_end > 0
        on = torch.where((short | ~fits)[:, None], way, over)
        end = torch.where(short, way_end, torch.where(fits, over_end, torch.where(known, way_end, at + 1)))
        end = torch.where(at < columns, end, length)
        tokens = torch.where(column > place, on, opening)
        taught = (column < end[:, None]) & (column != place)
        width = self._width(end)
        tokens = torch.where(column < end[:, None], tokens, self.lessons.pad)[:, :width]
        return self.world.to_letters(tasks, tokens), taught[:, :width]

    def _stumbles(
        self, tasks: Tasks, own: Int[Tensor, "N T"], length: Int[Tensor, " N"], generator: torch.Generator
    ) -> tuple[Int[Tensor, " N"], Int[Tensor, " N"], Int[Tensor, " N"]]:
        """Each row's column with a token that is not its own, that token, and the token after which its own program can
        begin again, -1 where it can at once. In rows without a stumble the column is T, beyond the last one."""
        rows, columns = own.shape
        row = torch.arange(rows, device=own.device)
        stumbling = (row < round(self.settings.stumbling * rows)) & (length > 1)
        chance = torch.rand(rows, generator=generator, device=own.device)
        at = torch.where(stumbling, (chance * (length - 1)).long(), columns)
        tie_at, tie = self.ways.ties(self.lessons.class_of[tasks.kind], own, length, generator)
        tied = stumbling & (row < round(self.settings.ties * self.settings.stumbling * rows)) & (tie_at < columns)
        at, tie = torch.where(tied, tie_at, at), self.world.to_letters(tasks, tie[:, None])[:, 0]
        written = self._strayed(tasks, own, at, torch.where(tied, tie, -1), self._width(length), generator)
        token, filler = self.world.to_places(tasks, torch.stack(written, 1)).unbind(1)
        return torch.where(token < 0, columns, at), token, filler

    def _strayed(
        self,
        tasks: Tasks,
        own: Int[Tensor, "N T"],
        at: Int[Tensor, " N"],
        given: Int[Tensor, " N"],
        width: int,
        generator: torch.Generator,
    ) -> tuple[Int[Tensor, " N"], Int[Tensor, " N"]]:
        """A token for column `at`, in letters: the one that is given, or where that is -1 a legal one that the program
        does not have there, -1 if there is none. And the first legal token after it, -1 if the program's first token is
        legal there."""
        world, lessons, own = self.world, self.lessons, self.world.to_letters(tasks, own)
        state, token = world.reset(tasks), torch.arange(len(world.vocabulary), device=at.device)
        open_to = (token != lessons.answer) & (token != lessons.idle)
        scores = torch.rand((len(at), len(token)), generator=generator, device=at.device)
        stray, filler = torch.zeros_like(at), torch.full_like(at, -1)
        for column in range(min(width + 1, own.shape[1])):
            legal, mine = world.legal(state), own[:, column]
            other = legal & open_to & (token != mine[:, None])
            score, drawn = scores.masked_fill(~other, -1.0).max(1)
            drawn = torch.where(given < 0, drawn.masked_fill(score < 0, -1), given)
            stray = torch.where(at.eq(column), drawn, stray)
            waits = (at + 1).eq(column) & ~legal.gather(1, own[:, :1])[:, 0] & (stray != own[:, 0])
            filler = torch.where(waits, legal.long().argmax(1), filler)
            state, _ = world.step(state, torch.where(at.eq(column), drawn.clamp_min(0), mine))
        return stray, filler
