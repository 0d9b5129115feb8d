"""What the suite measures in worlds that never answer, on agents and machines whose figures are known beforehand."""

from __future__ import annotations

import copy

import pytest
import torch

import inwit
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.evidence.reciting import Reciter
from inwit.suite import abilities_open
from inwit.suite.abilities_open import by_slots
from inwit.suite.ability import Figure, Level
from inwit.suite.chances import random_figure, random_success
from inwit.suite.measures import BeyondLuck, Recovered, Solved, deviations
from inwit.suite.oracle import oracle_agent
from inwit.suite.work import world_of
from inwit.worlds.oracle.constant import yardstick
from inwit.worlds.oracle.programs import OraclePrograms
from scripts import ORACLES, scripted

SUM = {"tools": ("ADD",), "max_operators": 1, "num_slots": 0}  # the world of a+b
SIGNS = {"tools": ("ADD", "SUB"), "max_operators": 2, "num_slots": 0}


def test_the_random_policy_is_followed_through_every_program() -> None:
    """In five tokens a+b is right by LOAD, any letter, ADD (of LOAD, ADD, ANS), the other letter, ANS."""
    world = inwit.make("calculator-v0", max_steps=5, **SUM)
    assert random_success(world, world.reset(world.greedy_tasks())).tolist() == pytest.approx([1 / 18], abs=1e-15)


def test_with_two_tokens_more_another_letter_may_be_loaded_first() -> None:
    """LOAD x (1), then LOAD y (1/3), then as above (1/18); 1/18 without."""
    world = inwit.make("calculator-v0", max_steps=7, **SUM)
    expected = 1 / 18 + 1 / 3 * 1 / 18
    assert random_success(world, world.reset(world.greedy_tasks())).tolist() == pytest.approx([expected], abs=1e-15)


def test_where_there_are_too_many_machines_the_random_policy_is_sampled() -> None:
    world = inwit.make("calculator-v0", max_steps=9, **SIGNS)
    tasks = world.greedy_tasks()
    state = world.reset(tasks)
    assert random_success(world, state, most=10) is None
    exact = float(random_success(world, state, most=10**6).mean())
    generous = random_figure(world, state, most=10)
    assert generous.interval is not None
    assert generous.interval[0] <= exact <= generous.interval[1]


def test_the_random_success_of_the_search_is_that_of_the_machines() -> None:
    """Two ways to one figure: constant programs by classes, and every problem by itself."""
    world, kind = inwit.make("tutorial-v1"), 0
    tasks = world.all_tasks([kind])
    each = random_success(world, world.reset(tasks))
    assert each is not None
    shortcut = yardstick(world.id, kind, world.settings).shortcut
    assert world.vocabulary.decode(shortcut.tokens) == ["MUL", "ANS"]
    wrong = tasks.data["operands"][:, 2] != 0  # a*b is a*b + c where c is 0
    assert BeyondLuck().random(world, [kind]).value == pytest.approx(float(each[wrong].mean()), abs=1e-12)


def test_one_problem_of_a_kind_tells_of_all_where_identity_decides_alone() -> None:
    world = inwit.make("calculator-v0", max_steps=7, noise=4, **SIGNS)
    kinds = list(range(len(world.kinds)))
    tasks = world.sample(torch.tensor(kinds).repeat_interleave(3), torch.Generator().manual_seed(0))
    every = random_success(world, world.reset(tasks))
    assert Solved().random(world, kinds).value == pytest.approx(float(every.mean()), abs=1e-12)
    with pytest.raises(UserError, match="tutorial-v1 a problem of a kind does not tell of the others"):
        Solved().random(inwit.make("tutorial-v1"), [0])


def test_who_has_found_the_shortcut_alone_scores_nothing_beyond_luck() -> None:
    lucky = scripted("MUL ANS", "MUL ADD ANS", "MUL ADD ANS", recipe="tutorial")
    able = scripted(*ORACLES, recipe="tutorial")
    assert Solved().of(lucky, [0]) == Figure(0.1)
    assert BeyondLuck().of(lucky, [0]) == Figure(0.0)
    assert BeyondLuck().of(able, [0, 1]) == Figure(1.0)
    level = Level("10 %", BeyondLuck().of(lucky, [0]), BeyondLuck().random(lucky.world, [0]), 1.0)
    assert -0.1 < level.score < 0


