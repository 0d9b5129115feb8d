"""Running tokens in a world alone, also where the world answers."""

from __future__ import annotations

import pytest
import torch

from inwit.core.seeding import stream
from inwit.worlds.running import perform
from support import make_world
from worlds_from_outside import Echo


def test_random_tokens_leave_the_worlds_turn_to_the_world() -> None:
    """The random legal policy of lookup-v0 with five values: 14.6 % succeed."""
    world = make_world("lookup-v0")
    tasks = world.sample(torch.arange(6).repeat_interleave(4000), stream(0, "tasks"))
    success, extra = perform(world, tasks, None, stream(0, "tokens"))
    assert float(success.double().mean()) == pytest.approx(0.146, abs=0.02)
    assert not extra


def test_given_tokens_are_the_whole_stream() -> None:
    """Where the world has decided, its token is taken, whatever is given; where it has not, the given one draws."""
    world = make_world("lookup-v0")
    ids = world.vocabulary.ids
    task = world.task({"query": "F 2", "table": [3] * 35})
    undrawn = world.task({"query": "F 2"})
    for given, drawn_right, undrawn_right in (("3", True, True), ("1", True, False)):
        tokens = torch.tensor([ids(["F", "2", given, "ANS", "3"])])
        assert perform(world, task, tokens)[0].tolist() == [drawn_right]
        assert perform(world, undrawn, tokens)[0].tolist() == [undrawn_right]


def test_an_echo_is_heard() -> None:
    """A world that writes without drawing: its tokens count, and without them the program would be another."""
    world = Echo(Echo.Settings())
    tasks = world.task({"stage": 0, "operands": [3, 4, 5]})
    ids = world.vocabulary.ids
    assert perform(world, tasks, torch.tensor([ids(["MUL", "CTX", "ADD", "ANS"])]))[0].tolist() == [True]
    assert perform(world, tasks, torch.tensor([ids(["MUL", "ADD", "ADD", "ANS"])]))[0].tolist() == [True]
