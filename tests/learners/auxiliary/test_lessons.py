"""Lessons: who gets them, and what the loss is of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

import pytest
import torch

from inwit.core.contracts import Trainable
from inwit.core.seeding import stream
from inwit.core.types import Output
from inwit.learners.auxiliary.lessons import ClosedLoopLessons, LessonsSettings
from inwit.rollout.collect import collect
from support import all_kinds, make_world, small_policy


def school(**settings: Any) -> tuple[ClosedLoopLessons, Any]:
    world = make_world("lookup-v0")
    return ClosedLoopLessons(LessonsSettings(rows=64, **settings), world), world


def test_the_loss_is_of_chosen_tokens_alone() -> None:
    """The world's answers are read, and not learnt; so is the padding."""
    auxiliary, world = school()
    policy = small_policy("gru", world)
    place = torch.multinomial(auxiliary.shares, 64, replacement=True, generator=(draws := stream(0, "one")))
    taught = world.teach(place, draws)
    loss, metrics = auxiliary.loss(policy, {"lessons": stream(0, "one")})
    logits = policy.replay(*world.prompt(taught.tasks), world.stage(taught.tasks), taught.tokens).logits
    parts = [
        -torch.log_softmax(logits[row, column], -1)[taught.tokens[row, column]]
        for row, column in taught.chosen.nonzero().tolist()
    ]
    assert float(loss.detach()) == pytest.approx(float(torch.stack(parts).detach().mean()), rel=1e-5)
    assert not bool(taught.chosen.all())
    assert 0 <= float(metrics["lessons_right"]) < 0.5


def test_kinds_that_surprise_get_the_most_lessons() -> None:
    """Those that a policy knows by heart keep their part of the floor."""
    auxiliary, world = school(floor=0.12, memory=20.0)
    drawn = [Scholar(world, auxiliary, knows=(0, 1, 2, 3, 5)).study(seed) for seed in range(8)]
    assert auxiliary.shares.sum() == pytest.approx(1)
    assert float(auxiliary.shares[4]) > 0.85
    assert auxiliary.shares[[0, 1, 2, 3, 5]].tolist() == pytest.approx([0.025] * 5, abs=0.01)
    assert drawn[-1].count(4) > 45 > drawn[0].count(4), "of 64 lessons"


def test_a_perfect_scholar_is_told_so() -> None:
    """`lessons_right` counts lessons whose every chosen token is the likeliest one."""
    auxiliary, world = school()
    scholar = Scholar(world, auxiliary, knows=range(6))
    scholar.study(0)
    assert float(scholar.metrics["lessons_right"]) == 1
    assert float(scholar.loss) < 1e-6


class Scholar:
    """Knows the lessons of some kinds by heart, and nothing of the others. It gets what it is to write beforehand."""

    def __init__(self, world: Any, auxiliary: ClosedLoopLessons, knows: Iterable[int]) -> None:
        self.world, self.auxiliary, self.knows = world, auxiliary, torch.tensor(list(knows))

    def study(self, seed: int) -> list[int]:
        """One update; the kinds that were taught."""
        draws = stream(seed, "lessons")
        taught = self.world.teach(torch.multinomial(self.auxiliary.shares, 64, True, generator=draws), draws)
        known = torch.isin(taught.tasks.kind, self.knows)[:, None, None]
        self.script = torch.nn.functional.one_hot(taught.tokens, len(self.world.vocabulary)) * 50.0 * known
        policy = cast(Trainable, self)
        self.loss, self.metrics = self.auxiliary.loss(policy, {"lessons": stream(seed, "lessons")})
        return taught.tasks.kind.tolist()

    def replay(self, *_: object) -> Output:
        return Output(self.script, self.script[..., 0])


def test_kinds_that_fail_may_get_the_lessons() -> None:
    """`by = "failures"` follows the policy's own episodes, whatever the surprise of lessons is."""
    auxiliary, world = school(by="failures", floor=0.12, memory=20.0)
    rollout = collect(world, small_policy("gru", world), world.sample(all_kinds(world, 50), stream(0, "tasks")))
    fails = rollout.tasks.kind == 4
    auxiliary.observe(replace(rollout, success=~fails), {"lessons": stream(0, "one")})
    auxiliary.surprise[0] = 100.0
    assert float(auxiliary.shares[4]) > 0.6
    assert float(auxiliary.shares[0]) < 0.1
    assert auxiliary.shares.sum() == pytest.approx(1)
