"""Yardsticks of lookup-v0: against every query of a kind, and against policies that are played out one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction

import pytest

from inwit.core.results import EXACT, NOT_SEARCHED
from inwit.core.vocabulary import CHOICE
from inwit.worlds.lookup import searches
from inwit.worlds.lookup.beliefs import exact
from inwit.worlds.lookup.queries import TEMPLATES, queries_of
from inwit.worlds.lookup.rules import ANS, PAD, LookupSettings
from inwit.worlds.lookup.scalar import ScalarLookup
from inwit.worlds.lookup.searches import root
from inwit.worlds.lookup.yardsticks import Score, class_of, classes_of, mean_least_calls, scores, yardsticks


def test_classes_stand_for_all_queries() -> None:
    settings = LookupSettings(queries=tuple(TEMPLATES), num_tools=3)
    for kind, template in enumerate(settings.queries):
        every = Counter(root(settings, query) for query in queries_of(template, 3, 5))
        found: Counter[object] = Counter()
        for query, count in classes_of(settings, kind):
            found[root(settings, query)] += count
        assert found == every


def played(twin: ScalarLookup, policy: Callable[[ScalarLookup], dict[int, Fraction]]) -> Score:
    """A policy's exact score from an episode on, token by token: nothing is drawn, all that may come is tried."""
    if twin.ended:
        prices = exact(twin.settings.price) * (twin.counts["calls"] - twin.counts["sure_calls"])
        prices += exact(twin.settings.sure_price) * twin.counts["sure_calls"]
        success = Fraction(twin.success)
        return Score(success, Fraction(twin.counts["calls"]), success - prices)
    total = Score(Fraction(0), Fraction(0), Fraction(0))
    for token, chance in (policy(twin) if twin.forced() == CHOICE else twin.chance()).items():
        then = deepcopy(twin)
        then.step(token)
        total = Score(*(sum_ + chance * part for sum_, part in zip(total, played(then, policy), strict=True)))
    return total


def at_random(twin: ScalarLookup) -> dict[int, Fraction]:
    legal = twin.legal()
    return dict.fromkeys(legal, Fraction(1, len(legal)))


@pytest.mark.parametrize("changed", [{}, {"sure_price": 0.1, "fail": 0.5}])
def test_the_random_policy_is_that_of_the_world(changed: dict[str, float]) -> None:
    settings = LookupSettings(num_values=3, num_tools=1, max_steps=5, queries=("Tx",), **changed)
    assert scores(settings, 0)["random"] == played(ScalarLookup.from_task(settings, {"query": "F 1"}), at_random)


@pytest.mark.parametrize(
    ("changed", "calls", "success"), [({}, 2.15625, 0.14609375), ({"num_values": 10}, 2.15625, 0.073046875)]
)
def test_the_random_policy_of_the_default(changed: dict[str, int], calls: float, success: float) -> None:
    found = yardsticks(LookupSettings(**changed), 3)["random"]
    assert (found.known, found.success, found.cost) == (EXACT, success, calls)


def greedily(twin: ScalarLookup) -> dict[int, Fraction]:
    """`F x`, once, if it is worth its price of at most 1 - 1/n; then the answer. For the kind `Tx` alone."""
    settings, (opened, _) = twin.settings, twin.pending
    value = twin.problem.query.terms[0].value
    if opened == PAD:
        return {ANS if twin.heard else settings.vocabulary.id("F"): Fraction(1)}
    return {settings.first_value + ((twin.heard[0].value or 0) if opened == ANS else value): Fraction(1)}


def test_the_greedy_policy_asks_once_and_answers() -> None:
    settings = LookupSettings(num_values=5, queries=("Tx", "TUx"))
    assert scores(settings, 0)["greedy"] == played(ScalarLookup.from_task(settings, {"query": "F 1"}), greedily)
    blind = scores(settings, 1)["blind"]  # the first of two calls tells too little to be worth its price
    assert scores(settings, 1)["greedy"] == blind == (Fraction(7, 25), 0, Fraction(7, 25))


@pytest.mark.parametrize("changed", [{}, {"num_values": 10}, {"fail": 0.5, "broken": 0.2, "sure_price": 0.1}])
def test_yardsticks_are_in_order(changed: dict[str, float]) -> None:
    settings = LookupSettings(**{"max_steps": 12, **changed})  # pyright: ignore[reportArgumentType]
    for kind, template in enumerate(settings.queries[:5]):
        found = scores(settings, kind)
        assert found["oracle"].value >= found["greedy"].value >= found["blind"].value, template
        assert found["blind"].value > found["random"].value, template
        assert "of all policies" in yardsticks(settings, kind)["oracle"].why, template
        if not settings.fail:
            assert found["oracle"].calls == mean_least_calls(settings, kind), template


@pytest.mark.slow
def test_a_search_that_grows_too_large_is_not_called_proven() -> None:
    settings = LookupSettings(fail=0.5, broken=0.2, sure_price=0.1, max_steps=40, queries=("TUVx",))
    assert "not proven" in yardsticks(settings, 0)["oracle"].why


def test_a_kind_is_proven_where_each_of_its_queries_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`G F x` takes some 600 states, `F F x` some 1300."""
    for most, words in ((400, "not proven"), (1000, "not proven"), (2000, "of all policies")):
        monkeypatch.setattr(searches, "MOST_STATES", most)
        price = 0.03 + most / 1e6  # nothing of these settings is kept
        settings = LookupSettings(price=price, fail=0.5, broken=0.2, sure_price=0.1, max_steps=16, queries=("TUx",))
        assert words in yardsticks(settings, 0)["oracle"].why


def test_the_greedy_policy_does_not_call_for_nothing() -> None:
    """At this price a call and an answer are worth as much as an answer now."""
    settings = LookupSettings(price=0.8, queries=("Tx",))
    assert scores(settings, 0)["greedy"] == (Fraction(1, 5), 0, Fraction(1, 5))


def test_where_answers_may_be_wrong_the_optimum_is_not_claimed() -> None:
    found = yardsticks(LookupSettings(lie=0.1), 4)
    assert found["oracle"].known == found["greedy"].known == NOT_SEARCHED
    assert "is claimed for queries of the kinds Tx" in found["oracle"].why
    assert found["blind"].success == 0.2


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_query_is_of_one_class(template: str) -> None:
    settings = LookupSettings(num_values=4, num_tools=3, queries=(template,))
    found = Counter(class_of(query) for query in queries_of(template, 3, 4))
    assert found == dict(classes_of(settings, 0))
