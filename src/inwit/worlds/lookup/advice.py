"""What one knows at a moment of an episode of lookup-v0, and what the optimum does from there on: for explanations, and
for a learner that is told so by name. Agents are never shown any of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from inwit.core.results import Advice, Json
from inwit.worlds.lookup.beliefs import Heard
from inwit.worlds.lookup.oracle import LEAST_VALUES, Situation, cell_of, learnt, search_of, token_values
from inwit.worlds.lookup.queries import STAR, TOOLS, Query
from inwit.worlds.lookup.rules import ANS, FIRST_TOOL, PAD, LookupSettings
from inwit.worlds.lookup.scalar import CHOICE, ScalarLookup
from inwit.worlds.lookup.shapes import STAR_TOOL, Cell
from inwit.worlds.lookup.states import next_cells, own_names, state_of


def advice_of(settings: LookupSettings, twin: ScalarLookup) -> Advice:
    """What is known, and the values of the next tokens: none where answers may be wrong, or with fewer than three
    values, for there the optimum is not claimed."""
    facts = _facts(settings, twin)
    claimed = settings.num_values >= LEAST_VALUES and not settings.deceives
    if not claimed or twin.ended or twin.forced() != CHOICE:
        return Advice(facts)
    values, legal = token_values(settings, twin.problem.query, Situation.of(twin)), twin.legal()
    most = max(values.values())
    best = [token for token in legal if values[token] == most]
    return Advice(facts, values, best or [token for token, value in values.items() if value == most])


def _facts(settings: LookupSettings, twin: ScalarLookup) -> Json:
    """`asked` is the call that is being written or was written last, `answered` its answer; `known` are the cells that
    are certain, `needed` those that the query may need next, none once it is decided."""
    opened, first = twin.pending
    asked, answered = None, None
    if twin.ended:
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
    return {
        "asked": asked,
        "answered": answered,
        "known": {_cell_name(cell): value for cell, value in known.items()},
        "needed": ", ".join(map(_cell_name, needed)) or None,
    }


def _call_name(settings: LookupSettings, cell: int, sure: bool) -> str:
    tool, *arguments = _cell_name(cell_of(settings, cell)).split()
    return " ".join([f"{tool}!" if sure else tool, *arguments])


def _cell_name(cell: Cell) -> str:
    tool, arguments = cell
    return " ".join([STAR if tool == STAR_TOOL else TOOLS[tool], *map(str, arguments)])


def plan(settings: LookupSettings, query: Query, heard: Sequence[Heard], steps: int) -> list[int]:
    """What the optimum writes until the world answers, or to the end, with `steps` tokens chosen before and nothing
    pending. Of plans that are equally good it is the one with fewer calls, then the one that the text names first.

    Raises `UserError` where the optimum is not claimed.
    """
    search, n, left = search_of(settings), settings.num_values, settings.max_steps - steps
    known, errors = learnt(settings, heard)
    state, own = state_of(query, known, errors, n), own_names(query, known, n)
    belief = search.belief(own)
    answer = min(belief, key=lambda value: (-belief[value], value))
    best, tokens = search.answered(state, left), [ANS, settings.first_value + answer]
    names = dict(zip(next_cells(state), next_cells(own), strict=True))  # both in the order of the text
    for call, rest in search.calls(state, left):
        outcome = search.called(state, rest, call)
        if outcome > best:
            best, tokens = outcome, _call(settings, names[call.cell], call.sure)
    return tokens


def _call(settings: LookupSettings, cell: Cell, sure: bool) -> list[int]:
    tool, arguments = cell
    first = settings.first_sure if sure else FIRST_TOOL
    number = settings.num_tools if tool == STAR_TOOL else tool
    return [first + number, *(settings.first_value + each for each in arguments)]
