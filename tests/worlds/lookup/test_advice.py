"""What an explanation of an episode knows at each moment."""

from __future__ import annotations

import copy
import random
from fractions import Fraction
from typing import Any

import pytest
import torch

from inwit import worlds
from inwit.core.errors import UserError
from inwit.core.results import Advice
from inwit.worlds.lookup import searches
from inwit.worlds.standing import standing
from support import make_world

# F, then G, then `*`, of three values each.
TABLE = [1, 0, 2, 2, 2, 0, 0, 1, 2, 1, 1, 1, 2, 0, 0]


def told(query: str, tokens: str, **settings: Any) -> list[Advice]:
    """The advice before the first token and after each of the stream."""
    world = make_world("lookup-v0", num_values=3, **settings)
    task = {"query": query, "table": TABLE, **{name: [0] * 3 for name in ("broken", "stale") if name in settings}}
    task |= {"fails": [0, 1, 0, 0, 0]} if "fail" in settings else {}
    task |= {"drift": [1] * 15} if "stale" in settings else {}
    twin = worlds.make_scalar("lookup-v0", task, **world.settings.to_dict())
    found = [world.advice(twin)]
    for token in world.vocabulary.ids(tokens.split()):
        twin.step(token)
        found.append(world.advice(twin))
    return found


def rows(advice: list[Advice]) -> list[tuple[Any, ...]]:
    return [tuple(each.facts.values()) for each in advice]


def test_what_was_asked_answered_known_and_is_needed() -> None:
    found = told("G F 1", "F 1 0 G 0 2 ANS 2")
    assert list(found[0].facts) == ["asked", "answered", "known", "needed"]
    both = {"F 1": 0, "G 0": 2}
    assert rows(found) == [
        (None, None, {}, "F 1"),
        ("F", None, {}, "F 1"),
        ("F 1", None, {}, "F 1"),
        ("F 1", 0, {"F 1": 0}, "G 0"),
        ("G", None, {"F 1": 0}, "G 0"),
        ("G 0", None, {"F 1": 0}, "G 0"),
        ("G 0", 2, both, None),
        (None, None, both, None),
        (None, None, both, None),
    ]


def test_two_terms_and_a_call_of_two_arguments() -> None:
    found = told("F 0 * G 2", "F 0 1 G 2 0 * 1 0 1 ANS 1")
    needed = [each.facts["needed"] for each in found]
    assert (needed[0], needed[3], needed[6], needed[-1]) == ("F 0, G 2", "G 2", "* 1 0", None)
    assert [each.facts["asked"] for each in found[7:10]] == ["*", "* 1", "* 1 0"]
    assert found[-1].facts["known"] == {"F 0": 1, "G 2": 0, "* 1 0": 1}


@pytest.mark.parametrize(("query", "call"), [("F 1 & G 1", "F 1 0"), ("F 2 & G 2", "G 2 0")])
def test_the_lesser_of_0_and_anything_is_known(query: str, call: str) -> None:
    """Nothing is less than 0: one call tells the value, and the verdict waits for no cell."""
    found = told(query, f"{call} ANS 0", queries=("Tx&Uy",))
    assert (found[0].facts["needed"] is None, found[3].facts["needed"]) == (False, None)
    twin = worlds.make_scalar("lookup-v0", {"query": query}, num_values=3, queries=("Tx&Uy",))
    world: Any = make_world("lookup-v0", num_values=3, queries=("Tx&Uy",))
    state = world.reset(world.task({"query": query}))
    for token in world.vocabulary.ids(f"{call} ANS 0".split()):
        twin.step(token)
        state, step = world.step(state, torch.tensor([token]))
    assert (twin.terminated, twin.success) == (bool(step.terminated), bool(step.success)) == (True, True)


def test_errors_and_sure_calls() -> None:
    found = told("F 1", "F 1 0 F 1 ERR F! 1 0", fail=0.5, sure_price=0.1, broken=0.2)
    assert [(each.facts["asked"], each.facts["answered"]) for each in (found[6], found[9])] == [
        ("F 1", "ERR"),
        ("F! 1", 0),
    ]


