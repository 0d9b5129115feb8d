"""Hindsight that also imitates how to go on after a token that the agent did not choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.contracts import Metrics, Trainable, World
from inwit.core.settings import setting
from inwit.core.types import Tasks
from inwit.learners.auxiliary.hindsight import FLOOR, UNKNOWN, Hindsight, HindsightSettings
from inwit.learners.auxiliary.ways import Ways


@dataclass(frozen=True)
class StumblesSettings(HindsightSettings):
    stumbling: float = setting(
        0.75, "share of the imitated programs with a token in them that is not their own", at_least=0, at_most=1
    )
    ties: float = setting(
        0.5, "share of these where a way on is known that is no longer, if there is one", at_least=0, at_most=1
    )
    bits: int = setting(18, "the store of ways has 2**bits cells", at_least=1, at_most=24)


class Stumbles(Hindsight):
    Settings = StumblesSettings
    streams = ("stumbles babble", "stumbles imitation")

    def __init__(self, settings: StumblesSettings, world: World, device: torch.device | str = "cpu") -> None:
        super().__init__(settings, world, device)
        self.ways = Ways(
            settings.bits,
            classes=len(self.members),
            columns=world.num_columns + 1,
            tokens=len(world.vocabulary),
            operands=self.base - 1,
            device=device,
        )
        self.cells = self.ways.cells

    def state_dict(self) -> dict[str, Tensor]:
        return super().state_dict() | {"cells": self.cells}

    def take_in(self, tokens: Int[Tensor, "B T"], achieved: Int[Tensor, "B T"]) -> None:
        super().take_in(tokens, achieved)
        at, kind = self._candidates(achieved)
        operand = self.lessons.argument[tokens]
        fits = self._fits(operand, at, kind)
        longest = self.length[kind.clamp_min(0)]
        fits = (fits & (at[..., None] + 2 <= longest)).any(2)
        of = self.lessons.class_of[kind[:, :, 0].clamp_min(0)]
        self.ways.take_in(tokens, operand, at, of, fits, self.lessons.answer)

    def loss(self, policy: Trainable, draws: Mapping[str, torch.Generator]) -> tuple[Tensor, Metrics]:
        world, generator = self.world, draws["stumbles imitation"]
        known = self.lessons.may_teach & (self.rank < UNKNOWN)
        weights = torch.where(known.any(), (self.surprise + FLOOR) * known, self.lessons.may_teach.float())
        kind = torch.multinomial(weights, self.settings.rows, replacement=True, generator=generator)
        tasks = world.sample(kind, generator)
        length = self.length[kind].masked_fill(~known[kind], 0)
        with torch.no_grad():
            tokens, taught = self._stumbled(kind, tasks, length, generator)
        logits = policy.replay(*world.prompt(tasks), world.stage(tasks), tokens).logits
        log_probs = torch.log_softmax(logits, -1).gather(-1, tokens[..., None])[..., 0]
        surprise = -(log_probs * taught).sum(1)
        loss = surprise.sum() / taught.sum().clamp_min(1)
        self._remember(kind, surprise.detach(), known[kind])
        count = known.sum()
        right = ((logits.detach().argmax(-1) == tokens) | ~taught).all(1)
        metrics = {
            "imitation": loss.detach(),
            "known": count / self.lessons.may_teach.sum(),
            "stored_steps": self.length.sum() / count.clamp_min(1),
            "ties": self.tied, "imitated_right": right.float().mean(),
        }
        return self.settings.weight * loss, metrics

    def _stumbled(self, kind: Tensor, tasks: Tasks, length: Tensor, generator: torch.Generator):
        world, columns = self.world, self.programs.shape[1]
        own = self.programs[kind]
        rows = torch.arange(len(kind), device=kind.device)
        stumbles = (rows < round(self.settings.stumbling * len(kind))) & (length > 1)
        chance = torch.rand(len(kind), generator=generator, device=kind.device)
        at = (chance * (length - 1)).long().clamp_min(0)
        at = torch.where(stumbles, at, columns)  # beyond the end: no stumble
        tied_at, tied_token = self._tie(kind, own, length, generator)
        chosen = (rows < round(self.settings.stumbling * self.settings.ties * len(kind))) & (tied_at >= 0)
        at = torch.where(chosen, tied_at, at)
        stray, filler, ready = self._stray(
            tasks,
            world.to_letters(tasks, own),
            at,
            int(length.max()) if self.narrow else columns,
            generator,
            torch.where(chosen, world.to_letters(tasks, tied_token[:, None])[:, 0], -1),
        )
        stray, filler = (world.to_places(tasks, each[:, None])[:, 0] for each in (stray, filler))
        # Starting over.
        column = torch.arange(columns, device=kind.device)
        again = stray == own[:, 0]
        begin = at + 1 + (~ready & ~again) - again.long()
        over = own.gather(1, (column - begin[:, None]).clamp(0, columns - 1))
        over = torch.where(column == at[:, None] + 1, torch.where((again | ready)[:, None], over, filler[:, None]), over)
        opening = torch.where(column == at[:, None], stray[:, None], own)
        over_length = begin + length
        # The best known way on.
        hashes = self.ways.begin(self.lessons.class_of[kind], opening, (at + 1).clamp_max(columns))
        found, total, _ = self.ways.find(hashes)
        way, whole = self._follow(hashes, at, opening)
        budget = self.lessons.budget[kind]
        tie = found & whole & (total <= length)
        restart = over_length <= budget
        on = torch.where(tie[:, None], way, torch.where(restart[:, None], over, way))
        end = torch.where(tie, total, torch.where(restart, over_length, torch.where(found & whole, total, at + 1)))
        tokens = torch.where(stumbles[:, None] & (column > at[:, None]), on, opening)
        end = torch.where(stumbles, end, length)
        self.tied = (tie & stumbles).float().sum() / stumbles.sum().clamp_min(1)
        taught = (column < end[:, None]) & (column != at[:, None])
        tokens = torch.where(column < end[:, None], tokens, self.lessons.pad)
        width = max(1, int(end.max())) if self.narrow else columns
        return world.to_letters(tasks, tokens[:, :width]), taught[:, :width]

    def _follow(self, hashes, at, opening):
        tokens, columns = [], opening.shape[1]
        done = torch.zeros_like(at, dtype=torch.bool)
        for column in range(columns):
            known, _, token = self.ways.find(hashes)
            going = (column > at) & known & ~done
            tokens.append(torch.where(going, token, self.lessons.pad))
            done = done | (going & (token == self.lessons.answer))
            where = torch.full_like(at, column)
            hashes = torch.where(going, self.ways.on(hashes, where, token), hashes)
        return torch.stack(tokens, 1), done

    def _tie(self, kind, own, length, generator):
        """A place and a token, drawn from all those after which a known way is no longer; -1 where there is none."""
        rows, columns = own.shape
        begun = self.ways._begun(own)
        begun = torch.nn.functional.pad(begun, (1, 0))[:, :-1] + self.ways.of_class[self.lessons.class_of[kind]][:, None]
        hashes = begun[..., None] + self.ways.of_token[:columns]
        found, total, _ = self.ways.find(hashes)
        token = torch.arange(hashes.shape[2], device=own.device)
        column = torch.arange(columns, device=own.device)[:, None]
        tie = found & (total <= length[:, None, None]) & (token != own[..., None]) & (column < length[:, None, None] - 1)
        scores = torch.rand(hashes.shape, generator=generator, device=own.device).masked_fill_(~tie, -1.0)
        best = scores.flatten(1).argmax(1)
        some = tie.flatten(1).any(1)
        return torch.where(some, best // len(token), -1), best % len(token)

    def _stray(self, tasks, own, at, width, generator, given):
        world = self.world
        state = world.reset(tasks)
        token = torch.arange(len(world.vocabulary), device=at.device)
        scores = torch.rand((len(at), len(token)), generator=generator, device=at.device)
        stray, filler, ready = torch.zeros_like(at), torch.zeros_like(at), torch.zeros_like(at, dtype=torch.bool)
        for column in range(min(width + 1, own.shape[1])):
            legal = world.legal(state)
            mine = own[:, column]
            other = legal & (token != mine[:, None]) & (token != world.answer)
            odd = scores.masked_fill(~other, -1.0).argmax(1)
            odd = torch.where(given >= 0, given, odd)
            first = legal.long().argmax(1)
            stray = torch.where(column == at, odd, stray)
            filler = torch.where(column == at + 1, first, filler)
            ready = torch.where(column == at + 1, legal.gather(1, own[:, :1])[:, 0], ready)
            state, _ = world.step(state, torch.where(column == at, odd, mine))
        return stray, filler, ready
