"""What one knows at a moment of an episode of lookup-v0, and what the optimum does from there on: for explanations, and
for a learner that is told so by name. Agents are never shown any of it.
"""

from __future__ import annotations

from inwit.core.results import Advice, Json
from inwit.worlds.lookup.oracle import claimed, proven, token_values
from inwit.worlds.lookup.queries import STAR, TOOLS
from inwit.worlds.lookup.rules import ANS, PAD, LookupSettings
from inwit.worlds.lookup.scalar import CHOICE, ScalarLookup
from inwit.worlds.lookup.shapes import STAR_TOOL, Cell
from inwit.worlds.lookup.states import next_cells, own_names
from inwit.worlds.lookup.turns import Situation, cell_of, learnt


def advice_of(settings: LookupSettings, twin: ScalarLookup) -> Advice:
    """What is known, and the values of the next tokens: none where the optimum is not claimed (fewer than three values;
    answers that may be wrong, for most kinds), or not proven: values that may be too low say nothing of regret."""
    facts, query = _facts(settings, twin), twin.problem.query
    if twin.ended or twin.forced() != CHOICE or not claimed(settings, query.template) or not proven(settings, query):
        return Advice(facts)
    values, legal = token_values(settings, query, Situation.of(twin)), twin.legal()
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
