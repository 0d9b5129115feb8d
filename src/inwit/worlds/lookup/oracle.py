"""The oracle of lookup-v0: what the best possible agent scores, and what it writes next, in exact fractions."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from fractions import Fraction

from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.worlds.lookup import deceived
from inwit.worlds.lookup.beliefs import Heard
from inwit.worlds.lookup.deceived_turns import DeceivedTurn
from inwit.worlds.lookup.queries import Query
from inwit.worlds.lookup.rules import LookupSettings
from inwit.worlds.lookup.search import ANSWER_STEPS, Outcome
from inwit.worlds.lookup.searches import check_size, root, search_of, unfailed
from inwit.worlds.lookup.turns import Situation, Turn


def least_calls(settings: LookupSettings, query: Query) -> Fraction:
    """The least expected number of calls of an agent that is always right, where nothing fails and tokens are free."""
    check_size(settings)
    return root(settings, query).least


def best_value(settings: LookupSettings, query: Query) -> Fraction:
    """Expected success minus prices of the Bayes-optimal agent under price, failures and budget."""
    return outcome(settings, query).value


def outcome(settings: LookupSettings, query: Query) -> Outcome:
    """What the Bayes-optimal agent scores; of equally good ones that with the fewest calls."""
    if settings.deceives:
        return deceived.search_of(settings, query).outcome(deceived.believed(settings, query), settings.max_steps)
    search = search_of(settings, query)
    start = search.root(query)
    return search.outcome(start, unfailed(start), settings.max_steps)


def check_claimed(settings: LookupSettings, template: str) -> None:
    """Raises `UserError` where the oracle claims nothing of a kind."""
    if settings.deceives:
        deceived.check_fits(settings, template)
    else:
        check_size(settings)


def claimed(settings: LookupSettings, template: str) -> bool:
    """Whether the oracle claims anything of a kind."""
    try:
        check_claimed(settings, template)
    except UserError:
        return False
    return True


def value_of(settings: LookupSettings, query: Query, situation: Situation) -> Fraction:
    """Expected success minus prices of the optimum from a situation on; what was paid before does not count. Where the
    query is not `proven` a lower bound."""
    return max(token_values(settings, query, situation).values())


def token_values(settings: LookupSettings, query: Query, situation: Situation) -> dict[int, Fraction]:
    """Of each token that the policy may write next, the value of writing it and going on as the optimum; ids ascending.

    Without masks these are all tokens. The regret of a token is the greatest of these values minus its own. Where the
    query is not `proven` each value is a lower bound: that of going on by asking the cells that the terms need next.
    """
    turn, left = _turn(settings, query, situation), settings.max_steps - situation.steps
    values = turn.legal(left)
    if not settings.masks:
        wasted = turn.wasted(left)
        values |= {token: wasted for token in range(len(settings.vocabulary)) if token not in values}
    return dict(sorted(values.items()))


def _turn(settings: LookupSettings, query: Query, situation: Situation) -> Turn | DeceivedTurn:
    return (DeceivedTurn if settings.deceives else Turn)(settings, query, situation)


def optimal_tokens(settings: LookupSettings, query: Query, situation: Situation) -> list[int]:
    """All tokens that are best in a situation, ids ascending: see `best_of`. Where the query is not `proven`, those of
    the greatest lower bound."""
    legal = _turn(settings, query, situation).legal(settings.max_steps - situation.steps)
    return best_of(token_values(settings, query, situation), legal)


def best_of(values: Mapping[int, Fraction], legal: Container[int]) -> list[int]:
    """The tokens with the greatest value. Without masks, tokens without effect are left out even where they are as good
    (tokens to spare), unless each token with an effect is worse (an opened call whose answer would come too late)."""
    most = max(values.values())
    best = [token for token, value in values.items() if value == most]
    return [token for token in best if token in legal] or best


def patience(settings: LookupSettings, query: Query) -> tuple[int, int] | None:
    """The least and the greatest optimal patience: after how many errors in a row giving up the cheap call is best (for
    a sure call of the tool, or for an answer), and up to how many calling on is. They differ where both are equally
    good. The tool is the first that the query needs, once equal branches are one; (0, 0) where no tool is needed or the
    optimum does not call it. None where no tool can be broken: an error tells nothing there.
    """
    if settings.broken == 0:
        return None
    if settings.deceives:
        return deceived.patience(settings, query)
    search = search_of(settings, query)
    start = search.root(query)
    steps, errors, count, least = settings.max_steps, unfailed(start), 0, None
    while start.moves and steps >= 2 * ANSWER_STEPS:
        move, best = start.moves[0], search.outcome(start, errors, steps).value  # the first that the text needs
        left = steps - move.steps
        giving_up = [search.answered(start, steps).value]
        if settings.sure_price > 0:
            giving_up.append(search.called(start, errors, move, True, left).value)
        if least is None and best in giving_up:
            least = count
        if search.called(start, errors, move, False, left).value < best:
            break
        steps, errors, count = left, search.failed(errors, move.tool), count + 1
    return count if least is None else least, count


def proven(settings: LookupSettings, query: Query) -> bool:
    """Whether the optimum is known to be that of all policies. Else the search over all cells grows too large, and the
    oracle is the best policy that asks only the cells which the terms of the query need next. It depends on the query
    and the settings alone. The search is stopped by a count of states, which takes some 2 to 5 s where a core does
    nothing else, once for each query up to names."""
    if settings.deceives:
        return deceived.search_of(settings, query) is not None  # see docs/lookup-oracle.md
    return search_of(settings, query).full


def best_plan(settings: LookupSettings, query: Query, heard: Sequence[Heard], steps: int) -> list[int]:
    """What the optimum writes until the world answers, or to the end, with `steps` tokens chosen before and nothing
    pending. Of plans that are equally good it is the one with fewer calls, then the one that the text names first."""
    return Turn(settings, query, Situation(tuple(heard), steps)).plan(settings.max_steps - steps)


def prospects(settings: LookupSettings, query: Query) -> Json:
    """What the best possible agent expects of a query, by name: exact fractions, whole numbers, and flags."""
    best = outcome(settings, query)
    return {
        "value": best.value,
        "success": best.success,
        "calls": -best.calls_saved,
        **({} if settings.deceives else {"least_calls": least_calls(settings, query)}),
        **_patience(settings, query),
        "proven": proven(settings, query),
    }


def _patience(settings: LookupSettings, query: Query) -> Json:
    """One number, but where several are equally good the least and the most."""
    found = patience(settings, query)
    if found is None:
        return {}
    least, most = found
    return {"patience": least} if least == most else {"patience": least, "patience_at_most": most}
