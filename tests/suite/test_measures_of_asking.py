"""Measures in the world whose tools answer: of agents of known figures, and of the random policy."""

import copy
from statistics import fmean
from typing import Any

import pytest
import torch

from inwit import worlds
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.types import map_rows
from inwit.core.vocabulary import CHOICE
from inwit.scripts.script import Scripted
from inwit.suite import ABILITIES
from inwit.suite.asking import BothWays, NoWaste, Strict, Success, Value, with_first_answers
from inwit.suite.work import world_of
from inwit.worlds.lookup.yardsticks import scores


def tiny(*queries: str, **settings: Any) -> Any:
    return worlds.make("lookup-v0", **{"num_values": 3, "num_tools": 1, "queries": queries, **settings})


class Fixed:
    """Calls F of some value so many times, then answers what it heard last, or a value of its own."""

    def __init__(self, world: Any, calls: int, place: int, answer: int | None = None) -> None:
        self.names, self.world = world.vocabulary.names, world
        self.calls, self.place, self.answer = calls, place, answer

    def begin(self, prompt: tuple[int, ...], stage: int) -> tuple[int, ...]:
        return (prompt[self.place],)

    def write(self, state: Any) -> int:
        value, *stream = state
        call, place = divmod(len(stream), 3)
        if call < self.calls:
            return (self.names.index("F"), value, 0)[place]
        value = stream[3 * self.calls - 1] if self.answer is None else self.names.index(str(self.answer))
        return (self.names.index("ANS"), value, 0)[place]

    def read(self, state: Any, token: int) -> tuple[int, ...]:
        return (*state, token)


def fixed(world: Any, *args: int) -> Agent:
    return Agent(world, Scripted(Fixed(world, *args), len(world.vocabulary)))


def followed(world: Any, tasks: Any) -> dict[str, torch.Tensor]:
    """Success and reward of the random policy on each task: every token that it may choose, and every answer."""
    state, weight, row = world.reset(tasks), torch.ones(len(tasks), dtype=torch.float64), torch.arange(len(tasks))
    sums = {name: torch.zeros(len(tasks), dtype=torch.float64) for name in ("success", "reward")}
    while len(row):
        forced = world.forced(state)
        legal = world.legal(state).double()
        chance = torch.where((forced == CHOICE)[:, None], legal / legal.sum(1, keepdim=True), world.chance(state))
        place, token = chance.nonzero().unbind(1)
        weight, row = weight[place] * chance[place, token], row[place]
        state, step = world.step(map_rows(state, lambda each, place=place: each[place]), token)
        for name, gained in (("success", step.success), ("reward", step.reward)):
            sums[name].index_add_(0, row, weight * gained)
        going = (~(step.terminated | step.truncated)).nonzero()[:, 0]
        state, weight, row = map_rows(state, lambda each, going=going: each[going]), weight[going], row[going]
    return sums


@pytest.mark.parametrize(
    ("queries", "settings"),
    [
        (("Tx", "TUx"), {"max_steps": 6}),
        (("Tx",), {"max_steps": 4, "sure_price": 0.1}),
        (("Tx",), {"max_steps": 6, "fail": 0.5}),
        (("Tx",), {"max_steps": 4, "lie": 0.3, "stale": 0.2, "sure_price": 0.1}),
    ],
)
def test_the_random_policy_scores_what_all_of_its_courses_add_up_to(queries: tuple[str, ...], settings: Any):
    world = tiny(*queries, **settings)
    for kind in range(len(queries)):
        sums = followed(world, world.all_tasks([kind]))
        assert Success().random(world, [kind]).value == pytest.approx(float(sums["success"].mean()), abs=1e-12)
        assert Value().random(world, [kind]).value == pytest.approx(float(sums["reward"].mean()), abs=1e-12)
        if not world.settings.deceives and not world.settings.fail:
            spotless = followed(Strict(world), world.all_tasks([kind]))["success"].mean()
            assert NoWaste().random(world, [kind]).value == pytest.approx(float(spotless), abs=1e-12)


@pytest.mark.parametrize("query", ["TUx", "Tx?y:z"])
def test_the_random_policy_is_right_as_often_both_ways(query: str):
    world = tiny(query, max_steps=6)
    success = followed(world, with_first_answers(world.settings, world.all_tasks([0])))["success"].view(-1, 3)
    both = success[:, 0::2].mean(1) * success[:, 1::2].mean(1)
    assert BothWays().random(world, [0]).value == pytest.approx(float(both.mean()), abs=1e-12)


@pytest.mark.parametrize("ability", ["horizon", "holding", "failing tools"])
def test_the_best_answer_without_a_call_is_hardly_above_chance(ability: str):
    found = []
    for experiment in ABILITIES.load(ability).experiments:
        world = world_of(experiment)
        for kinds in experiment.levels(world).values():
            low, best = experiment.measure.random(world, kinds).value, experiment.measure.optimum(world, kinds)
            blind = fmean(float(scores(world.settings, kind)["blind"].success) for kind in kinds)
            found.append((blind - low) / (best - low))
    assert fmean(found) <= 0.1
    assert ability != "failing tools" or max(found) <= 0.1


def test_a_call_that_was_answered_before_is_a_waste():
    world = tiny("Tx", price=0.02)
    once, twice = fixed(world, 1, 1), fixed(world, 2, 1)
    assert [Success().of(each, [0]).value for each in (once, twice)] == [1, 1]
    assert [Value().of(each, [0]).value for each in (once, twice)] == [pytest.approx(0.98), pytest.approx(0.96)]
    assert [NoWaste().of(each, [0]).value for each in (once, twice)] == [1, 0]


def test_luck_is_no_thrift():
    world = tiny("Tx")
    blind = fixed(world, 0, 1, 1)
    assert Success().of(blind, [0]).value == pytest.approx(1 / 3)
    assert NoWaste().of(blind, [0]).value == 0


def test_a_call_of_what_a_chain_decides_already_is_a_waste():
    world = tiny("TUx")  # F F x: after F x the query is decided where F(x) = x, else right by luck once in three
    once = fixed(world, 1, 2)
    assert Success().of(once, [0]).value == pytest.approx(1 / 3 + 2 / 3 * 1 / 3)
    assert NoWaste().of(once, [0]).value == pytest.approx(1 / 3)


def test_who_does_not_look_at_a_condition_is_right_one_way_alone():
    world = tiny("Tx?y:z", num_values=4)
    # It answers 0: of the queries with y and z apart it is right one way if either is 0, and never both ways.
    blind = fixed(world, 0, 1, 0)
    assert Success().of(blind, [0]).value == pytest.approx(1 / 4)
    assert BothWays().of(blind, [0]).value == 0
    assert len(with_first_answers(world.settings, world.all_tasks([0]))) == 4 * (16 - 4) * 4


def test_a_success_that_prices_keep_from_being_sure_has_no_known_optimum():
    """The best agent answers at once where calls are too dear; another one would be right more often."""
    dear = tiny("Tx", price=0.8)
    assert Value().optimum(dear, [0]) == pytest.approx(1 / 3)
    for measure in (Success(), BothWays()):
        with pytest.raises(UserError, match="measure value instead"):
            measure.optimum(dear, [0])
        assert measure.optimum(tiny("Tx", price=0.005), [0]) == 1


def test_a_strict_world_can_be_copied():
    strict: Any = Strict(tiny("Tx"))
    assert copy.deepcopy(strict).vocabulary.names == strict.vocabulary.names
