"""The optimum where answers may be wrong (`lie`, `stale`), for queries that one cell decides: `Tx` and `Tx?y:z`.

There a belief needs few numbers: the votes of the cheap answers for each value of the cell, the tool's errors, and
whether the truth is known. docs/lookup-oracle.md shows why no call of another cell can be better. Off the optimum's way
an agent may know the truth of *other* cells of the tool; cheap calls of these then tell whether the tool is stale, so
their votes are a part of the belief too. All is exact; tools may fail and be broken besides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from inwit.core.errors import UserError
from inwit.worlds.lookup.beliefs import Heard, exact
from inwit.worlds.lookup.graph import ONE, ZERO
from inwit.worlds.lookup.queries import Query
from inwit.worlds.lookup.rules import LookupSettings
from inwit.worlds.lookup.search import ANSWER_STEPS, NOTHING, Outcome, Rules
from inwit.worlds.lookup.searches import check_size
from inwit.worlds.lookup.states import WORKS

FITTING = ("Tx", "Tx?y:z")
MOST_STEPS = 24  # some seconds for all queries of a kind, at n = 10
CALL_STEPS = 2  # of a unary tool


def check_fits(settings: LookupSettings, template: str) -> None:
    """Raises `UserError` where the optimum is not claimed although answers may be wrong."""
    check_size(settings)
    wrong = f"lie = {settings.lie}, stale = {settings.stale}: where answers may be wrong the optimum is claimed for"
    if template not in FITTING:
        raise UserError(f"{wrong} queries of the kinds {' and '.join(FITTING)} alone; set both to 0")
    if settings.max_steps > MOST_STEPS:
        raise UserError(f"{wrong} max_steps up to {MOST_STEPS}, not {settings.max_steps}; lower it, or set both to 0")


class Belief(NamedTuple):
    """What matters of what was heard, up to names. Votes are the cheap answers for each value."""

    votes: tuple[tuple[int, ...], ...]  # for the cell: of values that may be renamed among themselves, greatest first
    known: bool  # whether the query's value is certain
    others: tuple[tuple[int, ...], ...]  # for each other cell whose truth is known: for the truth, then the rest
    errors: int  # of the tool, or WORKS


class Call(NamedTuple):
    sure: bool
    other: int | None = None  # the place of another cell in `others`; None: the cell that decides


class Deceived:
    """Values of beliefs, each computed once. `myopic`: it calls only if an answer right after it is worth more than one
    now (the yardstick `greedy`)."""

    def __init__(self, rules: Rules, lie: Fraction, stale: Fraction, myopic: bool = False) -> None:
        self.rules, self.stale, self.myopic = rules, stale, myopic
        self.truly, self.falsely = 1 - lie, lie / (rules.num_values - 1)  # a given answer, if the tool says it or not
        self._choices: dict[tuple[Belief, int], tuple[Outcome, Call | None]] = {}

    def outcome(self, belief: Belief, steps: int) -> Outcome:
        """The policy's, with `steps` tokens left and nothing pending."""
        return self.choice(belief, steps)[0]

    def choice(self, belief: Belief, steps: int) -> tuple[Outcome, Call | None]:
        """The policy's outcome, and its call; None: it answers."""
        key = belief, steps
        if key not in self._choices:
            right, left = self.right(belief), steps - CALL_STEPS
            best: tuple[Outcome, Call | None] = Outcome(right, ZERO, right) if steps >= ANSWER_STEPS else NOTHING, None
            calls = self.calls(belief) if left >= ANSWER_STEPS and right < 1 else ()
            if self.myopic:
                soon = ((self._soon(belief, call), call) for call in calls)
                most, call = max(soon, key=lambda each: each[0], default=(ZERO, None))
                calls = (call,) if call and most > right else ()
                best = best if not calls else (Outcome(-ONE, -ONE, ZERO), None)
            found = ((self.called(belief, call, left), call) for call in calls)
            self._choices[key] = max([best, *found], key=lambda each: each[0])
        return self._choices[key]

    def calls(self, belief: Belief) -> list[Call]:
        """The calls that may be worth their price."""
        sure = [Call(True)] if self.rules.sure_price else []
        return [Call(False), *sure, *(Call(False, place) for place in range(len(belief.others)))]

    def called(self, belief: Belief, call: Call, left: int) -> Outcome:
        """The outcome of a call now and the policy after it, with `left` tokens left after the call."""
        value, saved, success = -self._price(call), -ONE, ZERO
        for then, chance in self.after(belief, call).items():
            outcome = self.outcome(then, left)
            value += chance * outcome.value
            saved += chance * outcome.calls_saved
            success += chance * outcome.success
        return Outcome(value, saved, success)

    def _soon(self, belief: Belief, call: Call) -> Fraction:
        return sum((chance * self.right(then) for then, chance in self.after(belief, call).items()), -self._price(call))

    def _price(self, call: Call) -> Fraction:
        return self.rules.sure_price if call.sure else self.rules.price

    def after(self, belief: Belief, call: Call) -> Counter[Belief]:
        """What may be believed after a call, with probabilities."""
        found: Counter[Belief] = Counter()
        if call.sure:
            found[belief._replace(known=True)] = ONE  # pyright: ignore[reportArgumentType]
            return found
        works = self.rules.works(belief.errors)
        if works < 1:
            counted = self.rules.broken and belief.errors != WORKS
            found[belief._replace(errors=belief.errors + 1) if counted else belief] += 1 - works  # pyright: ignore[reportArgumentType]
        heard = belief._replace(errors=WORKS if self.rules.broken else 0)
        for chance, then in self._answers(heard, call.other) if works else ():
            if chance:
                found[then] += works * chance  # pyright: ignore[reportArgumentType]
        return found

    def _answers(self, belief: Belief, other: int | None) -> Iterator[tuple[Fraction, Belief]]:
        if other is None:
            said = iter(self.said([vote for group in belief.votes for vote in group]))
            for number, group in enumerate(belief.votes):
                for place in range(len(group)):
                    votes = (*belief.votes[:number], _voted(group, place), *belief.votes[number + 1 :])
                    yield self._heard(next(said)), belief._replace(votes=votes)
            return
        votes, stale = belief.others[other], self.stale_belief(belief)
        rest = [*belief.others[:other], *belief.others[other + 1 :]]
        shares = [1 - stale, *(stale * share for share in self.said(votes[1:], sum(votes)))]
        for place, share in enumerate(shares):
            now = (votes[0] + 1, *votes[1:]) if place == 0 else (votes[0], *_voted(votes[1:], place - 1))
            yield self._heard(share), belief._replace(others=tuple(sorted([*rest, now])))

    def _heard(self, said: Fraction) -> Fraction:
        """The probability of an answer that the tool says with this one."""
        return said * self.truly + (1 - said) * self.falsely

    def _likely(self, votes: int, of: int) -> Fraction:
        """How likely the answers to a cell are if the tool says what got these votes."""
        return self.truly**votes * self.falsely ** (of - votes)

    def said(self, votes: Sequence[int], of: int | None = None) -> list[Fraction]:
        """The distribution of what the tool says of a cell, over values that are as likely before anything is heard."""
        weights = [self._likely(each, sum(votes) if of is None else of) for each in votes]
        total = sum(weights)
        # A total of 0: this cannot be heard of a stale tool. Then it is not stale, and the shares do not count.
        return [weight / total if total else Fraction(1, len(votes)) for weight in weights]

    def stale_belief(self, belief: Belief) -> Fraction:
        """The probability that the tool is stale: only cells whose truth is known tell anything of it."""
        fresh, stale = 1 - self.stale, self.stale
        for votes in belief.others:
            fresh *= self._likely(votes[0], sum(votes))
            stale *= sum((self._likely(each, sum(votes)) for each in votes[1:]), ZERO) / (len(votes) - 1)
        return stale / (fresh + stale)

    def right(self, belief: Belief) -> Fraction:
        """The probability that the best answer is right."""
        if belief.known:
            return ONE
        stale, others = self.stale_belief(belief), self.rules.num_values - 1
        said = self.said([vote for group in belief.votes for vote in group])
        truths = [(1 - stale) * each + stale * (1 - each) / others for each in said]
        if len(belief.votes) == 1:
            return max(truths)
        odd = sum(truths[: len(belief.votes[0])], ZERO)
        return max(odd, 1 - odd)


