"""The optimum where answers may be wrong, against all strategies over explicit hidden worlds."""

from __future__ import annotations

from copy import deepcopy
from fractions import Fraction
from random import Random

import pytest

from asking import query_of, settings_of
from inwit.core.errors import UserError
from inwit.core.results import EXACT, NOT_SEARCHED
from inwit.core.vocabulary import CHOICE
from inwit.worlds import make, make_scalar
from inwit.worlds.lookup.beliefs import Heard, exact
from inwit.worlds.lookup.deceived import FITTING
from inwit.worlds.lookup.oracle import best_value, patience, proven, token_values, value_of
from inwit.worlds.lookup.queries import queries_of
from inwit.worlds.lookup.rules import ANS, FIRST_TOOL, LookupSettings
from inwit.worlds.lookup.scalar import ScalarLookup
from inwit.worlds.lookup.turns import Situation
from inwit.worlds.lookup.yardsticks import scores, yardsticks
from lookup_deceived_brute import WithDeceit

N = 3
PRICE = 0.02
DECEITS = [
    {"lie": 0.1},
    {"lie": 0.3, "sure_price": 0.25},
    {"lie": 0.8},
    {"stale": 0.2, "sure_price": 0.2},
    {"stale": 0.5, "sure_price": 0.45},
    {"lie": 0.2, "stale": 0.3, "sure_price": 0.3},
    {"lie": 0.1, "stale": 0.1, "fail": 0.4, "broken": 0.2, "sure_price": 0.3},
    {"lie": 0.3, "fail": 0.3, "broken": 0.5},
]
QUERIES = ("F 1", "F 0 ? 1 : 2", "F 1 ? 0 : 0")


def brute_of(deceit: dict[str, float], k: int = 1) -> WithDeceit:
    return WithDeceit(N, k, **{name: exact(value) for name, value in deceit.items() if name != "sure_price"})


def prices_of(deceit: dict[str, float]) -> tuple[Fraction, Fraction]:
    return exact(PRICE), exact(deceit.get("sure_price", 0.0))


def compare(deceit: dict[str, float], k: int, budgets: tuple[int, ...]) -> None:
    brute, prices = brute_of(deceit, k), prices_of(deceit)
    for text in QUERIES:
        query, memo = query_of(text), {}
        for steps in budgets:
            settings = settings_of(num_values=N, num_tools=k, max_steps=steps, **deceit)
            best = brute.best(brute.values(query), prices, steps, memo, brute.start)
            assert best_value(settings, query) == best, (text, steps)


@pytest.mark.parametrize("deceit", DECEITS)
def test_equals_all_strategies(deceit: dict[str, float]) -> None:
    compare(deceit, 1, (4, 6, 7))


@pytest.mark.slow
@pytest.mark.parametrize("deceit", DECEITS)
def test_equals_all_strategies_with_three_calls(deceit: dict[str, float]) -> None:
    compare(deceit, 1, (8,))


@pytest.mark.slow
@pytest.mark.parametrize("deceit", DECEITS[1:6])
def test_equals_all_strategies_with_two_tools(deceit: dict[str, float]) -> None:
    compare(deceit, 2, (6,))


def heard_by_chance(brute: WithDeceit, sure: bool, random: Random, calls: int) -> tuple[tuple[Heard, ...], bytes]:
    """Some calls of any cells, and what is then believed."""
    heard, belief = [], brute.start
    for call in range(calls):
        cell, is_sure = random.randrange(N * brute.k), sure and random.random() < 0.5
        answer, _, belief = random.choice(brute.after(belief, cell, is_sure))
        heard.append(Heard(cell, is_sure, answer, call))
    return tuple(heard), belief


@pytest.mark.parametrize("deceit", DECEITS)
def test_token_values_whatever_was_heard_before(deceit: dict[str, float]) -> None:
    """Also where the truth of another cell tells whether the tool is stale."""
    settings = settings_of(num_values=N, num_tools=1, max_steps=10, **deceit)
    brute, prices, random = brute_of(deceit), prices_of(deceit), Random(0)
    first = settings.first_value
    for text in QUERIES[:2]:
        query, values, memo = query_of(text), brute.values(query_of(text)), {}
        for _ in range(6):
            calls = random.choice((2, 3))
            heard, belief = heard_by_chance(brute, prices[1] > 0, random, calls)
            steps = 10 - 6  # as if the calls had taken all but six tokens
            assert value_of(settings, query, Situation(heard, steps)) == brute.best(values, prices, 6, memo, belief)
            for sure in (False, True) if prices[1] else (False,):
                opened = settings.first_sure if sure else FIRST_TOOL
                found = token_values(settings, query, Situation(heard, steps, opened))
                for cell in range(N):
                    called = brute.called(values, prices, 4, memo, belief, cell, sure)
                    assert found[first + cell] == called, (text, heard, cell, sure)


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("kind", FITTING)
def test_token_values_are_those_of_the_world(kind: str, masks: bool) -> None:
    """Along random episodes: what is expected after a token and the world's answers is what the token is worth."""
    settings = LookupSettings(queries=(kind,), num_values=4, lie=0.2, stale=0.3, sure_price=0.1, masks=masks)
    random = Random(1)
    for _ in range(4):
        twin = ScalarLookup.from_task(settings, {"query": random.choice(list(queries_of(kind, 2, 4))).text})
        while not twin.ended:
            if twin.forced() != CHOICE:
                twin.step(random.choice(sorted(twin.chance())))
                continue
            values = token_values(settings, twin.problem.query, Situation.of(twin))
            assert sorted(values) == (twin.legal() if masks else list(range(len(settings.vocabulary))))
            token = random.choice(twin.legal())
            assert values[token] == after(settings, twin, token)
            twin.step(token)


