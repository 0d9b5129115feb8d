"""The oracle against brute force, against the published figures of the rules, and along episodes of the scalar twin."""

from __future__ import annotations

from copy import deepcopy
from fractions import Fraction
from itertools import islice
from random import Random

import pytest

from asking import query_of, settings_of
from inwit.core.errors import UserError
from inwit.core.vocabulary import CHOICE
from inwit.worlds.lookup.beliefs import Heard, exact
from inwit.worlds.lookup.oracle import (
    best_plan,
    best_value,
    least_calls,
    optimal_tokens,
    patience,
    proven,
    token_values,
    value_of,
)
from inwit.worlds.lookup.queries import TEMPLATES, Query, queries_of
from inwit.worlds.lookup.rules import ANS
from inwit.worlds.lookup.scalar import ScalarLookup
from inwit.worlds.lookup.searches import frontier_search, root, search_of
from inwit.worlds.lookup.turns import Situation
from lookup_brute_force import WithFailures, WithoutFailures

FAILING = {"fail": 0.5, "broken": 0.2, "sure_price": 0.1, "max_steps": 16}
UNARY = tuple(kind for kind in TEMPLATES if "*" not in kind)


def compare(query: Query, n: int, k: int, price: float, steps: int) -> None:
    """One query, without failures, against all strategies."""
    brute = WithoutFailures(query, n, k)
    settings = settings_of(num_values=n, num_tools=k, price=price, max_steps=steps)
    assert best_value(settings, query) == brute.best_value(exact(price), steps), query.text
    assert least_calls(settings, query) == brute.least_calls(3 if "*" in query.text else n * k), query.text


@pytest.mark.parametrize("kind", UNARY)
def test_equals_all_strategies_with_one_tool(kind: str) -> None:
    for query in queries_of(kind, 1, 3):
        compare(query, 3, 1, 0.02, 11)


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNARY)
def test_equals_all_strategies_with_two_tools(kind: str) -> None:
    for query in queries_of(kind, 2, 3):
        compare(query, 3, 2, 0.02, 11)


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNARY)
def test_equals_all_strategies_with_four_values(kind: str) -> None:
    for query in queries_of(kind, 1, 4):
        compare(query, 4, 1, 0.1, 8)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["F 0 * F 0", "F 0 * F 1", "F 2 * F 1"])
def test_equals_all_strategies_of_the_binary_tool(text: str) -> None:
    compare(query_of(text), 3, 1, 0.02, 9)


def compare_failing(kind: str, k: int, steps: int, chances: tuple[float, float, float], at_most: int) -> None:
    """Queries of a kind with failing tools, against all strategies."""
    fail, broken, sure = chances
    brute = WithFailures(3, k, exact(fail), exact(broken))
    settings = settings_of(num_values=3, num_tools=k, max_steps=steps, fail=fail, broken=broken, sure_price=sure)
    for query in islice(queries_of(kind, k, 3), at_most):
        best = brute.best(brute.values(query), exact(0.02), exact(sure), steps, {}, brute.start)
        assert best_value(settings, query) == best, query.text


@pytest.mark.parametrize("kind", UNARY)
def test_equals_all_strategies_where_tools_fail(kind: str) -> None:
    compare_failing(kind, 1, 8, (0.5, 0.2, 0.1), 3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNARY)
@pytest.mark.parametrize("chances", [(0.5, 0.2, 0.1), (0.3, 0.3, 0.15), (0.0, 0.5, 0.3)])
def test_equals_all_strategies_where_tools_fail_more_often(kind: str, chances: tuple[float, float, float]) -> None:
    compare_failing(kind, 1, 10, chances, 27)


@pytest.mark.slow
@pytest.mark.parametrize("chances", [(0.5, 0.2, 0.1), (0.0, 0.5, 0.1)])
def test_equals_all_strategies_where_two_tools_fail(chances: tuple[float, float, float]) -> None:
    compare_failing("TUx", 2, 8, chances, 7)
    compare_failing("Tx?Uy:Vz", 2, 6, chances, 20)


