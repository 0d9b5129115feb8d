"""Lessons: who gets them, and what the loss is of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from inwit.core.seeding import stream
from inwit.learners.auxiliary.lessons import ClosedLoopLessons, LessonsSettings
from inwit.rollout.collect import collect
from support import make_world, small_policy


def school(**settings: Any) -> tuple[ClosedLoopLessons, Any]:
    world = make_world("lookup-v0")
    return ClosedLoopLessons(LessonsSettings(rows=64, **settings), world), world


def test_the_loss_is_of_chosen_tokens_alone() -> None:
    """The world's answers are read, and not learnt; so is the padding."""
    auxiliary, world = school()
    policy = small_policy("gru", world)
    loss, metrics = auxiliary.loss(policy, {"lessons": stream(0, "one")})
    place = torch.multinomial(auxiliary.shares, 64, replacement=True, generator=(draws := stream(0, "one")))
    taught = world.teach(place, draws)
    logits = policy.replay(*world.prompt(taught.tasks), world.stage(taught.tasks), taught.tokens).logits
    parts = [
        -torch.log_softmax(logits[row, column], -1)[taught.tokens[row, column]]
        for row, column in taught.chosen.nonzero().tolist()
    ]
    assert float(loss.detach()) == pytest.approx(float(torch.stack(parts).detach().mean()), rel=1e-5)
    assert not bool(taught.chosen.all())
    assert 0 <= float(metrics["lessons_right"]) < 0.5


def test_kinds_that_fail_get_the_most_lessons() -> None:
    """A share of 1 + floor less the running success; old outcomes fade."""
    auxiliary, world = school(floor=0.1, memory=100.0)
    kinds = torch.arange(6).repeat_interleave(400)
    rollout = collect(world, small_policy("gru", world), world.sample(kinds, stream(0, "tasks")))
    for right in (False, True):  # what was first is forgotten
        auxiliary.observe(replace(rollout, success=(kinds == 2) == right), {})
    shares = auxiliary.shares
    assert float(shares[2]) == pytest.approx(0.1, abs=0.03)
    assert shares[kinds.unique() != 2].tolist() == pytest.approx([1.1] * 5, abs=0.03)


def test_a_perfect_scholar_is_told_so() -> None:
    """`lessons_right` counts lessons whose every chosen token is the likeliest one."""
    auxiliary, world = school()
    taught = world.teach(torch.multinomial(auxiliary.shares, 64, True, generator=(d := stream(0, "x"))), d)
    script = torch.nn.functional.one_hot(taught.tokens, len(world.vocabulary)).float()

    class Scholar:
        def replay(self, *_: object) -> Any:
            return type("Output", (), {"logits": script * 50})

    loss, metrics = auxiliary.loss(Scholar(), {"lessons": stream(0, "x")})  # pyright: ignore[reportArgumentType]
    assert float(metrics["lessons_right"]) == 1
    assert float(loss) < 1e-6
