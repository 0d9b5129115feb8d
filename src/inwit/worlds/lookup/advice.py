"""What is known at a moment of an episode of lookup-v0, and what the optimum does from there on: for explanations, and
for a learner that is told so by name. Agents are never shown any of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from inwit.core.results import Advice, Json
from inwit.core.vocabulary import CHOICE
from inwit.worlds.lookup.oracle import best_of, claimed, proven, token_values
from inwit.worlds.lookup.queries import Query
from inwit.worlds.lookup.rules import ANS, NOT_DRAWN, PAD, LookupSettings
from inwit.worlds.lookup.scalar import ScalarLookup
from inwit.worlds.lookup.shapes import STAR_TOOL
from inwit.worlds.lookup.states import next_cells, own_names
from inwit.worlds.lookup.turns import Situation, cell_of, learnt, number_of


@dataclass(frozen=True)
class _Moment:
    """A situation that stands for all that are alike."""

    alike: str | Situation
    situation: Situation = field(compare=False)


def advice_of(settings: LookupSettings, twin: ScalarLookup) -> Advice:
    """What is known, and the values of the next tokens: none where the optimum is not claimed (fewer than three values;
    answers that may be wrong, for most kinds), or not proven: values that may be too low say nothing of regret."""
    facts, query, alike = _facts(settings, twin), twin.problem.query, _alike(settings, twin)
    if twin.ended or twin.forced() != CHOICE or not claimed(settings, query.template) or not proven(settings, query):
        return Advice(facts, alike=alike)
    situation = Situation.of(twin)
    values = _values(settings, query, _Moment(situation if alike is None else alike, situation))
    return Advice(facts, dict(values), best_of(values, twin.legal()), alike)


@lru_cache(maxsize=20_000)
def _values(settings: LookupSettings, query: Query, moment: _Moment) -> dict[int, Fraction]:
    return token_values(settings, query, moment.situation)


def _alike(settings: LookupSettings, twin: ScalarLookup) -> str | None:
    """What the optimum's values depend on: the query as far as it is open, the cells and errors that may still matter,
    and what is pending. None where an answer may be wrong, so that all of them matter, and without masks, where a token
    without effect leaves the facts of an earlier call."""
    if settings.deceives or not settings.masks:
        return None
    if twin.ended:
        return "ended"
    known, errors = learnt(settings, twin.heard)
    if twin.checking is not None:  # only what is drawn matters for the verdict
        table = enumerate(twin.hidden["table"])
        known, errors = {cell_of(settings, cell): value for cell, value in table if value != NOT_DRAWN}, {}
    state = own_names(twin.problem.query, known, settings.num_values)
    tools = {tool for chain, _ in state.terms for tool in chain} | {STAR_TOOL}
    failed = sorted((tool, count) for tool, count in errors.items() if tool in tools)
    is_open = state.operator, state.terms, sorted(state.known), failed
    return repr((*is_open, twin.steps, twin.pending, twin.waiting, twin.checking))


def _facts(settings: LookupSettings, twin: ScalarLookup) -> Json:
    """`asked` is the call that is being written or was written last, `answered` its answer; `known` are the cells that
    are certain, `needed` those that the query may need next, none once it is decided."""
    opened, first = twin.pending
    asked, answered = None, None
    if twin.ended or twin.checking is not None:
        pass
    elif twin.waiting is not None:
        asked = _call_name(settings, *twin.waiting)
    elif opened not in (PAD, ANS):
        asked = " ".join([twin.vocabulary.names[opened], *([] if first is None else [str(first)])])
    elif opened == PAD and twin.heard:
        last = twin.heard[-1]
        asked, answered = _call_name(settings, last.cell, last.sure), "ERR" if last.value is None else last.value
    known, _ = learnt(settings, [each for each in twin.heard if each.sure or not settings.deceives])
    needed = next_cells(own_names(twin.problem.query, known, settings.num_values))
    name = settings.cell_name
    return {
        "asked": asked,
        "answered": answered,
        "known": {name(number_of(settings, cell)): value for cell, value in known.items()},
        "needed": ", ".join(name(number_of(settings, cell)) for cell in needed) or None,
    }


def _call_name(settings: LookupSettings, cell: int, sure: bool) -> str:
    tool, *arguments = settings.cell_name(cell).split()
    return " ".join([f"{tool}!" if sure else tool, *arguments])
