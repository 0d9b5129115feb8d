"""The optimum at play, against the oracle: what a learner is told that imitates it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from inwit import worlds
from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.worlds.lookup.oracle import best_value, least_calls, token_values
from inwit.worlds.lookup.turns import Situation
from inwit.worlds.oracle.programs import oracle_for
from support import all_kinds, make_world

FAILING: dict[str, Any] = {"queries": ("Tx", "TUx"), "fail": 0.5, "broken": 0.2, "sure_price": 0.1, "max_steps": 16}
# Where nothing tells of broken tools, moments differ in the tokens that are left alone.
UNBROKEN: dict[str, Any] = {**FAILING, "broken": 0.0, "num_values": 3, "max_steps": 8}
SETTINGS: list[dict[str, Any]] = [
    {},
    FAILING,
    UNBROKEN,
    {"num_values": 3, "max_steps": 5},
    {"masks": False, "max_steps": 7},
]
every_setting = pytest.mark.parametrize("settings", SETTINGS)


def sampled(settings: dict[str, Any], each: int, seed: int = 0) -> tuple[Any, Any]:
    world = make_world("lookup-v0", **settings)
    return world, world.sample(all_kinds(world, each), stream(seed, "tasks"))


def played(world: Any, told: Any, row: int) -> list[Any]:
    """The row's stream in the twin: the situation, query and token at each choice; and the twin at its end."""
    twin = worlds.make_scalar("lookup-v0", world.describe(told.tasks[row : row + 1])[0], **world.settings.to_dict())
    moments = []
    for token, chosen in zip(told.tokens[row].tolist(), told.chosen[row].tolist(), strict=True):
        if twin.ended:
            assert not chosen
            continue
        assert chosen is (twin.forced() == -1)
        if chosen:
            moments.append((twin.problem.query, Situation.of(twin), token))
        else:
            assert token == twin.forced()
        twin.step(token)
    assert twin.ended
    return [moments, twin]


@every_setting
def test_every_token_is_optimal(settings: dict[str, Any]) -> None:
    """None has a regret, in exact fractions; the world's tokens are those that the twin writes."""
    world, tasks = sampled(settings, 3)
    told = world.expert(tasks)
    for row in range(len(tasks)):
        moments, _ = played(world, told, row)
        for query, situation, token in moments:
            values = token_values(world.settings, query, situation)
            assert values[token] == max(values.values()), f"{query.text}: {world.vocabulary.names[token]} is not best."


@pytest.mark.parametrize("settings", [{}, FAILING])
def test_it_earns_the_value_of_the_optimum(settings: dict[str, Any]) -> None:
    """Of each kind the mean return, and where nothing fails the calls, of 400 episodes: within four standard errors
    of the exact mean over the queries. Without failures all are right."""
    each = 400
    world, tasks = sampled(settings, each)
    told = world.expert(tasks)
    state, reward = world.reset(tasks), torch.zeros(len(tasks), dtype=torch.float64)
    success, calls = torch.zeros(len(tasks), dtype=torch.bool), torch.zeros(len(tasks), dtype=torch.int64)
    for token in told.tokens.unbind(1):
        state, step = world.step(state, token)
        reward, success, calls = reward + step.reward, success | step.success, calls + step.counts["calls"]
    assert settings or bool(success.all())
    for kind in range(len(world.kinds)):
        queries = world.queries(world.all_tasks([kind]))
        rows = tasks.kind == kind
        wanted = [(reward, best_value)] + ([] if settings else [(calls.double(), least_calls)])
        for found, exact in wanted:
            mean = float(sum(exact(world.settings, query) for query in queries) / len(queries))
            error = float(found[rows].std()) / each**0.5
            assert abs(float(found[rows].mean()) - mean) <= 4 * error + 1e-9, world.kinds.names[kind]


@pytest.mark.parametrize("settings", [{}, FAILING])
def test_it_knows_what_was_heard_and_no_more(settings: dict[str, Any]) -> None:
    """Every cell and every tool that it did not hear of is drawn anew: it writes the same."""
    world, tasks = sampled(settings, 10)
    told, again = world.expert(tasks), world.sample(tasks.kind, stream(1, "other tables"))
    hidden = {name: again.data[name].clone() for name in ("table", "broken")}
    for row in range(len(tasks)):
        _, twin = played(world, told, row)
        for each in twin.heard:
            for name, place in (("table", each.cell), ("broken", world.settings.tool_of(each.cell))):
                if name == "broken" or each.value is not None:
                    hidden[name][row, place] = tasks.data[name][row, place]
    undrawn = type(tasks)(tasks.kind, {name: value for name, value in tasks.data.items() if name != "goal"} | hidden)
    other = world.expert(world.draw(undrawn, stream(2, "nothing")))
    same = (other.tasks.data["table"] == tasks.data["table"]).all(1)
    assert not bool(same.any()), "Nothing was drawn anew: the test would prove nothing."
    assert torch.equal(other.tokens, told.tokens)
    assert torch.equal(other.chosen, told.chosen)


def test_the_same_moment_is_looked_up_once() -> None:
    world, tasks = sampled({}, 20)
    first = world.expert(tasks)
    known = len(world._expert.moments)
    again = world.expert(tasks)
    assert len(world._expert.moments) == known > 100
    assert torch.equal(first.tokens, again.tokens)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"lie": 0.1}, "lie = 0.1"), ({"stale": 0.1}, "stale = 0.1"), ({"num_values": 2}, "num_values = 2")],
)
def test_where_the_optimum_is_not_claimed_nobody_imitates_it(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=rf"learner\.id = oracle_cloning: .*{named}") as refused:
        oracle_for(make_world("lookup-v0", **settings))
    assert "\n" not in str(refused.value)


def test_what_is_not_drawn_is_not_played() -> None:
    world: Any = make_world("lookup-v0")
    with pytest.raises(UserError, match="plays drawn tasks: draw theirs first") as refused:
        world.expert(world.all_tasks([0]))
    assert "\n" not in str(refused.value)
