"""The tables of docs/benchmarks.md, short and full, from the results that `benchmarks/peers.py` kept."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peer_variants import VARIANTS, WORLDS, named

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- {} tables: made by `python benchmarks/peers.py table` -->", "<!-- end of {} tables -->"
WIDE = ("rival", "what it is", "epochs", "minibatch", "dtype", "steps/s, median (range)", "seeds")
WIDE += ("99 % after, median (range)", "solved", "cold start")
SHORT = ("rival", "what it is", "steps/s with learning", "99 % of every stage after")
Kept = dict[str, dict[str, Any]]


def write(results: Path) -> None:
    """Replace what stands between the marks of the page."""
    if not results.exists():
        raise SystemExit(f"there are no results in {results} yet: measure first, as `make peers` does")
    kept = json.loads(results.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    for which, names, columns, row in (
        ("short", named(["inwit", "tuned"]), SHORT, _short),
        ("full", list(VARIANTS), WIDE, _wide),
    ):
        tables = "\n".join(_tables(kept, names, columns, row))
        before, begin, rest = text.partition(BEGIN.format(which))
        _, end, after = rest.partition(END.format(which))
        if not (begin and end):
            marks = f"{BEGIN.format(which)} {END.format(which)}"
            raise SystemExit(f"{PAGE} has no place for the tables: put these marks around it: {marks}")
        text = f"{before}{begin}\n\n{tables}\n{end}{after}"
        print(tables)
    PAGE.write_text(text, encoding="utf-8")


def _tables(kept: Kept, names: list[str], columns: tuple[str, ...], row: Callable[..., list[str]]) -> list[str]:
    """A table for each world and width, with a row for each variant of which something was measured."""
    lines = []
    for world in WORLDS:
        for width in sorted({int(key.split("/")[2]) for key in kept if key.split("/")[1] == world}):
            lines += [f"**{world}, width {width}**", "", _line(columns), "|---" * len(columns) + "|"]
            for name in names:
                cells = {what: _cells(kept, f"{what}/{world}/{width}/{name}/") for what in ("speed", "solve", "cold")}
                if any(cells.values()):
                    lines.append(_line(row(name, cells)))
            lines.append("")
    return lines


def _cells(kept: Kept, start: str) -> list[dict[str, Any]]:
    return [result for key, result in kept.items() if key.startswith(start)]


def _wide(name: str, cells: dict[str, list[dict[str, Any]]]) -> list[str]:
    variant, solve = VARIANTS[name], cells["solve"]
    cold = [cell["wall"] for cell in cells["cold"]]
    return [
        name,
        variant.about,
        str(variant.epochs),
        f"{variant.batch:,}",
        variant.dtype,
        _speed(cells),
        str(len(cells["speed"])),
        _time(solve),
        f"{len(_seconds(solve))} of {len(solve)}" if solve else "",
        f"{statistics.median(cold):.1f} s" if cold else "",
    ]


def _short(name: str, cells: dict[str, list[dict[str, Any]]]) -> list[str]:
    return [name, VARIANTS[name].about, _speed(cells), _time(cells["solve"])]


def _speed(cells: dict[str, list[dict[str, Any]]]) -> str:
    return _spread([cell["steps_per_second"] for cell in cells["speed"]], "{:,.0f}".format)


def _seconds(solve: list[dict[str, Any]]) -> list[float]:
    return [cell["seconds"] for cell in solve if cell["seconds"] is not None]


def _time(solve: list[dict[str, Any]]) -> str:
    """The median of all seeds, where one that did not get there is slower than all that did."""
    if not solve:
        return ""
    seconds = sorted(_seconds(solve))
    limits = [cell["limit"] for cell in solve if cell["seconds"] is None]
    if 2 * len(seconds) <= len(solve):
        return f"not within {min(limits):.0f} s"
    if not limits:
        return f"{_spread(seconds, _told)} s"
    # Of an even number this is the slower of the two in the middle: their mean would need a time that is not known.
    return f"{_told(seconds[len(solve) // 2])} ({_told(seconds[0])} to not within {min(limits):.0f}) s"


def _told(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2f}"


def _spread(values: list[float], told: Callable[[float], str]) -> str:
    if not values:
        return ""
    median, low, high = (told(value) for value in (statistics.median(values), min(values), max(values)))
    return median if len(values) == 1 else f"{median} ({low} to {high})"


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
