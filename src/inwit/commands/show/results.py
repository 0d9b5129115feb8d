"""Tables of what an agent can do: its evaluation, pass@k, and the shortest program of an expression."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from inwit.core import result_text
from inwit.core.results import Evaluation
from inwit.core.text import percent

if TYPE_CHECKING:
    from inwit.evaluation.pass_at_k import PassAtK
    from inwit.worlds.oracle.shortest import ShortestProgram

SOLVED = 2  # the column that is coloured


def evaluation_table(evaluation: Evaluation) -> Group:
    """The result, row by row, with a column for each yardstick; below it programs, totals and the known limit."""
    table = _table(result_text.title(evaluation))
    for column, heading in enumerate(result_text.headings(evaluation)):
        if column == 0:
            table.add_column(heading)  # the one that may be wrapped
        else:
            table.add_column(heading.replace(" ", "\n"), justify="right", no_wrap=True)
    for row, cells in zip(evaluation.rows, result_text.cells(evaluation), strict=True):
        shown: list[str | Text] = [_stacked(cell) for cell in cells]
        shown[SOLVED] = Text(cells[SOLVED], style="bold green" if row.solved == row.problems else "yellow")
        table.add_row(*shown)
    below = [*_programs(evaluation), *result_text.notes(evaluation), *_split(evaluation)]
    limit = [Text(f"known limit: {evaluation.known_limit}", style="dim")] if evaluation.known_limit else []
    return Group(table, Text("\n".join(below)), *limit)


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)


def _stacked(cell: str) -> str:
    """In two lines what would make a column wide: an interval, `not searched`."""
    return cell.replace(" (", "\n(") if " (" in cell else cell.replace("not searched", "not\nsearched")


def _programs(evaluation: Evaluation) -> list[str]:
    """The programs behind the table: each row's name once."""
    lines = result_text.programs(evaluation)
    widths = [max((len(line[column]) for line in lines), default=0) for column in (0, 1)]
    names = ["", *(name for name, _, _ in lines)]
    shown = [
        f"{'' if name == before else name:{widths[0]}}  {whose:{widths[1]}}  {text}"
        for (before, name), (_, whose, text) in zip(pairwise(names), lines, strict=True)
    ]
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


def pass_table(result: PassAtK) -> Group:
    """pass@k, a row for each stage, then all together."""
    which = "every problem" if result.all_problems else "a fixed sample of the problems"
    title = Text(f"pass@{result.k}, from {result.samples} sampled programs for each; {which}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("stage", "problems", f"pass@{result.k}", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows = [(f"{each.stage}{' held out' if each.held_out else ''}", each) for each in result.stages]
    for name, each in [*rows, ("all", result.overall)]:
        interval = f"{percent(each.low)} to {percent(each.high)}"
        table.add_row(name, f"{each.problems:,}", percent(each.estimate), interval)
    return Group(title, table)


def shortest_text(expression: str, slots: int, best: ShortestProgram) -> Text:
    """A shortest program and how sure it is."""
    if best.program is None:
        found = f"none with {slots} slots: all programs of up to {best.searched_to} tokens were searched"
    else:
        sure = "proven shortest" if best.proven else f"shortest found; searched to {best.searched_to} tokens"
        found = f"{' '.join(best.program)}\n{best.length} tokens, {sure}; slots needed: {best.slots_needed}"
    return Text(f"{expression} with {slots} slots: {found}")