# The least expected calls and the best blind answer, at n = 5 and 10: from a prototype made from the rules alone.
FIGURES = {
    "Tx": ("1", "1", "1/5", "1/10"),
    "TUx": ("19/10", "39/20", "7/25", "29/200"),
    "Tx?y:z": ("4/5", "9/10", "17/25", "11/20"),
    "Tx?Uy:Vz": ("181/100", "761/400", "109/500", "419/4000"),
    "Tx*Uy": ("29/10", "59/20", "1/5", "1/10"),
    "TUVx": ("267/100", "283/100", "28/125", "59/500"),
}


@pytest.mark.parametrize("kind", FIGURES)
def test_least_calls_and_blind_answers(kind: str) -> None:
    for n, least, blind in zip((5, 10), FIGURES[kind][:2], FIGURES[kind][2:], strict=True):
        settings = settings_of(num_values=n)
        queries = list(queries_of(kind, 2, n))
        assert sum(least_calls(settings, query) for query in queries) / len(queries) == Fraction(least)
        right = sum(root(settings, query).right for query in queries)
        assert right / len(queries) == Fraction(blind)


@pytest.mark.parametrize(
    ("changed", "expected", "values"),
    [
        ({"max_steps": 20}, (3, 3, 4), ("93/100", "4361/5000")),
        ({}, (3, 3, 4), ("93/100", "871/1000")),
        ({"max_steps": 12}, (3, 2, 3), ("93/100", "173/200")),
        ({"max_steps": 20, "sure_price": 0.15}, (4, 4, 5), ("1833/2000", "16947/20000")),
        ({"fail": 0.3, "broken": 0.3, "sure_price": 0.15}, (2, 2, 3), None),
    ],
)
def test_patience_and_value_where_tools_fail(
    changed: dict[str, float], expected: tuple[int, ...], values: tuple[str, str] | None
) -> None:
    settings = settings_of(**{**FAILING, **changed})
    found = [patience(settings, query_of(text)) for text in ("F 3", "G F 3", "F F 3")]
    assert found == [(each, each) for each in expected]
    for kind, value in zip(("Tx", "TUx"), values or (), strict=False):
        queries = list(queries_of(kind, 2, 5))
        assert sum(best_value(settings, query) for query in queries) / len(queries) == Fraction(value)


def test_patience_where_giving_up_is_as_good_as_going_on() -> None:
    settings = settings_of(**{**FAILING, "max_steps": 12}, num_values=3)
    assert patience(settings, query_of("F 0 * F 0")) == (1, 2)
    assert patience(settings, query_of("F 0 ? 1 : 1")) == (0, 0), "decided at once"
    alike = query_of("F 0 ? G 1 : G 1")
    assert patience(settings, alike) == patience(settings, query_of("G 1")) == (3, 3)


@pytest.mark.parametrize("text", ["F 0", "G F 0", "F F 0", "F 0 * F 0", "F 0 * F 1", "F 0 ? F 1 : G 2"])
def test_the_plan_is_as_patient_as_the_optimum(text: str) -> None:
    settings, query = settings_of(**{**FAILING, "max_steps": 12}, num_values=3), query_of(text)
    heard: list[Heard] = []
    while [settings.vocabulary.id("F"), settings.first_value] == best_plan(settings, query, heard, 2 * len(heard)):
        heard.append(Heard(0, False, None, len(heard)))
    least, most = patience(settings, query) or (-1, -1)
    assert least <= len(heard) <= most


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("changed", [{}, FAILING, {"max_steps": 8, "fail": 0.5, "broken": 0.2}])
@pytest.mark.parametrize("text", ["F 1", "G G 4", "F 3 ? F 2 : G 2", "F 1 + F 1"])
def test_values_of_tokens_agree_with_the_world(text: str, changed: dict[str, float], masks: bool) -> None:
    """A token's value is that of the situation after it, over the world's own chances, less what was paid."""
    follow(text, changed, masks)


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{}, FAILING, {"max_steps": 8, "fail": 0.5, "broken": 0.2}])
def test_values_of_tokens_agree_with_the_world_where_a_query_has_the_binary_tool(changed: dict[str, float]) -> None:
    follow("F 1 * F 2", changed, True)


