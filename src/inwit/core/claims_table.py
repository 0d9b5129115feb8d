"""What was found of claims, as a table for people: for each measure its bar, and in the next columns every control.

Verdicts are words, and what fails says so: nothing depends on colour.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from inwit.core.claims import (
    AT_LEAST,
    NOT_SHOWN,
    NOT_TESTABLE,
    REFUTED,
    SHOWN,
    Claim,
    Control,
    Evidence,
    Measure,
    summary,
)
from inwit.core.columns import LINES, Columns
from inwit.core.text import span

STYLES = {SHOWN: "bold green", REFUTED: "bold red", NOT_SHOWN: "yellow", NOT_TESTABLE: "dim"}
FAILS = "fails"
HEADINGS = ("claim", "measure", "found", "bar", "n", "control", "is", "must be")
LEFT = (0, 1, 5, 7)  # the columns that are not numbers
FOLDED, NARROW = (1, 5), 12  # columns whose text is folded, and how narrow they may become
MEASURE = 1  # the columns with the names of measures and of controls
CONTROL = 5


class _Part(NamedTuple):
    """A measure with its controls: its own cells, and the cells of each control."""

    cells: tuple[str, ...]
    controls: list[tuple[str, str, str]]


def evidence_table(evidence: Evidence) -> Group:
    """The claims with all that was measured; below it why each verdict is what it is."""
    who = (
        evidence.agents[0] if len(evidence.agents) == 1 else f"{len(evidence.agents)} agents that differ in their seed"
    )
    over = "classes of problems" if len(evidence.agents) == 1 else "seeds"
    title = Text(f"{evidence.world}: {who}; intervals are of 95 %, over {over}", "italic")
    return Group(title, ClaimsTable(evidence.claims), Reasons(evidence.claims), *_each(evidence))


def _each(evidence: Evidence) -> list[Columns]:
    """Of several agents a line for each."""
    headings, rows = each_alone(evidence)
    return [Columns(headings, rows, left=range(len(headings)), wide=True)] if rows else []


def each_alone(evidence: Evidence) -> tuple[list[str], list[list[str]]]:
    """The headings and rows of what was found of each agent alone, where there are several; untestable claims are left
    out."""
    found = evidence.each()
    own = [{claim.claim: summary(claim) for claim in each.claims} for each in found]
    names = [claim.claim for claim in evidence.claims if claim.verdict != NOT_TESTABLE]
    rows = [[each.agents[0], *(cells.get(name, "") for name in names)] for each, cells in zip(found, own, strict=True)]
    return ["each alone", *names], rows if names else []


class ClaimsTable(Columns):
    """One table at every width. Names are folded where it is narrow; where even that is too wide, controls stand below
    their measure. In a notebook there is a row for each measure."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self.claims = claims
        rows = [row for claim in claims for row in _flat(claim)]
        super().__init__(HEADINGS, rows, left=LEFT)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width - 2
        widths = self._widths(room)
        if sum(widths) + 2 * (len(widths) - 1) > room:
            yield _narrow(self.claims, room)
            return
        table = _table(HEADINGS, LEFT, widths)
        for place, claim in enumerate(self.claims):
            if place:
                table.add_row()
            for row in _lines(claim, widths):
                table.add_row(*row)
        yield table

    def _widths(self, room: int) -> list[int]:
        """As wide as the words are; names give way where there is too little room."""
        widths = _widest([HEADINGS, *_all(self.claims)])
        over = sum(widths) + 2 * (len(widths) - 1) - room
        while over > 0 and max(widths[column] for column in FOLDED) > NARROW:
            widest = max(FOLDED, key=lambda column: widths[column])
            widths[widest] -= 1
            over -= 1
        return widths


def _widest(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in zip(*rows, strict=True)]


def _table(headings: Sequence[str], left: Sequence[int], widths: Sequence[int | None]) -> Table:
    """Columns of these widths; one without a width folds where it must."""
    table = Table(box=LINES, pad_edge=False, collapse_padding=True)
    for column, heading in enumerate(headings):
        side = "left" if column in left else "right"
        width = widths[column]
        table.add_column(heading, justify=side, no_wrap=width is not None, overflow="fold", width=width)
    return table


