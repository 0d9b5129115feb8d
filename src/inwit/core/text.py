"""Figures and plain tables as text, the same wherever people read them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from pathlib import Path


def percent(share: float, digits: int = 1) -> str:
    """Never rounds up to 100 %, which is a claim about every problem, nor down to 0."""
    text, least = f"{100 * share:.{digits}f} %", 10.0**-digits
    if text == f"{100:.{digits}f} %":
        return "100 %" if share >= 1 else f"> {100 - least:.{digits}f} %"
    zero = f"{0:.{digits}f} %"
    return f"< {least:.{digits}f} %" if text == zero and share > 0 else text.replace(f"-{zero}", zero)


def percents(low: float, high: float) -> str:
    """An interval, with as many digits as it takes to tell its ends apart: `98.1 % to 98.4 %`."""
    digits = 1
    while low < high and digits < 9 and percent(low, digits) == percent(high, digits):
        digits += 1
    return f"{percent(low, digits)} to {percent(high, digits)}"


def span(low: float, high: float) -> str:
    """An interval with as many digits as it takes to tell its ends apart: `0.010 to 0.013`."""
    digits = 2
    while low < high and digits < 6 and f"{low:.{digits}f}" == f"{high:.{digits}f}":
        digits += 1
    return f"{low:.{digits}f} to {high:.{digits}f}"


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[bool], width: int | None = None
) -> str:
    """Columns as wide as they must be; those where `numbers` is true stand to the right. Where they are wider than
    `width` together, several tables stand below each other, each with the first column."""
    cells = [[clean(value) for value in row] for row in [headings, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    parts = fitting(widths, width, gap=2) if width else [list(range(len(headings)))]
    return "\n\n".join(_table(cells, columns, widths, numbers) for columns in parts)


def _table(cells: list[list[str]], columns: list[int], widths: list[int], numbers: Sequence[bool]) -> str:
    lines = []
    for row in cells:
        aligned = (row[i].rjust(widths[i]) if numbers[i] else row[i].ljust(widths[i]) for i in columns)
        lines.append("  ".join(aligned).rstrip())
    rule = "─" * (sum(widths[i] for i in columns) + 2 * (len(columns) - 1))
    return "\n".join([lines[0], rule, *lines[1:]])


def fitting(widths: Sequence[int], space: int, gap: int, keep: int = 1) -> list[list[int]]:
    """Which columns stand in each of the tables that `space` has room for; the first `keep` stand in all of them."""
    kept = list(range(keep))
    start = sum(widths[:keep]) + gap * max(0, keep - 1)
    tables, used = [[*kept]], start
    for column, width in enumerate(widths[keep:], keep):
        more = width + (gap if tables[-1] else 0)
        if used + more > space and len(tables[-1]) > keep:
            tables.append([*kept])
            used, more = start, width + (gap if keep else 0)
        tables[-1].append(column)
        used += more
    return tables


def wrapped(text: str, width: int | None) -> str:
    """Lines no longer than `width`, which are cut between words."""
    if width is None or max(map(len, text.splitlines()), default=0) <= width:
        return text
    return textwrap.fill(" ".join(text.split()), max(width, 20))


def clean(value: object) -> str:
    """As one line that cannot move the cursor, since folder names and file contents may hold anything."""
    text = "·" if value is None else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)


def shown(path: Path) -> str:
    """A path for a person: from the current folder, where it lies below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere; or the current folder was deleted
        return str(path)


def count(value: float | None) -> str:
    return "·" if value is None else f"{value:,.0f}"


def mean(value: float | None) -> str:
    return "·" if value is None else f"{value:.2f}"


def plural(number: int, what: str) -> str:
    """`1 run`, `3 runs`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def seconds(value: float | None) -> str:
    """`1.6 s`, `4 min 10 s`, `3 h 05 min`."""
    if value is None:
        return "·"
    if value < 100:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


LISTED = 12  # values of a list that a line of text holds


def task_text(task: Mapping[str, object]) -> str:
    """`stage 2, operands 5 5 7 9 8`. Of a long list, as a hidden table, it has the start."""
    return ", ".join(f"{name.replace('_', ' ')} {glimpse(value)}" for name, value in task.items())


def glimpse(value: object) -> str:
    """As `held`; of a long list the start."""
    if isinstance(value, list) and len(value) > LISTED:
        return f"{held(value[:3])} ... ({len(value)} values)"
    return held(value)


def held(value: object) -> str:
    """What a register or a field of a task holds; a point where it holds nothing."""
    if isinstance(value, list):
        return " ".join(map(held, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_each(item)}" for name, item in value.items()) or "none"
    if value is None or value is False:
        return "·"
    return "set" if value is True else str(value)


def _each(value: object) -> str:
    """What stands for one name: several values came one after the other."""
    return " then ".join(map(held, value)) if isinstance(value, list) else held(value)


def plain(value: object) -> object:
    """As JSON has it: decimals are floats, times are text, null stands for what is not a finite number."""
    if isinstance(value, float | Decimal):
        return float(value) if isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)