def test_kinds_weigh_the_same_whatever_they_hold() -> None:
    """Stage 1 has ten times as many problems as stage 0."""
    half = scripted("MUL ADD ANS", "ADD ANS", "MUL ANS", recipe="tutorial")
    assert Solved().of(half, [0]) == Figure(1.0)
    alone = Solved().of(half, [1]).value
    assert Solved().of(half, [0, 1]).value == pytest.approx((1 + alone) / 2)


def names(world: object, force: torch.Tensor) -> list[str]:
    return sorted(" ".join(world.vocabulary.names[t] for t in row if t >= 0) for row in force.tolist())


def test_each_token_but_the_last_is_replaced_where_a_right_end_is_left() -> None:
    world = inwit.make("calculator-v0", max_steps=12, **SUM)
    _, force = deviations(world, (0,))
    # The program is LOAD b ADD a ANS. Before ADD also ANS is legal, but it ends the episode.
    assert names(world, force) == ["LOAD a", "LOAD b ADD b", "LOAD b LOAD"]


def test_deviations_are_sought_once() -> None:
    settings = {"max_steps": 12, **SUM}
    (tasks, force), (_, again) = (deviations(inwit.make("calculator-v0", **settings), (0,)) for _ in range(2))
    assert again is force
    longer, _ = deviations(inwit.make("calculator-v0", **settings | {"max_steps": 14}), (0,))
    assert len(tasks) <= len(longer)


def test_where_the_budget_is_spent_there_is_nothing_to_recover() -> None:
    world = inwit.make("calculator-v0", max_steps=5, **SUM)
    assert names(world, deviations(world, (0,))[1]) == ["LOAD a"]


def test_a_reciter_does_not_recover_and_the_oracle_does() -> None:
    world = inwit.make("calculator-v0", max_steps=12, **SIGNS)
    kinds = list(range(len(world.kinds)))
    tasks = world.greedy_tasks()
    reciter = Agent(world, Reciter(world, tasks, OraclePrograms(world)(tasks).clamp_min(0)))
    assert Solved().of(reciter, kinds) == Figure(1.0)
    assert Recovered().of(reciter, kinds).value < 0.05
    assert Recovered().of(oracle_agent(world), kinds) == Figure(1.0)


def test_recovery_asks_for_a_world_that_knows_its_right_ends() -> None:
    with pytest.raises(UserError, match="cannot tell how far"):
        Recovered().random(inwit.make("tutorial-v1"), [0])


@pytest.mark.parametrize("settings", [{"max_operators": 3}, {"max_operators": 2, "tools": ("ADD", "SUB")}])
def test_levels_of_slots_are_what_the_search_found(settings: dict[str, object]) -> None:
    world = inwit.make("calculator-v0", **{"tools": ("SUB",), "num_slots": 1, **settings})
    levels = {knob: [world.kinds.names[kind] for kind in kinds] for knob, kinds in by_slots(world).items()}
    chains = ["a-b", "(a-b)-c", "((a-b)-c)-d"]
    everything = {"0": list(world.kinds.names)}  # sums and differences are done one operand at a time
    inner = [name for name in world.kinds.names if name not in chains]
    assert levels == (everything if "tools" in settings else {"0": chains, "1": inner})


def test_slots_are_those_of_crossed_tools() -> None:
    """Where SUB subtracts the accumulator from its operand, other expressions need a slot."""
    plain, crossed = (
        by_slots(inwit.make("calculator-v0", tools=("SUB",), num_slots=1, max_operators=2, **more))
        for more in ({}, {"crossed": ("SUB",)})
    )
    assert plain != crossed


def test_a_world_that_tells_its_oracle_can_be_copied() -> None:
    agent = oracle_agent(inwit.make("calculator-v0", **SIGNS))
    assert copy.deepcopy(agent.world).vocabulary.names == agent.world.vocabulary.names


def test_what_is_never_met_is_not_trained_on() -> None:
    for experiment in abilities_open.CARRYING_OVER.experiments:
        world = world_of(experiment)
        for kinds in experiment.levels(world).values():
            assert set(kinds) <= set(world.kinds.held_out)
