"""The distribution of the hidden part, given what was drawn and heard: exact fractions.

Tools are independent, and so are the cells of a tool once it is known whether the tool is broken and whether it is
stale. So a belief needs the calls to one tool alone. `posterior.py` computes the same in batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from inwit.worlds.lookup.rules import NOT_DRAWN, LookupSettings

Hidden = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Heard:
    """A call and its answer; `value` None is ERR. `call` counts the episode's calls from 0."""

    cell: int
    sure: bool
    value: int | None
    call: int


def exact(share: float) -> Fraction:
    """A setting as the fraction that its decimal text says: .3 is 3/10."""
    return Fraction(str(share))


def next_answer(
    settings: LookupSettings, hidden: Hidden, heard: Sequence[Heard], cell: int, sure: bool, call: int
) -> dict[int | None, Fraction]:
    """The distribution of the answer to a call; None is ERR. Answers that cannot come are left out."""
    if sure:
        return {**cell_belief(settings, hidden, heard, cell)}
    tool = settings.tool_of(cell)
    is_broken = broken_belief(settings, hidden, heard, tool)
    fails = _drawn_or(hidden["fails"][call], exact(settings.fail))
    answers: dict[int | None, Fraction] = {None: is_broken + (1 - is_broken) * fails}
    works = 1 - answers[None]
    for base, share in said_belief(settings, hidden, heard, cell).items():
        for value, chance in _said_or_lied(settings, hidden, base, call).items():
            answers[value] = answers.get(value, Fraction(0)) + works * share * chance
    return {value: share for value, share in answers.items() if share}


def _said_or_lied(settings: LookupSettings, hidden: Hidden, base: int, call: int) -> dict[int, Fraction]:
    """The distribution of the answer to a call that does not fail, where the tool says `base`."""
    n, lie = settings.num_values, exact(settings.lie)
    if lie and hidden["lies"][call] != NOT_DRAWN:
        return {(base + hidden["lies"][call]) % n: Fraction(1)}
    return {value: 1 - lie if value == base else lie / (n - 1) for value in range(n)}


def broken_belief(settings: LookupSettings, hidden: Hidden, heard: Sequence[Heard], tool: int) -> Fraction:
    """The probability that a tool is broken: q / (q + (1 - q) p^e) after e errors; 0 once it has answered."""
    if hidden["broken"][tool] != NOT_DRAWN:
        return Fraction(hidden["broken"][tool])
    calls = [each for each in heard if not each.sure and settings.tool_of(each.cell) == tool]
    if any(each.value is not None for each in calls):
        return Fraction(0)
    prior, working = exact(settings.broken), 1 - exact(settings.broken)
    for each in calls:
        working *= _drawn_or(hidden["fails"][each.call], exact(settings.fail))
    return prior / (prior + working)


def stale_belief(settings: LookupSettings, hidden: Hidden, heard: Sequence[Heard], tool: int) -> Fraction:
    """The probability that a tool is stale. Only cells whose true value is known tell anything of it."""
    if not settings.stale:
        return Fraction(0)
    if hidden["stale"][tool] != NOT_DRAWN:
        return Fraction(hidden["stale"][tool])
    weights = {False: 1 - exact(settings.stale), True: exact(settings.stale)}
    for cell in {each.cell for each in heard if settings.tool_of(each.cell) == tool}:
        for stale in weights:
            prior = _said_prior(settings, hidden, cell, stale)
            weights[stale] *= sum(
                share * _likelihood(settings, hidden, heard, cell, base) for base, share in prior.items()
            )
    return weights[True] / sum(weights.values())


def said_belief(settings: LookupSettings, hidden: Hidden, heard: Sequence[Heard], cell: int) -> dict[int, Fraction]:
    """The distribution of what a tool says of a cell where it neither fails nor lies."""
    is_stale = stale_belief(settings, hidden, heard, settings.tool_of(cell))
    belief: dict[int, Fraction] = {}
    for stale, weight in ((False, 1 - is_stale), (True, is_stale)):
        if weight:
            for base, share in _said_given(settings, hidden, heard, cell, stale).items():
                belief[base] = belief.get(base, Fraction(0)) + weight * share
    return belief


def cell_belief(settings: LookupSettings, hidden: Hidden, heard: Sequence[Heard], cell: int) -> dict[int, Fraction]:
    """The distribution of a cell's true value."""
    if hidden["table"][cell] != NOT_DRAWN:
        return {hidden["table"][cell]: Fraction(1)}
    n = settings.num_values
    if not settings.deceives:
        return dict.fromkeys(range(n), Fraction(1, n))
    is_stale = stale_belief(settings, hidden, heard, settings.tool_of(cell))
    belief = dict.fromkeys(range(n), Fraction(0))
    for stale, weight in ((False, 1 - is_stale), (True, is_stale)):
        if weight:
            for base, share in _said_given(settings, hidden, heard, cell, stale).items():
                for value, chance in _true_given(settings, hidden, cell, base, stale).items():
                    belief[value] += weight * share * chance
    return {value: share for value, share in belief.items() if share}


def _true_given(settings: LookupSettings, hidden: Hidden, cell: int, base: int, stale: bool) -> dict[int, Fraction]:
    """The distribution of the true value of a cell that is not drawn, where the tool says `base` of it."""
    n = settings.num_values
    if not stale:
        return {base: Fraction(1)}
    if hidden["drift"][cell] != NOT_DRAWN:
        return {(base - hidden["drift"][cell]) % n: Fraction(1)}
    return {value: Fraction(1, n - 1) for value in range(n) if value != base}


def _said_given(
    settings: LookupSettings, hidden: Hidden, heard: Sequence[Heard], cell: int, stale: bool
) -> dict[int, Fraction]:
    prior = _said_prior(settings, hidden, cell, stale)
    weights = {base: share * _likelihood(settings, hidden, heard, cell, base) for base, share in prior.items()}
    total = sum(weights.values())
    return {base: weight / total for base, weight in weights.items() if weight}


def _said_prior(settings: LookupSettings, hidden: Hidden, cell: int, stale: bool) -> dict[int, Fraction]:
    """What a tool says of a cell, before anything is heard, if it is stale or not."""
    n, value = settings.num_values, hidden["table"][cell]
    if value == NOT_DRAWN:
        return dict.fromkeys(range(n), Fraction(1, n))
    if not stale:
        return {value: Fraction(1)}
    if hidden["drift"][cell] != NOT_DRAWN:
        return {(value + hidden["drift"][cell]) % n: Fraction(1)}
    return {other: Fraction(1, n - 1) for other in range(n) if other != value}


def _likelihood(settings: LookupSettings, hidden: Hidden, heard: Sequence[Heard], cell: int, base: int) -> Fraction:
    """How likely the cheap answers to a cell are if the tool says `base` of it: each is that, or a lie."""
    product = Fraction(1)
    for each in heard:
        if each.cell == cell and not each.sure and each.value is not None:
            product *= _said_or_lied(settings, hidden, base, each.call).get(each.value, Fraction(0))
    return product


def _drawn_or(flag: int, chance: Fraction) -> Fraction:
    return chance if flag == NOT_DRAWN else Fraction(flag != 0)
