"""What a run refuses to do: train on its own test set, go on where no token is legal."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import inwit
from inwit import UserError
from inwit.core.registry import Entry
from inwit.core.seeding import stream
from inwit.rollout.collect import collect
from inwit.training.curricula import CURRICULA, Uniform
from support import make_world, small_policy

SMALL: dict[str, Any] = {"policy": {"width": 4}, "training": {"episodes": 256, "max_updates": 2}}


class Careless(Uniform):
    """Draws whatever there is, the test set too."""

    def draw(self, update: int, count: int, generator: torch.Generator) -> torch.Tensor:
        return torch.randint(len(self.may_train), (count,), generator=generator)


@pytest.mark.parametrize(
    ("learner", "split"), [("a2c", "classes"), ("ppo", "classes"), ("oracle_cloning", "classes"), ("a2c", "longest")]
)
def test_training_on_the_test_set_is_refused(learner: str, split: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the curriculum says; without a split the same curriculum is welcome."""
    monkeypatch.setitem(CURRICULA._entries, "careless", Entry(Careless, ""))
    config = {"curriculum": {"id": "careless"}, "learner": {"id": learner}, "hindsight": {"rows": 0}, **SMALL}
    with pytest.raises(UserError, match="test set") as refused:
        list(inwit.updates("calculator", world={"split": split}, **config))
    assert "\n" not in str(refused.value)
    assert len(list(inwit.updates("calculator", **config))) == 2


def test_a_rollout_to_learn_from_is_refused_for_the_test_set() -> None:
    """In a loop of one's own: looking at the test set is allowed, keeping the graph is not."""
    world = make_world("calculator-v0", split="classes")
    policy = small_policy("gru", world)
    trained = [kind for kind in range(len(world.kinds)) if kind not in world.kinds.held_out]
    held_out = world.sample(torch.tensor([trained[0], world.kinds.held_out[0]]), stream(0, "tasks"))
    collect(world, policy, held_out)
    with pytest.raises(UserError, match="test set") as refused:
        collect(world, policy, held_out, keep_graph=True)
    assert world.kinds.names[world.kinds.held_out[0]] in str(refused.value)
    assert collect(world, policy, held_out[:1], keep_graph=True).outputs is not None


@pytest.mark.parametrize("split", ["text", "longest"])
def test_every_curriculum_leaves_the_test_set_alone(split: str) -> None:
    world = make_world("calculator-v0", split=split)
    stages = {kind for index, kind in enumerate(world.kinds.stages) if index not in world.kinds.held_out}
    for name in CURRICULA.names():
        cls = CURRICULA.load(name)
        settings = cls.Settings(stages=tuple(stages)) if name == "schedule" else cls.Settings()
        curriculum = cls(settings, world.kinds)
        for update in range(40):
            kinds = curriculum.draw(update, 200, stream(update, "kinds"))
            assert not set(kinds.tolist()) & set(world.kinds.held_out), f"{name} draws from the test set."


def test_a_schedule_of_a_stage_that_is_all_test_set_is_refused() -> None:
    schedule = {"id": "schedule", "stages": [1, 3]}
    with pytest.raises(UserError, match=r"curriculum\.stages: stage 3 is nothing but test set"):
        inwit.updates("calculator", world={"split": "longest"}, curriculum=schedule)
    inwit.updates("calculator", world={"split": "classes"}, curriculum=schedule)


def test_a_batch_without_a_legal_token_is_refused() -> None:
    """A world whose masks forbid everything to some row says so, rather than carrying out a forbidden token."""
    world = make_world("calculator-v0", max_operators=2)
    policy, tasks, rules = small_policy("gru", world), world.greedy_tasks(), world.legal

    def stuck(state: Any) -> torch.Tensor:
        legal = rules(state).clone()
        legal[5] &= ~legal[5].all() & (state["steps"][5] < 2)
        return legal

    collect(world, policy, tasks)
    world.legal = stuck
    with pytest.raises(UserError, match="no legal token") as refused:
        collect(world, policy, tasks)
    assert "episode 5 of 21 after 2 tokens" in str(refused.value)
    assert "\n" not in str(refused.value)
