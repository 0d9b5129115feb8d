"""The tables of docs/benchmarks.md, from the results that `benchmarks/peers.py` kept."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from peer_variants import VARIANTS, WORLDS

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- tables: made by `python benchmarks/peers.py table` -->", "<!-- end of tables -->"


def write(results: Path) -> None:
    """Replace what stands between the page's two marks."""
    kept = json.loads(results.read_text())
    tables = "\n".join(_tables(kept))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{after}", encoding="utf-8")
    print(tables)


def _tables(kept: dict[str, dict[str, Any]]) -> list[str]:
    lines = []
    for world in WORLDS:
        for width in sorted({int(key.split("/")[2]) for key in kept if key.split("/")[1] == world}):
            lines += [f"### {world}, width {width}", ""]
            lines += [
                "| rival | what it is | epochs | minibatch | steps/s, median (range) | seeds | 99 % after, median "
                "(range) | solved | cold start |",
                "|---|---|---|---|---|---|---|---|---|",
            ]
            lines += [_row(kept, world, width, name) for name in VARIANTS]
            lines.append("")
    return lines


def _row(kept: dict[str, dict[str, Any]], world: str, width: int, name: str) -> str:
    variant = VARIANTS[name]

    def cells(what: str) -> list[dict[str, Any]]:
        start = f"{what}/{world}/{width}/{name}/"
        return [result for key, result in kept.items() if key.startswith(start)]

    speed = [cell["steps_per_second"] for cell in cells("speed")]
    solve = cells("solve")
    seconds = [cell["seconds"] for cell in solve if cell["seconds"] is not None]
    cold = [cell["wall"] for cell in cells("cold")]
    columns = [
        name,
        variant.about,
        str(variant.epochs),
        f"{variant.batch:,}",
        _spread(speed, ",.0f"),
        str(len(speed)),
        _time(solve, seconds),
        f"{len(seconds)} of {len(solve)}" if solve else "",
        f"{statistics.median(cold):.1f} s" if cold else "",
    ]
    return f"| {' | '.join(columns)} |"


def _time(solve: list[dict[str, Any]], seconds: list[float]) -> str:
    """The median counts those that did not get there as slower than all others."""
    if not solve:
        return ""
    limit = max(cell["limit"] for cell in solve)
    if 2 * len(seconds) <= len(solve):
        return f"not within {limit:.0f} s"
    return f"{_spread(seconds, '.1f')} s"


def _spread(values: list[float], form: str) -> str:
    if not values:
        return ""
    median, low, high = (format(value, form) for value in (statistics.median(values), min(values), max(values)))
    return median if len(values) == 1 else f"{median} ({low} to {high})"
