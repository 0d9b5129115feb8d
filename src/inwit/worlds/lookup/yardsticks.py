"""What agents of lookup-v0 are compared with, by kind, all exact: the oracle, a greedy policy, the best blind
answer, and the uniformly random legal policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache, lru_cache
from itertools import product
from typing import NamedTuple

from inwit.core.errors import UserError
from inwit.core.results import EXACT, NOT_SEARCHED, Yardstick
from inwit.worlds.lookup import deceived
from inwit.worlds.lookup.beliefs import exact
from inwit.worlds.lookup.graph import ZERO, Move, Node, graph_of
from inwit.worlds.lookup.oracle import check_claimed, claimed, least_calls, outcome, proven
from inwit.worlds.lookup.queries import Query, filled, form_of
from inwit.worlds.lookup.rules import LookupSettings
from inwit.worlds.lookup.search import ANSWER_STEPS, Errors, Outcome, Search
from inwit.worlds.lookup.searches import root, rules_of, unfailed


class Score(NamedTuple):
    """What a policy scores on average over the queries of a kind and all that is hidden; value = success - prices."""

    success: Fraction
    calls: Fraction
    value: Fraction


@lru_cache(maxsize=64)
def yardsticks(settings: LookupSettings, kind: int) -> dict[str, Yardstick]:
    """The yardsticks `oracle`, `greedy`, `blind` and `random` of a kind; `cost` is the expected number of calls."""
    found = scores(settings, kind)
    why = {
        "greedy": "asks what a term needs next if that and an answer right after it are worth more than one now",
        "blind": "the best answer without a call",
        "random": "the uniformly random legal policy",
    }
    try:
        check_claimed(settings, settings.queries[kind])
        why["oracle"] = _how_known(settings, kind)
    except UserError as error:
        why |= dict.fromkeys(("oracle", "greedy"), str(error))
    known = {
        name: Yardstick(
            EXACT, float(score.success), float(score.calls), why=f"value {float(score.value):.4f}: {why[name]}"
        )
        for name, score in found.items()
    }
    return {name: known.get(name, Yardstick(NOT_SEARCHED, why=why[name])) for name in ("oracle", *why)}


def _how_known(settings: LookupSettings, kind: int) -> str:
    queries = classes_of(settings, kind)
    if all(proven(settings, query) for query, _ in queries):
        return "the Bayes optimum of all policies"
    return "the best policy that asks what the terms need next; not proven to be the best of all"


@lru_cache(maxsize=64)
def scores(settings: LookupSettings, kind: int) -> dict[str, Score]:
    """The exact scores by yardstick; without `oracle` and `greedy` where the oracle claims nothing."""
    found = {"blind": _mean(settings, kind, _blind), "random": _random(settings)}
    if not claimed(settings, settings.queries[kind]):
        return found
    return {"oracle": _mean(settings, kind, outcome), "greedy": _mean(settings, kind, _greedy), **found}


@lru_cache(maxsize=64)
def mean_least_calls(settings: LookupSettings, kind: int) -> Fraction:
    """The least expected number of calls of an agent that is always right, over the queries of a kind."""
    queries = classes_of(settings, kind)
    return sum((count * least_calls(settings, query) for query, count in queries), ZERO) / sum(dict(queries).values())


@lru_cache(maxsize=64)
def classes_of(settings: LookupSettings, kind: int) -> tuple[tuple[Query, int], ...]:
    """Queries of a kind up to names, with how many of the kind's queries each stands for."""
    template = settings.queries[kind]
    _, chains = form_of(template)
    found = []
    for tools, many in _patterns(sum(chains), settings.num_tools):
        for values, times in _patterns(len(chains), settings.num_values):
            found.append((filled(template, tools, values), many * times))
    return tuple(found)


def class_of(query: Query) -> Query:
    """The query of `classes_of` that stands for a query: tools and values are numbered as they come up in the text."""
    tools: dict[int, int] = {}
    values: dict[int, int] = {}
    named = [tools.setdefault(tool, len(tools)) for term in query.terms for tool in reversed(term.tools)]
    return filled(query.template, named, [values.setdefault(term.value, len(values)) for term in query.terms])


def _patterns(slots: int, names: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """Which of some slots are equal: for each pattern the least names in it, and how many ways there are to name it."""
    for pattern in product(range(min(slots, names)), repeat=slots):
        if all(each <= max(pattern[:place], default=-1) + 1 for place, each in enumerate(pattern)):
            ways = 1
            for used in range(max(pattern) + 1):
                ways *= names - used
            yield pattern, ways


def _mean(settings: LookupSettings, kind: int, policy: Callable[[LookupSettings, Query], Outcome]) -> Score:
    total, success, calls, value = 0, ZERO, ZERO, ZERO
    for query, count in classes_of(settings, kind):
        found = policy(settings, query)
        total += count
        success += count * found.success
        calls -= count * found.calls_saved
        value += count * found.value
    return Score(success / total, calls / total, value / total)


def _blind(settings: LookupSettings, query: Query) -> Outcome:
    right = root(settings, query).right
    return Outcome(right, ZERO, right)


def _greedy(settings: LookupSettings, query: Query) -> Outcome:
    if settings.deceives:
        search = deceived.search_of(settings, query, myopic=True)
        return search.outcome(deceived.believed(settings, query), settings.max_steps)
    start = root(settings, query)
    return _Greedy(settings).outcome(start, unfailed(start), settings.max_steps)


class _Greedy(Search):
    """Takes the best of an answer now and a call with an answer right after it; of equal calls the text's first."""

    def __init__(self, settings: LookupSettings) -> None:
        super().__init__(rules_of(settings), graph_of(settings.num_values), full=False)

    def choice(self, node: Node, errors: Errors, steps: int) -> tuple[Outcome, tuple[Move, bool] | None]:
        key = node, errors, steps
        found = self._choices.get(key)
        if found is None:
            most, chosen, found = node.right, None, (self.answered(node, steps), None)
            for move, sure, left in self.calls(node, steps):
                price = self.rules.sure_price if sure else self.rules.price
                next_right = sum(
                    (share * then.right for share, then, _ in self.after(node, errors, move, sure)), -price
                )
                if next_right > most:
                    most, chosen = next_right, (move, sure, left)
            if chosen:
                found = self.called(node, errors, *chosen), chosen[:2]
            self._choices[key] = found
        return found


def _random(settings: LookupSettings) -> Score:
    """A random answer is right once in n, whatever was heard; so only the tokens of calls and answers count."""
    sure = settings.sure_price > 0
    price, sure_price = exact(settings.price), exact(settings.sure_price)
    opened = [(1, settings.num_tools), (2, 1)]  # arguments, and how many tools take as many
    share = Fraction(1, 1 + (settings.num_tools + 1) * (1 + sure))

    @cache
    def score(left: int) -> Score:
        success = share / settings.num_values if left >= ANSWER_STEPS else ZERO
        calls, value = ZERO, success
        for arguments, tools in opened:
            for each in (price, sure_price) if sure else (price,):
                if left > arguments:
                    after = score(left - arguments - 1)
                    success += share * tools * after.success
                    calls += share * tools * (1 + after.calls)
                    value += share * tools * (after.value - each)
        return Score(success, calls, value)

    return score(settings.max_steps)