def _narrow(claims: Sequence[Claim], room: int) -> Table:
    """Controls below their measure, in the same columns."""
    headings = ("claim", "found", "95 %", "must be", "n")
    rows: list[tuple[str, ...]] = [headings]
    for claim in claims:
        rows += [("",) * 5] if len(rows) > 1 else []
        rows.append((f"{claim.claim}: {claim.verdict}", "", "", "", ""))
        for measure in claim.measures:
            name, found, bar, n = _part(measure).cells
            value, _, interval = found.partition("\n")
            rows.append((f"  {name}", value, interval, bar, n))
            rows += [(f"    {name}", value, "", must, "") for name, value, must in _part(measure).controls]
    widths = _widest(rows)
    widths[0] = max(NARROW, min(widths[0], room - sum(widths[1:]) - 2 * (len(widths) - 1)))
    fits = sum(widths) + 2 * (len(widths) - 1) <= room
    table = _table(headings, (0, 3), widths if fits else [None] * 5)
    for name, *cells in rows[1:]:
        indent = name[: len(name) - len(name.lstrip())]
        first, *more = textwrap.wrap(name, widths[0], initial_indent="", subsequent_indent=indent) or [""]
        verdict = name.rpartition(": ")[2]
        table.add_row(Text(first, "" if indent else STYLES.get(verdict, "")), *map(_marked, cells))
        for line in more:
            table.add_row(line)
    return table


def _all(claims: Sequence[Claim]) -> list[tuple[str, ...]]:
    """Every cell of the table, to measure how wide the columns are."""
    cells = [(f"{claim.claim}\n{claim.verdict}", *[""] * 7) for claim in claims]
    for part in (part for claim in claims for part in map(_part, claim.measures)):
        cells += [("", *part.cells, "", "", ""), *(("", "", "", "", "", *control) for control in part.controls)]
    return cells


def _part(measure: Measure) -> _Part:
    interval = span(*measure.interval) if measure.interval else ""
    found = "\n".join(filter(None, (_number(measure.statistic), interval)))
    bar = f"{_sign(measure.side)} {measure.bar:g}"
    controls = [(name, _number(each.value), _must(each)) for name, each in measure.controls.items()]
    return _Part((measure.name, found, bar, f"{measure.n:,}"), controls)


def _must(control: Control) -> str:
    if control.bar is None:
        return "\u00b7"
    return f"{_sign(control.side)} {control.bar:g}{'' if control.holds else f' {FAILS}'}"


def _lines(claim: Claim, widths: Sequence[int]) -> list[list[Text | str]]:
    """The lines of one claim: its name above its verdict, beside them its measures, one below the other."""
    beside: list[tuple[str, ...]] = []
    for part in map(_part, claim.measures):
        name = textwrap.wrap(part.cells[0], widths[MEASURE])
        own = zip_longest(name, *(cell.split("\n") for cell in part.cells[1:]), fillvalue="")
        controls = [line for control in part.controls for line in _folded(control, widths[CONTROL])]
        nothing: tuple[tuple[str, ...], tuple[str, ...]] = (("",) * 4, ("",) * 3)
        pairs = zip_longest(own, controls)
        beside += [(*(left or nothing[0]), *(right or nothing[1])) for left, right in pairs]
    ends = [Text(claim.claim, "bold"), Text(claim.verdict, STYLES.get(claim.verdict, ""))]
    found = zip_longest(ends, beside, fillvalue=None)
    return [[end or "", *map(_marked, rest or ("",) * 7)] for end, rest in found]


def _folded(control: tuple[str, str, str], width: int) -> list[tuple[str, ...]]:
    """The lines of a control: its name may take several."""
    name, *rest = control
    first, *more = textwrap.wrap(name, width) or [""]
    return [(first, *rest), *((line, "", "") for line in more)]


def _marked(cell: str) -> Text:
    return Text(cell, "bold red" if cell.endswith(FAILS) else "")


def _flat(claim: Claim) -> list[tuple[str, ...]]:
    """A row for each measure, with its controls below each other."""
    rows = []
    for place, part in enumerate(map(_part, claim.measures)):
        controls = ["\n".join(each) for each in zip(*part.controls, strict=True)] or [""] * 3
        rows.append((f"{claim.claim}\n{claim.verdict}" if place == 0 else "", *part.cells, *controls))
    return rows or [(f"{claim.claim}\n{claim.verdict}", *[""] * 7)]


class Reasons(Columns):
    """Why each verdict is what it is, and why a control has no value."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        rows = [(claim.claim, line) for claim in claims for line in _whys(claim)]
        super().__init__(("", "why"), rows, left=(0, 1))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        before = ""
        for claim, why in self.rows:
            table.add_row(Text(f" {'' if claim == before else claim}"), Text(str(why)))
            before = claim
        yield table


def _whys(claim: Claim) -> list[str]:
    blind = {
        f"{name} is unknown: {control.why}": None
        for measure in claim.measures
        for name, control in measure.controls.items()
        if control.value is None and control.why
    }
    return [f"{claim.verdict}: {claim.why}", *blind]


def _sign(side: str) -> str:
    return ">=" if side == AT_LEAST else "<="


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
