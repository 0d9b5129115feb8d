"""Turns of the policy after calls that no term needed: the values of all tokens come from one search."""

from __future__ import annotations

import pytest

from asking import query_of, settings_of
from inwit.worlds.lookup.beliefs import Heard
from inwit.worlds.lookup.oracle import best_plan, optimal_tokens, proven, value_of
from inwit.worlds.lookup.searches import search_of
from inwit.worlds.lookup.turns import Situation, Turn

FAILING = {"fail": 0.5, "broken": 0.2, "sure_price": 0.1, "max_steps": 16}
DEAR = {"num_values": 3, "fail": 0.5, "broken": 0.5}


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("G F F 0", {**DEAR, "max_steps": 13}),  # after `F 1 = 0`
        ("G F 0", {**DEAR, "max_steps": 13}),
        ("F 0 ? F 1 : G 2", {**FAILING, "num_values": 3, "max_steps": 12}),
        ("F 0 * F 1", {"num_values": 3, "max_steps": 12}),
        ("G F F 0", {"num_values": 10}),
    ],
)
def test_after_a_stray_call_the_best_token_is_worth_what_the_search_finds(text: str, changed: dict[str, float]) -> None:
    """Whatever was asked, all tokens are valued by the one search, so that the optimum's own is among the best."""
    settings, query = settings_of(**changed), query_of(text)
    assert proven(settings, query)
    for cell in range(2 * settings.num_values):
        heard = (Heard(cell, False, 0, 0),)
        turn, left = Turn(settings, query, Situation(heard, 2)), settings.max_steps - 2
        best = search_of(settings, query).outcome(turn.node, turn.tools_errors, left).value
        first, *_ = best_plan(settings, query, heard, 2)
        assert value_of(settings, query, Situation(heard, 2)) == best
        assert first in optimal_tokens(settings, query, Situation(heard, 2))
        assert value_of(settings, query, Situation(heard, 3, first)) == best


def test_the_second_term_asked_first_is_as_good_where_no_value_is_a_bound() -> None:
    settings, query = settings_of(**DEAR, max_steps=13), query_of("G F F 0")
    situation = Situation((Heard(1, False, 0, 0),), 2)  # F 1 = 0
    best = [settings.vocabulary.names[token] for token in optimal_tokens(settings, query, situation)]
    assert "*" not in best
    assert float(value_of(settings, query, situation)) == pytest.approx(0.5176, abs=5e-5)
