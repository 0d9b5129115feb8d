"""Ticks: a token that does nothing, where a world allows it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import inwit
from calculating import WORLD, writing
from inwit.core import result_text
from inwit.core.errors import UserError
from inwit.evaluation.exact import evaluate
from inwit.gym.env import InwitEnv
from inwit.gym.vector import InwitVectorEnv
from inwit.learners.auxiliary.hindsight import Hindsight, HindsightSettings
from inwit.rollout.babble import babble
from support import lockstep

TASK = {"expression": "(a*b)-(c*d)", "operands": [3, 5, 2, 7]}
PROGRAM = ["LOAD", "c", "MUL", "d", "STO", "m0", "LOAD", "a", "MUL", "b", "SUB", "m0", "ANS"]
THINKING = ["THINK", *PROGRAM[:2], "THINK", *PROGRAM[2:6], "THINK", *PROGRAM[6:]]


def test_a_world_without_ticks_has_no_such_token() -> None:
    plain, thinking = inwit.make(WORLD), inwit.make(WORLD, ticks=1)
    assert "THINK" not in plain.vocabulary.names
    assert thinking.vocabulary.names == (*plain.vocabulary.names, "THINK")
    assert thinking.num_columns == thinking.max_steps == plain.max_steps + 1
    assert not inwit.play(WORLD, TASK, PROGRAM).counts


def test_ticks_change_nothing_but_their_number_and_their_price() -> None:
    plain = inwit.play(WORLD, TASK, PROGRAM)
    thought = inwit.play(WORLD, TASK, THINKING, ticks=3, tick_price=0.125)
    assert thought.success
    assert thought.reward == plain.reward - 3 * 0.125
    assert thought.counts == {"ticks": 3}
    registers = [(state["accumulator"], state["slots"], state["pending"]) for state in thought.states]
    kept = [state for token, state in zip(THINKING, registers, strict=True) if token != "THINK"]
    assert kept == [(state["accumulator"], state["slots"], state["pending"]) for state in plain.states]


def test_a_tick_is_legal_where_no_verb_is_pending_and_while_ticks_are_left() -> None:
    episode = inwit.play(WORLD, TASK, ["THINK", "LOAD", "c", "THINK", "MUL"], ticks=2)
    assert ["THINK" in legal for legal in episode.legal] == [True, True, False, True, False]


@pytest.mark.parametrize("ticks", [1, 3])
def test_a_tick_spends_nothing_of_the_budget_and_an_illegal_one_does(ticks: int) -> None:
    """Of four steps: LOAD a, an illegal THINK after a verb, and one more."""
    names = [*["THINK"] * ticks, "LOAD", "THINK", "a", "ADD"]
    episode = inwit.play(WORLD, {"expression": "a+b", "operands": [1, 2]}, names, max_steps=4, ticks=ticks)
    assert episode.truncated
    assert episode.steps == ticks + 4
    assert episode.counts == {"ticks": ticks}


def test_the_exam_counts_programs_and_ticks_apart() -> None:
    programs = {"a+b": ["THINK", "THINK", "LOAD", "a", "ADD", "b", "ANS"], "a-b": ["LOAD", "a", "SUB", "b", "ANS"]}
    world = {"max_operators": 1, "ticks": 2}
    result = evaluate(writing(programs | {"a*b": ["LOAD", "a", "MUL", "b", "ANS"]}, **world))
    [row] = result.rows
    assert result_text.cells(result)[0][result_text.headings(result).index("ticks")] == "0.667", "It is no share."
    assert (row.solved, row.cost, row.best_cost) == (3, 5.0, 5.0)
    assert row.extra["ticks"] == pytest.approx(2 / 3)


def test_the_yardsticks_are_those_of_the_world_without_ticks() -> None:
    programs = {name: ["LOAD", "a", "ADD", "b", "ANS"] for name in ("a+b", "a-b", "a*b")}
    [with_ticks], [without] = (
        evaluate(writing(programs, max_operators=1, **settings)).rows for settings in ({"ticks": 8}, {})
    )
    assert with_ticks.yardsticks == without.yardsticks


def stored(world: Any, program: list[str]) -> list[str]:
    """What hindsight keeps of one program for its expression."""
    tasks = world.task(TASK)
    tokens = torch.tensor([world.vocabulary.ids(program)])
    states, _, _ = lockstep(world, tasks, tokens.tolist())
    held = torch.stack([world.achieved(state) for state in states[1:]], 1)
    store = Hindsight(HindsightSettings(rows=4, babble=0), world)
    store.take_in(*store.plain(tasks, tokens, held))
    kind = int(tasks.kind)
    return world.vocabulary.decode(store.programs[kind, : int(store.length[kind])].tolist())


def test_hindsight_keeps_a_program_without_its_ticks() -> None:
    assert stored(inwit.make(WORLD, ticks=3), THINKING) == PROGRAM


def test_random_programs_are_stored_without_ticks() -> None:
    world = inwit.make(WORLD, max_operators=2, ticks=8)
    store, generator = Hindsight(HindsightSettings(rows=4), world), torch.Generator().manual_seed(0)
    tasks = world.sample(torch.arange(len(world.kinds)).repeat(50), generator)
    tokens, achieved = babble(world, tasks, generator)
    assert bool((tokens == world.think).any())
    store.take_in(*store.plain(tasks, tokens, achieved))
    assert bool((store.length > 0).any())
    assert not bool((store.programs == world.think).any())


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"ticks": 9}, "ticks = 9"), ({"tick_price": 0.1}, "tick_price = 0.1"), ({"ticks": -1}, "ticks = -1")],
)
def test_impossible_settings(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        inwit.make(WORLD, **settings)


def test_an_agent_that_sees_the_machine_sees_its_ticks() -> None:
    world = inwit.make(WORLD, ticks=2)
    tasks = world.task(TASK)
    state, _ = world.step(world.reset(tasks), torch.tensor([world.think]))
    assert dict(zip(world.machine_names, world.machine(tasks, state)[0].tolist(), strict=True))["ticks spent"] == 0.5


def test_as_an_environment() -> None:
    """The mask offers ticks, the reward pays for them, `info` counts them, one alone and in a row of many."""
    env = InwitEnv(WORLD, ticks=1, tick_price=0.125, observe="machine")
    seen, _ = env.reset(options={"expression": "a+b", "operands": [1, 2]})
    assert seen in env.observation_space
    names = ["THINK", "LOAD", "a", "ADD", "b", "ANS"]
    steps = [env.step(token) for token in env.world.vocabulary.ids(names)]
    think = env.world.vocabulary.id("THINK")
    assert [bool(seen["action_mask"][think]) for seen, *_ in steps] == [False] * len(names)
    assert [reward for _, reward, *_ in steps] == [-0.125, 0, 0, 0, 0, 1]
    assert steps[-1][-1]["ticks"] == 1
    many = InwitVectorEnv(2, WORLD, ticks=8)
    many.reset(seed=0)
    for count in range(1, 9):
        *_, info = many.step(torch.full((2,), think).numpy())
        assert info["ticks"].tolist() == [count, count]