def _voted(votes: Sequence[int], place: int) -> tuple[int, ...]:
    return tuple(sorted((*votes[:place], votes[place] + 1, *votes[place + 1 :]), reverse=True))


def search_of(settings: LookupSettings, query: Query, myopic: bool = False) -> Deceived:
    """The search under these settings; what it finds is kept. Raises `UserError` where the optimum is not claimed."""
    check_fits(settings, query.template)
    prices = (settings.price, settings.sure_price, settings.fail, settings.broken)
    return _search(Rules(settings.num_values, *map(exact, prices)), exact(settings.lie), exact(settings.stale), myopic)


@lru_cache(maxsize=16)
def _search(rules: Rules, lie: Fraction, stale: Fraction, myopic: bool) -> Deceived:
    return Deceived(rules, lie, stale, myopic)


def believed(settings: LookupSettings, query: Query, heard: Sequence[Heard] = ()) -> Belief:
    """The belief of one who heard this."""
    term, n = query.terms[0], settings.num_values
    decides, errors = term.tools[0] * n + term.value, 0
    votes: dict[int, list[int]] = {decides: [0] * n}
    truths: dict[int, int] = {}
    for each in heard:
        if settings.tool_of(each.cell) != term.tools[0]:
            continue
        counts = votes.setdefault(each.cell, [0] * n)
        if each.sure and each.value is not None:
            truths[each.cell] = each.value
        elif each.value is None:
            errors += errors != WORKS and settings.broken > 0
        else:
            counts[each.value] += 1
            errors = WORKS if settings.broken else 0
    alike = query.operator == "?" and query.terms[1] == query.terms[2]
    groups = (votes[decides][1::2], votes[decides][::2]) if query.operator == "?" else (votes[decides],)
    others = []
    for cell, truth in truths.items() if settings.stale else ():
        if cell != decides:
            rest = [votes[cell][value] for value in range(n) if value != truth]
            others.append((votes[cell][truth], *sorted(rest, reverse=True)))
    ranked = tuple(tuple(sorted(group, reverse=True)) for group in groups)
    return Belief(ranked, alike or decides in truths, tuple(sorted(others)), errors)


def patience(settings: LookupSettings, query: Query) -> tuple[int, int]:
    """As `oracle.patience`: after how many errors in a row the cheap call may, and must, be given up."""
    search, belief, steps = search_of(settings, query), believed(settings, query), settings.max_steps
    errors, least = 0, None
    while steps >= CALL_STEPS + ANSWER_STEPS and not belief.known:
        best, left = search.outcome(belief, steps).value, steps - CALL_STEPS
        giving_up = [search.right(belief)]
        if settings.sure_price > 0:
            giving_up.append(search.called(belief, Call(True), left).value)
        if least is None and best in giving_up:
            least = errors
        if search.called(belief, Call(False), left).value < best:
            break
        belief = belief._replace(errors=belief.errors + (settings.broken > 0))
        steps, errors = left, errors + 1
    return errors if least is None else least, errors
