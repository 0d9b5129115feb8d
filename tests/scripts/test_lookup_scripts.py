"""Both scripts of lookup-v0: what they write, token by token; that they are right and how much they ask; failing, lying
and broken tools; and how they go on after tokens that somebody else wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.core.types import Rollout
from inwit.core.vocabulary import CHOICE
from inwit.evaluation.exact import evaluate
from inwit.rollout.collect import collect
from inwit.rollout.hooks import Hooks
from inwit.scripts import scripted
from inwit.scripts.script import Scripted
from inwit.worlds import make
from inwit.worlds.lookup.queries import TEMPLATES
from inwit.worlds.lookup.rules import ANS, LookupSettings
from inwit.worlds.lookup.scalar import ScalarLookup

F, G = [2, 0, 1, 1, 4], [3, 4, 0, 2, 2]
STAR = [(first + 2 * second) % 5 for first in range(5) for second in range(5)]
TABLE = [*F, *G, *STAR]
KINDS = tuple(TEMPLATES)
BOTH = pytest.mark.parametrize("name", ["pipeline", "react"])

PIPELINE = """
F 3 | F 3 > 1 ANS 1
G F 3 | F 3 > 1 G 1 > 4 ANS 4
F F 4 | F 4 > 4 ANS 4
F G F 0 | F 0 > 2 G 2 > 0 ANS 2
F 3 ? 2 : 0 | F 3 > 1 ANS 2
F 3 ? 2 : 2 | ANS 2
F 3 ? G 1 : G 1 | G 1 > 4 ANS 4
F 3 ? F 3 : G 0 | F 3 > 1 ANS 1
F 0 ? G 1 : F 1 | F 0 > 2 F 1 > 0 ANS 0
F 3 * G 0 | F 3 > 1 G 0 > 3 * 1 3 > 2 ANS 2
F 3 * F 3 | F 3 > 1 * 1 1 > 3 ANS 3
F 0 + G 0 | F 0 > 2 G 0 > 3 ANS 0
F 1 & G 0 | F 1 > 0 ANS 0
F 0 & G 0 | F 0 > 2 G 0 > 3 ANS 2
"""
REACT = """
F F 4 | F 4 > 4 ANS 4
F G F 0 | F 0 > 2 G 2 > 0 F 0 > 2 ANS 2
F 3 ? 2 : 2 | F 3 > 1 ANS 2
F 0 ? G 1 : F 1 | F 0 > 2 G 1 > 4 F 1 > 0 ANS 0
F 3 * F 3 | F 3 > 1 * 1 1 > 3 ANS 3
F 1 & G 0 | F 1 > 0 G 0 > 3 ANS 0
"""


def lookup(name: str = "pipeline", options: dict[str, int] | None = None, **settings: object) -> Agent:
    return scripted(name, make("lookup-v0", **{"queries": KINDS, **settings}), **(options or {}))


def written(
    agent: Agent, query: str, hidden: dict[str, list[int]] | None = None, force: dict[int, str] | None = None
) -> str:
    """The stream of an episode; `>` stands before each answer of the world. `force`: what is written by column."""
    world, names = agent.world, agent.world.vocabulary.names
    tasks = world.task({"query": query, "table": TABLE, **(hidden or {})})
    forced = torch.full((1, world.num_columns), -1)
    for column, name in (force or {}).items():
        forced[0, column] = names.index(name)
    rollout = collect(world, agent.policy, tasks, hooks=Hooks(force=forced))
    columns = zip(rollout.tokens[0].tolist(), rollout.live[0].tolist(), rollout.chosen[0].tolist(), strict=True)
    return " ".join(names[token] if chosen else f"> {names[token]}" for token, live, chosen in columns if live)


def drawn(agent: Agent, count: int) -> Rollout:
    world = agent.world
    tasks = world.sample(torch.arange(count) % len(world.kinds), stream(0, "drawn for scripts"))
    return collect(world, agent.policy, tasks)


def states_of(agent: Agent) -> int:
    assert isinstance(agent.policy, Scripted)
    return len(agent.policy._states)


@pytest.mark.parametrize(
    ("name", "line"),
    [(name, line) for name, lines in (("pipeline", PIPELINE), ("react", REACT)) for line in lines.strip().split("\n")],
)
def test_writes_what_an_engineer_would(name: str, line: str) -> None:
    query, expected = line.split(" | ")
    assert written(lookup(name), query) == expected


def test_pipeline_is_always_right_at_the_least_cost() -> None:
    result = evaluate(lookup(num_values=3))
    assert all(row.solved == row.problems for row in result.rows)
    assert result.cost_over_best == pytest.approx(1.0, abs=1e-12)


def test_react_is_always_right_and_asks_both_branches() -> None:
    result = evaluate(lookup("react", num_values=3))
    assert all(row.solved == row.problems for row in result.rows)
    over = {row.name: row.cost / row.best_cost for row in result.rows if row.cost and row.best_cost}
    assert over["Tx?Uy:Vz"] > 1.3
    assert over["Tx*Uy"] == pytest.approx(1.0)


@pytest.mark.slow
@BOTH
def test_the_default_world_is_proven_with_few_states(name: str) -> None:
    agent = scripted(name, make("lookup-v0"))
    result = evaluate(agent)
    assert all(row.solved == row.problems for row in result.rows)
    assert (result.cost_over_best == pytest.approx(1.0)) == (name == "pipeline")
    assert states_of(agent) < 12_000  # 1,420 queries


@BOTH
def test_a_play_by_hand_writes_the_same_tokens(name: str) -> None:
    agent = lookup(name, fail=0.3, broken=0.2, sure_price=0.1, max_steps=16)
    assert isinstance(agent.policy, Scripted)
    rollout, script, world = drawn(agent, 80), agent.policy.script, agent.world
    prompts, shown = world.prompt(rollout.tasks)
    assert isinstance(world.settings, LookupSettings)
    for row, task in enumerate(world.describe(rollout.tasks)):
        twin, tokens = ScalarLookup.from_task(world.settings, task), []
        state = script.begin(tuple(prompts[row][shown[row]].tolist()), int(world.stage(rollout.tasks)[row]))
        while not twin.ended:
            token = twin.forced() if twin.forced() != CHOICE else script.write(state)
            assert token in twin.legal()
            tokens.append(token)
            twin.step(token)
            state = script.read(state, token)
        assert tokens == rollout.tokens[row][rollout.live[row]].tolist()
        assert twin.success == rollout.success[row]


FAILING = {"fail": 0.5, "broken": 0.2, "sure_price": 0.1, "max_steps": 16}
BROKEN_F = {"broken": [1, 0, 0]}
BROKEN = {"broken": [1, 1, 0]}


@pytest.mark.parametrize(
    ("query", "retries", "hidden", "expected"),
    [
        ("F 3", 2, {"fails": [1, 0]}, "F 3 > ERR F 3 > 1 ANS 1"),
        ("F 3", 2, BROKEN_F, "F 3 > ERR F 3 > ERR F 3 > ERR F! 3 > 1 ANS 1"),
        ("F 3", 0, BROKEN_F, "F 3 > ERR F! 3 > 1 ANS 1"),
        # A tool that was given up is not tried again.
        ("F F 3", 1, BROKEN_F, "F 3 > ERR F 3 > ERR F! 3 > 1 F! 1 > 0 ANS 0"),
        # Of the last tokens none is risked: G is given up after two errors.
        ("G F 3", 2, BROKEN, "F 3 > ERR F 3 > ERR F 3 > ERR F! 3 > 1 G 1 > ERR G 1 > ERR G! 1 > 4 ANS 4"),
    ],
)
def test_retries_and_then_takes_the_backup(
    query: str, retries: int, hidden: dict[str, list[int]], expected: str
) -> None:
    agent = lookup(options={"retries": retries}, **FAILING)
    calls = agent.world.settings.to_dict()["max_steps"] // 2
    fails = [*hidden.get("fails", []), *[0] * calls][:calls]
    assert written(agent, query, {"broken": [0, 0, 0], **hidden, "fails": fails}) == expected


def test_without_a_backup_it_gives_up_and_answers_its_best_guess() -> None:
    told = make("lookup-v0", queries=KINDS, broken=0.2)
    untold = replace(lookup(), world=told)
    assert written(untold, "F 3 ? 2 : 4", BROKEN_F) == "F 3 > ERR F 3 > ERR F 3 > ERR ANS 4"
    assert written(scripted("react", told), "F 3", BROKEN_F).count("ERR") == 5  # until the budget is spent


def test_a_small_budget_ends_in_a_guess_and_not_in_a_call() -> None:
    assert written(lookup(max_steps=5), "F G 3") == "ANS 3"
    assert written(lookup(max_steps=6, broken=0.2), "F G 3", BROKEN_F) == "G 3 > 2 F 2 > ERR ANS 2"


def test_votes_outvote_a_lie_while_the_budget_lasts() -> None:
    lies = {"lies": [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]}
    agent = lookup(options={"votes": 3}, lie=0.1, max_steps=20)
    assert written(agent, "F 3", lies) == "F 3 > 2 F 3 > 1 F 3 > 1 ANS 1"
    assert written(agent, "G F 3", lies) == "F 3 > 2 F 3 > 1 F 3 > 1 G 1 > 4 G 1 > 4 ANS 4"
    lies = {"lies": [1, 2, 0, 0, 0, 0, 0, 0, 0, 0]}
    assert written(agent, "F 3", lies) == "F 3 > 2 F 3 > 3 F 3 > 1 F 3 > 1 ANS 1"  # until two are alike
    short = lookup(options={"votes": 3}, lie=0.1, max_steps=8)
    assert written(short, "G F 3", {"lies": [0, 0, 0, 0]}) == "F 3 > 1 F 3 > 1 G 1 > 4 ANS 4"
    untold = replace(lookup(max_steps=20), world=agent.world)
    assert written(untold, "F 3", lies) == "F 3 > 2 ANS 2"  # it takes answers for true


def test_more_votes_are_right_more_often_where_tools_lie() -> None:
    one, three = (drawn(lookup(options={"votes": votes}, lie=0.1, max_steps=29), 400) for votes in (1, 3))
    assert float(three.success.double().mean()) > 0.93 > 0.88 > float(one.success.double().mean())


def test_what_is_documented_of_lies_decides_how_it_asks() -> None:
    """Without an option: votes where calls lie, and sure calls where tools are stale and the price is right."""
    lies = {"lies": [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]}
    assert written(lookup(lie=0.1, max_steps=20), "F 3", lies) == "F 3 > 2 F 3 > 1 F 3 > 1 ANS 1"
    stale = {"stale": [1, 0, 0], "drift": [1] * len(TABLE)}
    cheap, dear = (lookup(stale=0.5, price=0.01, sure_price=price) for price in (0.5, 0.52))
    assert written(cheap, "G F 3", stale) == "F! 3 > 1 G! 1 > 4 ANS 4"
    assert written(dear, "F 3", stale) == "F 3 > 2 ANS 2"
    assert written(lookup(stale=0.5), "F 3", stale) == "F 3 > 2 ANS 2", "There are no sure calls."
    untold = replace(lookup(price=0.01, sure_price=0.03), world=cheap.world)
    assert written(untold, "F 3", stale) == "F 3 > 2 ANS 2"


@pytest.mark.parametrize("votes", [0, 2, -1])
def test_an_even_number_of_votes_is_refused(votes: int) -> None:
    with pytest.raises(UserError, match=f"votes = {votes} decide nothing"):
        lookup(options={"votes": votes})


@pytest.mark.parametrize(
    ("query", "force", "expected"),
    [
        # Another tool was opened: a branch that may come next, and that is not asked again.
        ("F 3 ? G 1 : F 1", {0: "G"}, "G 1 > 4 F 3 > 1 ANS 4"),
        # Another cell was asked: useless, and the plan goes on.
        ("F 3 ? G 1 : F 1", {1: "0"}, "F 0 > 2 F 3 > 1 G 1 > 4 ANS 4"),
        # The sure tool does as well.
        ("G F 3", {0: "F!"}, "F! 3 > 1 G 1 > 4 ANS 4"),
        # The answer was opened: what is known so far is its best guess.
        ("F 3 ? 1 : 2", {0: "ANS"}, "ANS 2"),
        # Of an argument no call can use, the call is brought to its end.
        ("F 3 * G 0", {7: "0"}, "F 3 > 1 G 0 > 3 * 0 1 > 2 * 1 3 > 2 ANS 2"),
    ],
)
def test_goes_on_from_what_really_was_written(query: str, force: dict[int, str], expected: str) -> None:
    assert written(lookup(max_steps=20, sure_price=0.1), query, force=force) == expected


@BOTH
@pytest.mark.parametrize("masks", [True, False])
def test_is_right_after_any_token_but_an_answer(name: str, masks: bool) -> None:
    agent = lookup(name, max_steps=20, sure_price=0.1, masks=masks)
    own, luck = drawn(agent, 500), stream(0, "strays of scripts")
    column = torch.rand(own.tokens.shape, generator=luck).masked_fill(~(own.live & own.chosen), -1).argmax(1)[:, None]
    token = torch.randint(ANS if masks else 0, len(agent.world.vocabulary), (len(column), 1), generator=luck)
    columns = torch.arange(own.tokens.shape[1])
    force = torch.where(columns == column, token, torch.where(columns < column, own.tokens, -1))
    answered = (token == ANS) | (own.tokens.gather(1, (column - 1).clamp(min=0)) == ANS)
    tried = ~answered[:, 0]
    after = collect(agent.world, agent.policy, own.tasks, hooks=Hooks(force=force))
    assert int(tried.sum()) > 300
    assert bool(own.success.all())
    assert bool(after.success[tried].all())