def after(settings: LookupSettings, twin: ScalarLookup, token: int) -> Fraction:
    """The value after a token, from the world's chances and the values of the next tokens."""
    then = deepcopy(twin)
    paid, sure = then.counts["calls"], then.counts["sure_calls"]
    then.step(token)
    price = exact(settings.sure_price) if then.counts["sure_calls"] > sure else exact(settings.price)
    return expected(settings, then) - price * (then.counts["calls"] - paid)


def expected(settings: LookupSettings, twin: ScalarLookup) -> Fraction:
    if twin.ended:
        return Fraction(twin.success)
    if not (chances := twin.chance()):
        return value_of(settings, twin.problem.query, Situation.of(twin))
    total = Fraction(0)
    for token, share in chances.items():
        then = deepcopy(twin)
        then.step(token)
        total += share * expected(settings, then)
    return total


def test_values_by_hand() -> None:
    """One call and an answer, or a sure one: n = 5, no budget for more."""
    query = query_of("F 1")
    assert best_value(settings_of(lie=0.1, max_steps=4), query) == Fraction(9, 10) - Fraction(2, 100)
    assert best_value(settings_of(lie=0.3, sure_price=0.1, max_steps=4), query) == Fraction(9, 10)
    assert best_value(settings_of(stale=0.2), query) == Fraction(8, 10) - Fraction(2, 100)  # nothing tells more
    # Two answers alike: stop; else a third call, and the majority, or any of three (price .02, no more tokens).
    alike, third = Fraction(81, 100) + Fraction(1, 400), Fraction(18, 100) * Fraction(9, 10)
    assert proven(settings_of(lie=0.1), query)
    assert best_value(settings_of(lie=0.1, max_steps=8), query) > alike - third


def test_patience_where_tools_deceive_and_break() -> None:
    fails = {"fail": 0.5, "broken": 0.2, "sure_price": 0.1, "max_steps": 16, "num_tools": 2}
    query = query_of("F 3")
    assert patience(settings_of(**fails, lie=0.000001), query) == patience(settings_of(**fails), query) == (3, 3)
    assert patience(settings_of(**fails, stale=0.5), query) == (0, 0)


def test_yardsticks_and_the_exam_claim_the_kinds_that_fit() -> None:
    settings = settings_of(lie=0.1, sure_price=0.1, queries=("Tx", "TUx"))
    found = yardsticks(settings, 0)
    assert found["oracle"].known == found["greedy"].known == EXACT
    assert "of all policies" in found["oracle"].why
    values = scores(settings, 0)
    assert values["oracle"].value > values["greedy"].value > values["blind"].value
    refused = yardsticks(settings, 1)["oracle"]
    assert refused.known == NOT_SEARCHED
    assert "claimed for queries of the kinds Tx and Tx?y:z alone" in refused.why


def test_advice_and_prospects() -> None:
    world = make("lookup-v0", lie=0.1, sure_price=0.1)
    twin = make_scalar("lookup-v0", {"query": "F 1"}, lie=0.1, sure_price=0.1)
    advice = world.advice(twin)  # pyright: ignore[reportAttributeAccessIssue]
    assert world.vocabulary.decode(advice.best) == ["F"]
    assert advice.values[ANS] == Fraction(1, 5)
    prospects = world.prospects({"query": "F 1"})  # pyright: ignore[reportAttributeAccessIssue]
    assert prospects["proven"] is True
    assert prospects["value"] == max(advice.values.values())


def test_refusals() -> None:
    with pytest.raises(UserError, match="claimed for queries of the kinds Tx and Tx"):
        best_value(settings_of(lie=0.1), query_of("G F 1"))
    with pytest.raises(UserError, match="for max_steps up to 24, not 40; lower it"):
        best_value(settings_of(lie=0.1, max_steps=40), query_of("F 1"))
    with pytest.raises(UserError, match="num_values = 2"):
        best_value(settings_of(lie=0.1, num_values=2), query_of("F 1"))
