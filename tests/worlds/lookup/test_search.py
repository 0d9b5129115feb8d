"""The search where asking what the terms need next is not the best, so that no other call may be left out."""

from __future__ import annotations

from fractions import Fraction

import pytest

from inwit.worlds.lookup.queries import Query, Term
from inwit.worlds.lookup.rules import LookupSettings
from inwit.worlds.lookup.searches import frontier_search, search_of, unfailed
from inwit.worlds.lookup.yardsticks import classes_of
from support import first_fast

G_OF_F_0 = Query("", (Term((0, 1), 0),))


def values(settings: LookupSettings, query: Query = G_OF_F_0) -> tuple[Fraction, Fraction]:
    """The optimum's value, and that of the best policy that asks only what the terms need next."""
    search = search_of(settings, query)
    found = []
    for each in (search, frontier_search(search.rules)):
        start = each.root(query)
        found.append(each.outcome(start, unfailed(start), settings.max_steps).value)
    return found[0], found[1]


def test_where_sure_calls_are_dear_the_second_tool_is_tried_first() -> None:
    settings = LookupSettings(num_values=3, fail=0.8, broken=0.5, sure_price=0.9, max_steps=8)
    assert values(settings) == (Fraction(151, 450), Fraction(1, 3))


def test_where_one_call_is_left_any_cell_of_the_second_tool_tells_more() -> None:
    """Also where only a sure call is worth its price: that of a cheap one is no bound."""
    settings = LookupSettings(num_values=3, price=0.7, sure_price=0.01, max_steps=4, queries=("Tx", "TUx"))
    assert values(settings) == (Fraction(5, 9) - Fraction(1, 100), Fraction(1, 3))


@pytest.mark.parametrize("num_values", [5, 10])
def test_where_nothing_fails_the_frontier_loses_nothing(num_values: int) -> None:
    settings = LookupSettings(num_values=num_values)
    for kind in range(len(settings.queries)):
        for query, _ in classes_of(settings, kind):
            best, needed = values(settings, query)
            assert best == needed, query.text


@pytest.mark.parametrize("max_steps", [12, pytest.param(16, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", first_fast(["Tx", "TUx", "Tx?y:z", "Tx?Uy:Vz", "Tx*Uy", "TUVx"], 5))
def test_where_tools_fail_the_frontier_loses_nothing(kind: str, max_steps: int) -> None:
    settings = LookupSettings(fail=0.5, broken=0.2, sure_price=0.1, max_steps=max_steps, queries=(kind,))
    proven = {}
    for query, _ in classes_of(settings, 0):
        if search_of(settings, query).full:
            best, needed = values(settings, query)
            assert best == needed, query.text
        proven[query.text] = search_of(settings, query).full
    left_out = {"F G G 0", "F G F 0"} if (kind, max_steps) == ("TUVx", 16) else set()
    assert {text for text, known in proven.items() if not known} <= left_out
