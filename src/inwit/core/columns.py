"""Tables for a terminal of any width: a table that is too wide becomes several below each other, and nothing is cut."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from inwit.core.text import fitting

FOLDED = 24  # columns that a column of folded text has at least, where it has so much
# Of one shape in every encoding: a stream that has no such line writes `-`.
LINES = box.Box(str(box.SIMPLE_HEAD), ascii=True)

Cell = str | Text


class Columns:
    """The rows below their headings. The first `keep` columns stand in each table.

    `left` are the columns that are not numbers, `fold` is one whose text may be folded, `wide` sets columns further
    apart where there is room, and no column is narrower than `least`.
    """

    def __init__(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        *,
        keep: int = 1,
        left: Sequence[int] = (0,),
        fold: int | None = None,
        wide: bool = False,
        least: int = 0,
    ) -> None:
        self.headings = [heading.rjust(least) for heading in headings]
        self.rows, self.keep, self.left, self.fold, self.wide = rows, keep, left, fold, wide

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = [max(map(_width, column)) for column in zip(self.headings, *self.rows, strict=True)]
        if self.fold is not None:
            widths[self.fold] = min(widths[self.fold], FOLDED)
        if self.wide and sum(widths) + 3 * len(widths) + 1 <= options.max_width:
            yield self._table(range(len(widths)), [None] * len(widths), wide=True)
            return
        room = options.max_width - 2
        for columns in fitting(widths, room, 2, self.keep):
            yield self._table(columns, _squeezed([widths[column] for column in columns], room), wide=False)

    def _table(self, columns: Sequence[int], widths: Sequence[int | None], *, wide: bool) -> Table:
        table = Table(box=LINES, pad_edge=wide, collapse_padding=not wide)
        for column, width in zip(columns, widths, strict=True):
            side = "left" if column in self.left else "right"
            no_wrap = column != self.fold and width is None
            table.add_column(self.headings[column], justify=side, no_wrap=no_wrap, overflow="fold", width=width)
        for row in self.rows:
            table.add_row(*(row[column] for column in columns))
        return table


def _squeezed(widths: list[int], room: int) -> list[int | None]:
    """The widths of the columns of a table that is wider than the room: the widest column gives way, and its text is
    folded. None, as wide as it must be, for each column of a table that fits."""
    over = sum(widths) + 2 * (len(widths) - 1) - room
    if over <= 0:
        return [None] * len(widths)
    found: list[int | None] = [*widths]
    while over > 0 and max(widths) > 1:
        widest = widths.index(max(widths))
        others = max((width for place, width in enumerate(widths) if place != widest), default=1)
        less = min(over, max(1, widths[widest] - others))
        widths[widest] -= less
        over -= less
        found[widest] = widths[widest]
    return found


def _width(cell: Cell) -> int:
    return max(map(cell_len, str(cell).split("\n")))