def test_where_answers_may_be_wrong_they_are_not_known() -> None:
    found = told("F 1", "F 1 1 F! 1 0 ANS 0", stale=0.5, sure_price=0.1)
    assert (found[3].facts["answered"], found[3].facts["known"], found[3].facts["needed"]) == (1, {}, "F 1")
    assert (found[6].facts["known"], found[6].facts["needed"]) == ({"F 1": 0}, None)
    assert all(bool(each.values) == (place not in (2, 5, 8)) for place, each in enumerate(found))
    chain = told("F F 1", "F 1 1 ANS 0", stale=0.5, sure_price=0.1)  # a kind whose optimum is not claimed there
    assert all((each.values, each.best) == ({}, []) for each in chain)


def test_values_are_exact_and_stand_where_the_agent_chooses() -> None:
    found = told("F 1", "F 1 0 ANS 0")
    ids = make_world("lookup-v0", num_values=3).vocabulary.ids
    ask, answer = ids(["F", "ANS"])
    assert found[0].values[ask] == Fraction(98, 100)
    assert found[0].values[answer] == Fraction(1, 3)
    assert [bool(each.values) for each in found] == [True, True, False, True, True, False]
    assert [each.best for each in found] == [[ask], ids(["1"]), [], [answer], ids(["0"]), []]
    assert found[4].values == dict(zip(ids(["0", "1", "2"]), map(Fraction, (1, 0, 0)), strict=True))


def test_without_masks_tokens_without_effect_are_not_called_best() -> None:
    """With steps to spare they cost nothing, but nothing is gained by them."""
    first = told("F 1", "", masks=False)[0]
    assert len(first.values) > len(first.best) == 1


def test_values_that_may_be_too_low_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "MOST_STATES", 10)
    [first] = told("G F 1", "", price=0.0213)  # nothing is kept of this price
    assert (first.values, first.best, first.facts["needed"]) == ({}, [], "F 1")
    with pytest.raises(UserError, match="G F 1: the optimum of this task is too large to be proven; a lower max_steps"):
        standing("lookup-v0", {"query": "G F 1"}, [], num_values=3, price=0.0213)


@pytest.mark.parametrize("query", ["G G 0", "F 1 ? G 2 : F 0", "F 1 * G 0"])
@pytest.mark.parametrize("settings", [{}, {"fail": 0.5, "broken": 0.2, "sure_price": 0.1}])
def test_moments_that_are_called_alike_are(query: str, settings: dict[str, Any]) -> None:
    """What a table of advice relies on: same values, same changes of the facts, and alike again after each token."""
    world, draws = make_world("lookup-v0", num_values=3, max_steps=9, **settings), random.Random(0)
    seen: dict[tuple[object, ...], dict[int, object]] = {}
    met = 0
    for _ in range(120):
        twin = worlds.make_scalar("lookup-v0", {"query": query}, **world.settings.to_dict())
        while not twin.ended:
            advice, legal = world.advice(twin), twin.legal()
            follows = {}
            for token in legal:
                then = copy.deepcopy(twin)
                then.step(token)
                after = world.advice(then)
                changed = {name: fact for name, fact in after.facts.items() if fact != advice.facts[name]}
                if "known" in changed:
                    changed["known"] = {
                        each for each in after.facts["known"].items() if each[0] not in advice.facts["known"]
                    }
                follows[token] = advice.values.get(token), changed, after.alike
            found = seen.setdefault((advice.alike, *legal), follows)
            met += found is not follows
            assert found == follows
            twin.step(draws.choice(legal))
    assert met > 200


def test_where_all_that_was_heard_matters_nothing_is_alike() -> None:
    for settings in ({"lie": 0.1, "sure_price": 0.1}, {"masks": False}):
        twin = worlds.make_scalar("lookup-v0", {"query": "F 1"}, **settings)
        assert make_world("lookup-v0", **settings).advice(twin).alike is None
