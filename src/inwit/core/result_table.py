"""An evaluation as a table for people. Its words: `result_text`."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from inwit.core import result_text
from inwit.core.columns import Columns
from inwit.core.results import Evaluation

SOLVED = 2  # the column that is coloured


def evaluation_table(evaluation: Evaluation) -> Group:
    """The result, row by row, with a column for each yardstick; below it programs, totals and the known limit."""
    below = [*_programs(evaluation), *result_text.notes(evaluation), *_split(evaluation)]
    limit = [Text(f"known limit: {evaluation.known_limit}", style="dim")] if evaluation.known_limit else []
    return Group(Text(result_text.title(evaluation), "italic"), _rows(evaluation), Text("\n".join(below)), *limit)


def _rows(evaluation: Evaluation) -> Columns:
    headings = [heading.replace(" ", "\n") for heading in result_text.headings(evaluation)]
    rows: list[list[str | Text]] = []
    for row, cells in zip(evaluation.rows, result_text.cells(evaluation), strict=True):
        style = "bold green" if row.solved == row.problems else "yellow"
        rows.append([Text(cell, style) if i == SOLVED else cell for i, cell in enumerate(_stacked(cells))])
    return Columns(headings, rows)


def _stacked(cells: list[str]) -> list[str]:
    """In two lines what would make a column wide: an interval, `not searched`."""
    return [cells[0], *(cell.replace(" (", "\n(").replace("not searched", "not\nsearched") for cell in cells[1:])]


def _programs(evaluation: Evaluation) -> list[str]:
    """The programs behind the table: each row's name once."""
    lines = result_text.programs(evaluation)
    widths = [max((len(line[column]) for line in lines), default=0) for column in (0, 1)]
    shown, before = [], ""
    for name, whose, text in lines:
        shown.append(f"{'' if name == before else name:{widths[0]}}  {whose:{widths[1]}}  {text}")
        before = name
    return [*shown, ""] if shown else []


def _split(evaluation: Evaluation) -> list[str]:
    """The trained problems and the test set apart, where there is one."""
    split = evaluation.split
    if split is None:
        return []
    lines = [f"split by {split.name}, solved of trained and of held out:"]
    for name, trained, held_out in result_text.split_rows(split):
        lines.append(f"  {name}: {trained} trained, {held_out} held out")
    return [*lines, f"  {result_text.leak(split)}"]
