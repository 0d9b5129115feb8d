"""Tools that answer, learnt from lessons in seconds."""

from __future__ import annotations

import pytest
import torch

import inwit
from inwit.core.seeding import stream
from inwit.rollout.collect import collect


@pytest.mark.slow
def test_two_calls_of_which_one_feeds_the_other_are_learnt_in_seconds() -> None:
    *_, last = inwit.updates(
        "lookup",
        world={"queries": ("Tx", "TUx", "Tx*Uy")},
        policy={"width": 64},
        training={"max_updates": 150, "confirm": False},
    )
    world = last.agent.world
    tasks = world.sample(torch.arange(3).repeat_interleave(500), stream(0, "examination"))
    answered = collect(world, last.agent.policy, tasks)
    by_kind = answered.success.view(3, 500).double().mean(1).tolist()
    assert min(by_kind) >= 0.98, f"After {last.index + 1} updates success is {by_kind}."
    calls = answered.counts["calls"].view(3, 500).double().mean(1).tolist()
    assert calls == pytest.approx([1, 1.9, 2.9], abs=0.08), "calls beside the least expected ones"
