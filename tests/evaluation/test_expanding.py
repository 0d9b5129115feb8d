"""Exact evaluation against a run on every hidden table, every set of broken tools and every pattern of failures."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

import inwit
from hashed import Hashed, Patient
from inwit.core.errors import UserError
from inwit.core.types import Expectation, Rollout, Tasks
from inwit.evaluation import expanding
from inwit.evaluation.expanding import expand, never_wrong
from inwit.evaluation.totals import Totals
from inwit.rollout.collect import collect
from support import first_fast, small_policy

FAILING = {"fail": 0.5, "broken": 0.25, "sure_price": 0.1}
SMALL = {"num_values": 2, "num_tools": 1, "max_steps": 6}
EVERY = {"queries": ("Tx", "TUx", "Tx?y:z", "Tx?Uy:Vz", "Tx*Uy")}
SETTINGS: list[dict[str, Any]] = [
    {**SMALL, **FAILING, **EVERY},
    {**SMALL, **EVERY, "num_tools": 2, "max_steps": 8},
    {**SMALL, **EVERY, "lie": 0.25, "sure_price": 0.1, "fail": 0.25},
    {**SMALL, **EVERY, "stale": 0.375, "sure_price": 0.05, "broken": 0.125},
    {**SMALL, **FAILING, "masks": False, "queries": ("TUx", "Tx*Uy")},
    {"num_values": 3, "num_tools": 2, "max_steps": 6, "queries": ("Tx", "TUx"), "fail": 0.5, "sure_price": 0.1},
    {"num_values": 3, "num_tools": 1, "max_steps": 9, "queries": ("TUx", "TUVx", "Tx?Uy:Vz"), "broken": 0.25},
    {"num_values": 3, "num_tools": 1, "max_steps": 6, "queries": ("TUx",), **FAILING, "lie": 0.25},
    {"num_values": 3, "num_tools": 1, "max_steps": 6, "queries": ("TUx",), "stale": 0.25, "sure_price": 0.1},
]
# The same with a table of n x n cells that is asked: too many worlds for a fast test.
LARGE: list[dict[str, Any]] = [
    {**SMALL, **EVERY, **FAILING, "lie": 0.25, "stale": 0.25},
    {"num_values": 3, "num_tools": 1, "max_steps": 9, "queries": ("Tx*Uy", "Tx")},
]
NEVER = dict.fromkeys(("*", "*!"), -10.0)


@pytest.mark.parametrize("seed", first_fast(range(4), 1))
@pytest.mark.parametrize("peaked", [False, True])
@pytest.mark.parametrize("settings", [*SETTINGS, *(pytest.param(s, marks=pytest.mark.slow) for s in LARGE)], ids=str)
def test_against_every_hidden_world(settings: dict[str, Any], peaked: bool, seed: int) -> None:
    world: Any = inwit.make("lookup-v0", **settings)
    asks_star = settings["num_values"] == 2 or "Tx*Uy" in settings["queries"]
    bias = {"ANS": 0.4 if peaked else 0.0} | ({} if asks_star else NEVER)
    check(world, Hashed(world, seed, bias), asks_star)


@pytest.mark.parametrize("seed", first_fast(range(4), 1))
@pytest.mark.parametrize("settings", first_fast(SETTINGS[:4], 1), ids=str)
def test_a_network_against_every_hidden_world(settings: dict[str, Any], seed: int) -> None:
    world: Any = inwit.make("lookup-v0", **settings)
    check(world, small_policy("gru", world, seed), asks_star=True)


def check(world: Any, policy: Any, asks_star: bool) -> None:
    queries = world.all_tasks(list(range(len(world.kinds))))
    found, hidden, weight = expand(world, policy, queries), *hidden_worlds(world, asks_star)
    assert float(weight.sum()) == pytest.approx(1)
    # Every hidden world, but where that is more than two million runs, not of every query.
    for place in range(0, len(queries), 1 + len(queries) * len(weight) // 2_000_000):
        query = queries[torch.full((len(weight),), place)]
        drawn = world.draw(Tasks(query.kind, query.data | hidden), torch.Generator())
        rollout = collect(world, policy, drawn)
        if not asks_star:
            star = [world.vocabulary.id(name) for name in NEVER]
            assert not bool((torch.isin(rollout.tokens, torch.tensor(star)) & rollout.live).any())
        for name, value in brute(world, rollout, weight).items():
            of_query = value_of(found, name)[place]
            assert abs(float(of_query - value)) <= 1e-12, f"{name} of {world.describe(queries)[place]}"
    assert bool((found.unexpanded == 0).all())


def hidden_worlds(world: Any, asks_star: bool) -> tuple[dict[str, Tensor], Tensor]:
    """Every hidden part that can be, and its probability. What the agent never asks, `*` and its cells, may be left at
    0 if no query has it."""
    settings = world.settings
    ranges, names = [], []
    for name, (size, least, most, chance) in settings.hidden_sizes().items():
        for place in range(size):
            names.append(name)
            tool = settings.tool_of(place) if name in ("table", "drift") else place
            of_star = name in ("table", "drift", "broken", "stale") and tool == settings.num_tools
            if chance == 0.0 or (of_star and not asks_star):
                ranges.append([(least, 1.0)])
            elif chance != chance:
                ranges.append([(value, 1 / (most - least + 1)) for value in range(least, most + 1)])
            else:
                other = [(value, chance / most) for value in range(1, most + 1)]
                ranges.append([(0, 1 - chance), *other])
    values = torch.tensor([[value for value, _ in each] for each in product(*ranges)], dtype=torch.int8)
    weight = torch.ones(1, dtype=torch.float64)
    for each in ranges:
        weight = (weight[:, None] * torch.tensor([share for _, share in each], dtype=torch.float64)).flatten()
    parts = {name: values[:, [at for at, other in enumerate(names) if other == name]] for name in names}
    return parts, weight


def brute(world: Any, rollout: Rollout, weight: Tensor) -> dict[str, Tensor]:
    """What happens on all hidden worlds together."""
    taken = rollout.live & rollout.chosen
    stream = rollout.tokens.masked_fill(~rollout.live, -1)
    _, same = stream.unique(dim=0, return_inverse=True)
    doubted = torch.bincount(same[~rollout.success], minlength=int(same.max()) + 1) > 0
    prices = {"calls": world.settings.price, "sure_calls": world.settings.sure_price - world.settings.price}
    paid = sum(price * rollout.counts[name].double() for name, price in prices.items())
    found = {
        "success": rollout.success,
        "reward": rollout.success.double() - paid,
        "luck": rollout.success & doubted[same],
        "steps": taken.sum(1),
        **rollout.counts,
    }
    return {name: (weight * value.double()).sum() for name, value in found.items()}


def value_of(found: Expectation, name: str) -> Tensor:
    return found.counts[name] if name in found.counts else getattr(found, name)


def test_a_memory_that_is_no_dict_is_refused_in_one_line() -> None:
    world: Any = inwit.make("lookup-v0", num_values=3, queries=("Tx",))
    bare = Bare(world)
    for run in (
        lambda: expand(world, bare, world.all_tasks([0])),
        lambda: collect(world, bare, world.sample(ZERO, SEED)),
    ):
        with pytest.raises(UserError, match=r"memory is a Tensor: .* a dict of tensors") as refused:
            run()
        assert "\n" not in str(refused.value)


class Bare(Hashed):
    """A script whose memory is a tensor."""

    def __init__(self, world: Any) -> None:
        super().__init__(world, 0, {})

    def begin(self, *prompt: Tensor) -> Any:
        output, _ = super().begin(*prompt)
        return output, output.value


ZERO, SEED = torch.zeros(1, dtype=torch.int64), torch.Generator()
DEEP = {"num_values": 5, "max_steps": 12, **FAILING}


def deep(**settings: Any) -> tuple[Any, Any, Tasks]:
    """A world in which an agent that answers late has very many leaves, such an agent, and some queries."""
    world: Any = inwit.make("lookup-v0", **{**DEEP, "queries": ("TUx", "Tx*Uy"), **settings})
    return world, Hashed(world, 3, {}), world.all_tasks([0, 1])[::17]


def test_the_size_of_a_block_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world, policy, queries = deep(max_steps=8)
    whole = expand(world, policy, queries)
    monkeypatch.setattr("inwit.evaluation.expanding.ROWS", 37)
    cut = expand(world, policy, queries)
    assert int(whole.leaves.sum()) > 10 * 37
    for name in ("leaves", "wrong"):
        assert torch.equal(getattr(whole, name), getattr(cut, name))
    for name in ("success", "luck", "reward", "uses", "unexpanded"):
        torch.testing.assert_close(getattr(whole, name), getattr(cut, name), rtol=0, atol=1e-13)


def test_what_is_not_expanded_is_an_interval_that_holds_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    world, policy, queries = deep(max_steps=8)
    truth = expand(world, policy, queries)
    few = expand(world, policy, queries, leaves=1)
    assert bool((truth.unexpanded == 0).all())
    assert bool((few.unexpanded > 0).any())
    assert int(few.leaves.sum()) < int(truth.leaves.sum()) / 2
    assert bool((few.success <= truth.success + 1e-12).all())
    assert bool((few.success + few.unexpanded >= truth.success - 1e-12).all())
    monkeypatch.setattr("inwit.evaluation.expanding.ROWS", 37)
    assert torch.equal(expand(world, policy, queries, leaves=1).leaves, few.leaves), "what is left out is the same"


def test_all_rounds_together_follow_no_more_leaves_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    world, policy, queries = deep()
    rounds: list[Totals] = []

    class Kept(Totals):
        def __init__(self, *about: Any) -> None:
            super().__init__(*about)
            rounds.append(self)

    monkeypatch.setattr("inwit.evaluation.expanding.Totals", Kept)
    monkeypatch.setattr(
        "inwit.evaluation.expanding.FALL", 0.5
    )  # many rounds: of each the next one's size is known well
    expand(world, policy, queries, leaves=20_000)
    assert len(rounds) > 2
    assert 10_000 < sum(int(each.leaves.sum()) for each in rounds) <= 20_000


@pytest.mark.parametrize("masks", first_fast([False, True], 1), ids=["none", "masks"])
def test_against_sampled_episodes(masks: bool) -> None:
    world, policy, _ = deep(num_values=10, queries=("TUx", "Tx?Uy:Vz"), masks=masks)
    queries = world.all_tasks([0, 1])[::400]
    found, times = expand(world, policy, queries, leaves=2**20), 1000
    tasks = world.draw(queries.repeat_interleave(times), torch.Generator().manual_seed(1))
    rollout = collect(world, policy, tasks)
    samples = {
        "success": rollout.success,
        "steps": (rollout.live & rollout.chosen).sum(1),
        "invalid": (rollout.live & rollout.chosen & ~legal_tokens(world, rollout)).sum(1),
        **rollout.counts,
    }
    left_out = found.unexpanded.max()
    for name, sampled in samples.items():
        rows = sampled.double().view(-1, times)
        error = rows.std(1).mean() / (len(rows) * times) ** 0.5
        gap = abs(float(rows.mean() - value_of(found, name).mean()))
        assert gap <= 4.5 * float(error) + 12 * float(left_out) + 1e-12, name


def legal_tokens(world: Any, rollout: Rollout) -> Tensor:
    """Of each token of a rollout whether it was legal. A rollout without masks records all tokens as legal."""
    state, legal = world.reset(rollout.tasks), []
    for token in rollout.tokens.unbind(1):
        legal.append(world.legal(state).gather(1, token[:, None])[:, 0])
        state, _ = world.step(state, token)
    return torch.stack(legal, 1)


def test_where_a_row_is_left_out_a_right_one_beside_it_may_be_lucky(monkeypatch: pytest.MonkeyPatch) -> None:
    """`F F 0` is 0 where F(0) = 0, a fifth; of the other values of F(0) nothing is followed."""
    monkeypatch.setattr("inwit.evaluation.expanding.FIRST_FLOOR", 0.25)
    world: Any = inwit.make("lookup-v0", num_values=5, queries=("TUx",))
    found = expand(world, Hashed(world, 0, {"ANS": 9.0, "0": 9.0}), world.task({"query": "F F 0"}), leaves=1)
    assert found.leaves.tolist() == [1]
    assert float(found.unexpanded) == pytest.approx(0.8)
    assert float(found.luck) == pytest.approx(0.2)


def test_never_wrong_is_what_counting_leaves_finds() -> None:
    world: Any = inwit.make("lookup-v0", num_values=5, queries=("Tx",))
    queries = world.all_tasks([0])
    guess = Hashed(world, 0, {"ANS": 9.0, "0": 9.0})
    assert not never_wrong(world, guess, queries)
    found = expand(world, guess, queries)
    assert found.wrong.tolist() == [4] * 10
    torch.testing.assert_close(found.luck, torch.full((10,), 0.2, dtype=torch.float64))
    assert never_wrong(world, Patient(world, 1), queries)
    assert expand(world, Patient(world, 1), queries).proven.all()


def patient_and_half_known() -> tuple[Any, Any, Tasks]:
    """An agent that is always right, and queries of which every other one holds no surprise: so it has one leaf."""
    world: Any = inwit.make("lookup-v0", **DEEP, queries=("Tx",))
    queries = world.all_tasks([0])
    for name in ("table", "broken", "fails"):
        queries.data[name][::2] = 0
    return world, Patient(world, 3), queries


def test_always_right_as_far_as_it_was_followed_is_not_always_right() -> None:
    world, policy, queries = patient_and_half_known()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expanding, "FIRST_FLOOR", 0.5)
        found = expand(world, policy, queries, leaves=1)
    assert found.proven.tolist() == [True, False] * 5
    assert bool((found.success[::2] == 1).all())
    assert bool((found.success[1::2] < 0.99).all())
    torch.testing.assert_close(found.success + found.unexpanded, torch.ones(10, dtype=torch.float64))


def test_never_wrong_follows_only_what_is_open_and_gives_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[expanding.Totals] = []

    class Kept(expanding.Totals):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            rounds.append(self)

    monkeypatch.setattr(expanding, "Totals", Kept)
    monkeypatch.setattr(expanding, "FIRST_FLOOR", 0.5)
    world, policy, queries = patient_and_half_known()
    assert never_wrong(world, policy, queries)
    assert [len(each.leaves) for each in rounds] == [10] + [5] * (len(rounds) - 1), "what is known is not asked again"
    unfinished = [int(each.leaves[each.unexpanded > 0].sum()) for each in rounds]
    assert sum(unfinished) > 0
    # So many leaves are enough for each round alone, and not after those that were followed before.
    monkeypatch.setattr(expanding, "LEAVES", int(max(unfinished) / expanding.FALL))
    assert not never_wrong(world, policy, queries)
    monkeypatch.setattr(expanding, "LEAVES", int(max(unfinished) / expanding.FALL) + 10_000)
    assert never_wrong(world, policy, queries)


def test_an_answer_that_nothing_can_change_is_no_luck() -> None:
    """`F 0 ? 1 : 1` is 1 whatever F answers: who says so at once is right, and was not lucky."""
    world: Any = inwit.make("lookup-v0", num_values=3, num_tools=1, queries=("Tx?y:z",))
    found = expand(world, Hashed(world, 0, {"ANS": 9.0, "1": 9.0}), world.all_tasks([0]))
    by_query = dict(
        zip((task["query"] for task in world.describe(world.all_tasks([0]))), found.luck.tolist(), strict=True)
    )
    assert by_query["F 0 ? 1 : 1"] == 0.0
    assert by_query["F 0 ? 1 : 0"] == pytest.approx(1 / 3)
    assert by_query["F 0 ? 0 : 0"] == 0.0
