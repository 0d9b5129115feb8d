"""Which search answers for a query under given settings, and where none does."""

from __future__ import annotations

from functools import lru_cache

from inwit.core.errors import UserError
from inwit.worlds.lookup.beliefs import exact
from inwit.worlds.lookup.graph import Graph, Node, graph_of
from inwit.worlds.lookup.queries import Query
from inwit.worlds.lookup.rules import LookupSettings
from inwit.worlds.lookup.search import Errors, Rules, Search, TooManyStatesError
from inwit.worlds.lookup.states import State, terms_of

LEAST_VALUES = 3
MOST_STATES = 25_000  # of a search over all cells for one query: up to 5 s of a core that does nothing else


def search_of(settings: LookupSettings, query: Query) -> Search:
    """The search under these settings; what it finds is kept. Raises `UserError` where the oracle claims nothing."""
    check_claimed(settings)
    return _searched(rules_of(settings), root(settings, query).state, settings.max_steps)


def check_claimed(settings: LookupSettings) -> None:
    """Raises `UserError` where the oracle claims nothing."""
    check_size(settings)
    if settings.deceives:
        raise UserError(
            f"lie = {settings.lie}, stale = {settings.stale}: this search knows no answers that may be wrong; "
            "set both to 0"
        )


def check_size(settings: LookupSettings) -> None:
    """Raises `UserError` where there are too few values."""
    if settings.num_values < LEAST_VALUES:
        raise UserError(
            f"num_values = {settings.num_values}: the oracle needs at least {LEAST_VALUES} values, for with 2 "
            "a cell that no term needs next may be the best to ask; set num_values to 3 or more"
        )


def rules_of(settings: LookupSettings) -> Rules:
    """The settings that the search needs, exactly."""
    prices = (settings.price, settings.sure_price, settings.fail, settings.broken)
    return Rules(settings.num_values, *map(exact, prices))


def root(settings: LookupSettings, query: Query) -> Node:
    """The node of a query of which nothing is known, in the graph that all queries share."""
    return graph_of(settings.num_values).node(query.operator, terms_of(query), {})[0]


def unfailed(node: Node) -> Errors:
    """No error of any tool."""
    return (0,) * len(node.tools)


@lru_cache(maxsize=256)
def _searched(rules: Rules, start: State, steps: int) -> Search:
    """The search over all cells; where it grows too large, that over the needed ones. Each query, up to names, has a
    search and a graph of its own: so which of the two it is does not depend on what was asked before."""
    search = Search(rules, Graph(rules.num_values), limit=MOST_STATES)
    node = search.graph.node(start.operator, start.terms, {})[0]
    try:
        search.outcome(node, unfailed(node), steps)
    except TooManyStatesError:
        return frontier_search(rules)
    search.limit = None
    return search


@lru_cache(maxsize=8)
def frontier_search(rules: Rules) -> Search:
    """The search over the cells that the terms need next; one for all queries."""
    return Search(rules, graph_of(rules.num_values), full=False)
