"""Which search answers for a query under given settings, and where none does."""

from __future__ import annotations

from functools import lru_cache

from inwit.core.errors import UserError
from inwit.worlds.lookup.beliefs import exact
from inwit.worlds.lookup.graph import Node, graph_of
from inwit.worlds.lookup.queries import Query
from inwit.worlds.lookup.rules import LookupSettings
from inwit.worlds.lookup.search import Errors, Rules, Search, TooManyStatesError
from inwit.worlds.lookup.states import terms_of

LEAST_VALUES = 3
MOST_STATES = 40_000  # of a search over all cells for one query: some seconds


def search_of(settings: LookupSettings, query: Query) -> Search:
    """The search under these settings; what it finds is kept. Raises `UserError` where the oracle claims nothing."""
    check_claimed(settings)
    prices = (settings.price, settings.sure_price, settings.fail, settings.broken)
    rules = Rules(settings.num_values, *map(exact, prices))
    return _searched(rules, query.template, root(settings, query), settings.max_steps)


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


def root(settings: LookupSettings, query: Query) -> Node:
    """The node of a query of which nothing is known."""
    return graph_of(settings.num_values).node(query.operator, terms_of(query), {})[0]


def unfailed(node: Node) -> Errors:
    """No error of any tool."""
    return (0,) * len(node.tools)


@lru_cache(maxsize=4096)
def _searched(rules: Rules, template: str, start: Node, steps: int) -> Search:
    """The search over all cells; where it grows too large for one query of the kind, that over the needed ones."""
    search = search_with(rules)
    if (template, steps) not in search.too_large:
        search.limit = search.size(start.graph) + MOST_STATES
        try:
            search.outcome(start, unfailed(start), steps)
            return search
        except TooManyStatesError:
            search.too_large.add((template, steps))
        finally:
            search.limit = None
    return search_with(rules, full=False)


@lru_cache(maxsize=8)
def search_with(rules: Rules, full: bool = True) -> Search:
    return Search(rules, full)
