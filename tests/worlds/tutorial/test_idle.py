"""Idle tokens: what tutorial-v1 may let a policy write though it does nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import inwit
from inwit.core.errors import UserError
from inwit.worlds.oracle.constant import yardstick
from support import batch_of, lockstep

WORLD = "tutorial-v1"
TASK = {"stage": 2, "operands": [5, 5, 7, 9, 8]}


def test_idle_tokens_are_legal_in_order_and_without_them_nothing_else_is() -> None:
    for idle, names in ((0, []), (3, ["0", "1", "2"]), (12, [*"0123456789", "CTX", "EOS"])):
        episode = inwit.play(WORLD, TASK, ["MUL", "ADD"], idle=idle)
        own = inwit.play(WORLD, TASK, ["MUL", "ADD"])
        for legal, plain in zip(episode.legal, own.legal, strict=True):
            assert sorted(legal) == sorted([*plain, *names])


def test_an_idle_token_costs_a_step_and_does_nothing() -> None:
    plain, slow = (
        inwit.play(WORLD, TASK, program.split(), idle=12, max_steps=9)
        for program in ("MUL ADD STO MUL RCL SUB ANS", "MUL 7 ADD STO EOS MUL RCL SUB ANS")
    )
    assert plain.success
    assert slow.success
    assert (plain.steps, slow.steps) == (7, 9)
    assert not inwit.play(WORLD, TASK, ["7", *["MUL", "ADD", "STO", "MUL", "RCL", "SUB", "ANS"]], idle=12).success


def test_the_batched_world_does_the_same() -> None:
    world = inwit.make(WORLD, idle=5)
    programs = [world.vocabulary.ids(text.split()) for text in ("3 MUL 4 ADD ANS", "MUL STO 0 RCL 1 2 ANS")]
    tasks = [{"stage": 0, "operands": [2, 3, 4]}, {"stage": 1, "operands": [2, 3, 4, 5]}]
    _, legal, steps = lockstep(world, batch_of(world, tasks), programs)
    for row, (task, program) in enumerate(zip(tasks, programs, strict=True)):
        twin = inwit.worlds.make_scalar(WORLD, task, idle=5)
        for column, token in enumerate(program):
            assert legal[column][row].nonzero()[:, 0].tolist() == twin.legal()
            twin.step(token)
            assert bool(steps[column].terminated[row]) == twin.terminated
            assert bool(steps[column].success[row]) == bool(twin.success)


def test_the_random_policy_is_worse_among_idle_tokens_and_the_oracle_is_the_same() -> None:
    few, many = (yardstick(WORLD, 0, inwit.make(WORLD, idle=idle).settings) for idle in (0, 12))
    assert few.oracle is not None
    assert many.oracle == few.oracle
    # Of 3, of 5 (MUL ADD SUB ANS STO) and of 5 tokens; then of 15, 17 and 17. Longer programs add little.
    assert few.random_success > 1 / 3 * 1 / 5 * 1 / 5
    assert 1 / 15 * 1 / 17 * 1 / 17 < many.random_success < few.random_success / 5


def test_there_are_twelve_of_them() -> None:
    with pytest.raises(UserError, match="idle"):
        inwit.make(WORLD, idle=13)
    world = inwit.make(WORLD, idle=12)
    assert int(world.legal(world.reset(world.all_tasks([0])[:1])).sum()) == 15
    assert torch.equal(world.legal(world.reset(world.all_tasks([0])[:1]))[0, :10], torch.ones(10, dtype=torch.bool))


@pytest.mark.parametrize("make", [inwit.make, lambda world, **settings: inwit.play(world, TASK, [], **settings)])
def test_where_idle_changes_nothing_it_is_refused(make: Callable[..., object]) -> None:
    with pytest.raises(UserError, match=r"^world\.idle = 2 changes nothing in tutorial-v0, .* or set idle = 0$"):
        make("tutorial-v0", idle=2)
    for world in ("tutorial-v0", WORLD):
        with pytest.raises(UserError, match=r"^world\.idle = 2 changes nothing with masks = false, .* or idle = 0$"):
            make(world, idle=2, masks=False)
        make(world, idle=0, masks=False)
