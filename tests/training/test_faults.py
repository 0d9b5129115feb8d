"""Updates that must not be made, on a device that is not asked while it works.

There is no such device here: the parts say that theirs is one, so that the loop takes the path that never waits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from inwit.core.errors import UserError
from inwit.core.registry import Entry
from inwit.training import health
from inwit.training.curricula import CURRICULA, Uniform
from inwit.training.loop import Parts, loop, prepare
from support import small_config


class Careless(Uniform):
    """Draws whatever there is, the test set too."""

    def draw(self, update: int, count: int, generator: torch.Generator) -> torch.Tensor:
        return len(self.may_train) - 1 - torch.arange(count) % len(self.may_train)


def elsewhere(**overrides: Any) -> Parts:
    parts = prepare(small_config(**overrides))
    device = torch.device("cuda")
    return replace(parts, device=device, agent=replace(parts.agent, device=device))


def careless(learner: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setitem(CURRICULA._entries, "careless", Entry(Careless, ""))
    world = {"id": "calculator-v0", "max_operators": 2, "split": "longest"}
    settings = {"confirm": False, "max_updates": 2}
    return {"world": world, "learner": {"id": learner}, "curriculum": {"id": "careless"}, "training": settings}


@pytest.mark.parametrize("learner", ["a2c", "ppo", "oracle_cloning"])
def test_the_test_set_is_refused_when_the_numbers_are_read(learner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By every summary and line, and by the check that a run makes after every update."""
    update = next(loop(elsewhere(**careless(learner, monkeypatch))))
    for read in (update.summary, update.line, lambda: health.check(update)):
        with pytest.raises(UserError, match="test set") as refused:
            read()
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("learner", ["a2c", "ppo", "oracle_cloning"])
def test_on_the_cpu_it_is_refused_before_anything_is_learnt(learner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = prepare(small_config(**careless(learner, monkeypatch)))
    before = [parameter.detach().clone() for parameter in parts.agent.policy.parameters()]
    with pytest.raises(UserError, match="test set"):
        next(loop(parts))
    assert all(torch.equal(one, two) for one, two in zip(before, parts.agent.policy.parameters(), strict=True))


def test_a_world_that_leaves_no_legal_token_is_refused() -> None:
    """In any update, not in the first alone."""
    parts = elsewhere(training={"confirm": False})
    world, updates = parts.agent.world, loop(parts)
    next(updates).summary()
    rules = world.legal
    world.legal = lambda state: rules(state) & (torch.arange(len(state["ended"])) != 5)[:, None]
    update = next(updates)
    for read in (update.summary, lambda: health.check(update)):
        with pytest.raises(UserError, match=r"leaves no legal token to episode 5 of 32 after 0 tokens"):
            read()


def test_nothing_is_amiss_with_a_sound_update() -> None:
    update = next(loop(elsewhere(world={"id": "calculator-v0", "max_operators": 3, "split": "classes"})))
    health.check(update)
    assert update.summary()["tokens"] > 0