def follow(text: str, changed: dict[str, float], masks: bool) -> None:
    settings, random, query = settings_of(masks=masks, **changed), Random(text), query_of(text)
    for _ in range(3):
        twin = ScalarLookup.from_task(settings, {"query": text})
        while not twin.ended and twin.forced() == CHOICE:
            situation = Situation.of(twin)
            values = token_values(settings, query, situation)
            assert set(values) == set(twin.legal() if masks else range(len(settings.vocabulary)))
            best = optimal_tokens(settings, query, situation)
            assert {values[token] for token in best} == {value_of(settings, query, situation)}
            token = random.choice(best if random.random() < 0.6 else twin.legal())
            twin, value = after(twin, token, random)
            if value is not None:
                assert values[token] == value


def after(twin: ScalarLookup, token: int, random: Random) -> tuple[ScalarLookup, Fraction | None]:
    """The episode after a token and, if the world then writes, one of its tokens; and the value that this token has by
    the values of the situations after it (None at the answer, which ends the episode)."""
    settings, query, paid = twin.settings, twin.problem.query, exact(twin.reward)
    answered = twin.pending[0] == ANS
    twin.step(token)
    paid = exact(round(twin.reward - float(paid), 9))
    if answered and token >= settings.first_value:
        return twin, None
    if twin.ended:
        return twin, paid
    if twin.forced() == CHOICE:
        return twin, value_of(settings, query, Situation.of(twin))
    total, found = Fraction(0), {}
    for answer, chance in twin.chance().items():
        found[answer] = deepcopy(twin)
        found[answer].step(answer)
        total += chance * value_of(settings, query, Situation.of(found[answer]))
    return found[random.choice(list(found))], paid + total


def test_the_answers_of_an_opened_answer() -> None:
    """Once the answer is opened, a value's own value is the probability that it is right, in the query's own names."""
    settings, query = settings_of(), query_of("G F 3")
    twin = ScalarLookup.from_task(settings, {"query": query.text})
    first = settings.first_value
    for token in (settings.vocabulary.id("G"), first + 2, first + 4, ANS):  # G 2 = 4
        twin.step(token)
    values = token_values(settings, query, Situation.of(twin))
    assert values == {first + value: Fraction(9 if value == 4 else 4, 25) for value in range(5)}


@pytest.mark.slow
def test_asking_elsewhere_first_may_be_best_where_tools_fail() -> None:
    """Dear sure calls: it may pay to try first whether the second tool works at all. The search over all cells finds
    it, the search over the cells that are needed next does not."""
    compare_failing("TUx", 2, 8, (0.8, 0.5, 0.9), 4)
    settings = settings_of(num_values=3, fail=0.8, broken=0.5, sure_price=0.9, max_steps=8)
    query = query_of("G F 0")
    search = search_of(settings, query)
    needed = frontier_search(search.rules)
    assert proven(settings, query)
    assert needed.outcome(needed.root(query), (0, 0), 8) < search.outcome(search.root(query), (0, 0), 8)


def test_refusals() -> None:
    query = query_of("F 1")
    with pytest.raises(UserError, match="num_values = 2: the oracle needs at least 3"):
        best_value(settings_of(num_values=2), query)
    with pytest.raises(UserError, match=r"claimed for queries of the kinds Tx and Tx.y:z alone"):
        best_value(settings_of(lie=0.1), query_of("G F 1"))


def test_a_budget_that_is_too_small_for_the_query() -> None:
    """One call of two: any cell of the second tool tells more than the one of the first that the term needs next."""
    settings, query = settings_of(max_steps=4), query_of("G F 3")
    assert best_value(settings, query) == Fraction(9, 25) - Fraction(1, 50)
    names = [settings.vocabulary.names[token] for token in optimal_tokens(settings, query, Situation())]
    assert names == ["G"]
    assert patience(settings, query) is None, "no tool can be broken"
