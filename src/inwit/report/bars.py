"""Charts with a row for each thing: bars of success, spans of length, dots of seeds. As `svg.py` has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from inwit.report.curves import Band
from inwit.report.svg import STYLES, WIDTH, Axis, compact, marker, opening, path, per_cent, text

LEFT = 150  # where the names end


ORACLE = "oracle"  # the yardstick that is drawn as a line across the bar
MARKS = (3, 2, 4, 5, 1)  # the markers of other yardsticks, in order


@dataclass(frozen=True)
class Bar:
    """A row of a result: shares from 0 to 1."""

    name: str
    agent: float
    shown: str  # the agent's share in words
    yardsticks: dict[str, float]  # those that are known


def mark_of(name: str, names: Sequence[str]) -> int | str:
    """How a yardstick of these is drawn: the number of a marker, or the line."""
    return ORACLE if name == ORACLE else MARKS[[each for each in names if each != ORACLE].index(name) % len(MARKS)]


def bar_chart(key: str, title: str, bars: Sequence[Bar], names: Sequence[str]) -> Markup:
    """The agent's success as bars, with the yardsticks called `names` as marks on them."""
    right, row, top = 78, 38, 6
    height, span = top + row * len(bars) + 24, WIDTH - LEFT - right
    said = "; ".join(f"{bar.name}: agent {bar.shown}" for bar in bars)
    parts = [opening(key, WIDTH, height, title, said + ".")]
    for value in (0, 0.25, 0.5, 0.75, 1):
        x = LEFT + span * value
        parts.append(Markup('<path class="grid" d="M{:.1f} {}V{}"/>').format(x, top, height - 22))
        parts.append(text("tick mid", x, height - 6, per_cent(value)))
    for place, bar in enumerate(bars):
        y = top + row * place + row / 2
        parts.append(text("name end", LEFT - 10, y + 4, shortened(bar.name)))
        for style, width in (("track", float(span)), ("fill s0", span * bar.agent)):
            rectangle = '<rect class="{}" x="{}" y="{:.1f}" width="{:.1f}" height="20" rx="3"/>'
            parts.append(Markup(rectangle).format(style, LEFT, y - 10, width))
        parts += _marks(bar, names, y, span)
        parts.append(text("value", WIDTH - right + 8, y + 4, bar.shown))
    return Markup("").join([*parts, Markup("</svg>")])


def _marks(bar: Bar, names: Sequence[str], y: float, span: float) -> list[Markup]:
    """The yardsticks of a bar, alternately in its upper and its lower half."""
    marks = []
    for place, name in enumerate(name for name in names if name in bar.yardsticks):
        x, mark = LEFT + span * bar.yardsticks[name], mark_of(name, names)
        if isinstance(mark, int):
            marks.append(marker(mark, x, y - 5 if place % 2 else y + 5, 4.5))
        else:
            marks.append(Markup('<path class="oracle" d="M{:.1f} {:.1f}v28"/>').format(x, y - 14))
    return marks


def shortened(name: str, most: int = 21) -> str:
    """A name that fits beside a chart."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _scale(
    axis: Axis, right: float, top: float, height: float, left: float = LEFT
) -> tuple[list[Markup], Callable[[float], float]]:
    """The grid of a chart of rows, and where a value stands across it."""

    def at(value: float) -> float:
        return left + (WIDTH - left - right) * value / axis.top

    parts = []
    for tick in axis.ticks():
        parts.append(Markup('<path class="grid" d="M{:.1f} {}V{}"/>').format(at(tick), top, height - 38))
        parts.append(text("tick mid", at(tick), height - 22, axis.show(tick)))
    parts.append(text("label end", WIDTH - right, height - 5, axis.label))
    return parts, at


@dataclass(frozen=True)
class Span:
    """A row of lengths: the agent's mean beside the shortest possible."""

    name: str
    agent: float
    shortest: float | None


def span_chart(key: str, title: str, spans: Sequence[Span]) -> Markup:
    """Each row a line from the shortest length (hollow) to the agent's (filled)."""
    right, row, top = 22, 34, 8
    height = top + row * len(spans) + 40
    axis = Axis("tokens in a program", 1.12 * max(max(each.agent, each.shortest or 0) for each in spans), compact)
    said = [f"{s.name}: agent {s.agent:.2f}" + (f", shortest {s.shortest:.2f}" if s.shortest else "") for s in spans]
    grid, at = _scale(axis, right, top, height)
    parts = [opening(key, WIDTH, height, title, "; ".join(said) + "."), *grid]
    for place, each in enumerate(spans):
        y = top + row * place + row / 2
        parts.append(text("name end", LEFT - 10, y + 4, shortened(each.name)))
        if each.shortest is not None:
            d = f"M{at(each.shortest):.1f} {y:.1f}H{at(each.agent):.1f}"
            parts += [Markup('<path class="link" d="{}"/>').format(d), marker(5, at(each.shortest), y, 7.5)]
        parts.append(marker(0, at(each.agent), y, 4.5))
    return Markup("").join([*parts, Markup("</svg>")])


@dataclass(frozen=True)
class Dots:
    """A row with a dot for each seed that got there, of so many."""

    name: str
    values: list[float]
    seeds: int


def dot_chart(key: str, title: str, rows: Sequence[Dots], label: str, show: Callable[[float], str]) -> Markup:
    """Each row the values of a group; beside it how many there are."""
    left, right, row, top = 14, 78, 48, 8
    height = top + row * len(rows) + 40
    axis = Axis(label, 1.08 * max((value for each in rows for value in each.values), default=1.0), show)
    said = [f"{each.name}: {', '.join(map(show, sorted(each.values))) or 'none'}" for each in rows]
    grid, at = _scale(axis, right, top, height, left)
    parts = [opening(key, WIDTH, height, title, "; ".join(said) + "."), *grid]
    for place, each in enumerate(rows):
        y = top + row * place + 33
        parts.append(text("name", left - 8, y - 16, shortened(each.name, 60)))
        parts += [marker(place % STYLES, at(value), y, 5) for value in each.values]
        parts.append(text("value", WIDTH - right + 10, y + 4, f"{len(each.values)} of {each.seeds}"))
    return Markup("").join([*parts, Markup("</svg>")])


def course_chart(key: str, title: str, rows: Sequence[tuple[str, Band]], label: str) -> Markup:
    """Each row the course of a share, as an area on a scale that all rows have in common; its last value beside it."""
    left, right, row, top = 64, 58, 30, 4
    height = top + row * len(rows) + 38
    axis = Axis(label, max(band.x[-1] for _, band in rows) or 1.0, compact)
    most = max(max(band.middle) for _, band in rows) or 1.0
    said = [f"{name} ends at {per_cent(band.middle[-1])}" for name, band in rows]
    parts = [opening(key, WIDTH, height, title, f"shares of all tokens written; {'; '.join(said)}.")]
    base = height - 36
    for tick in axis.ticks():
        x = left + (WIDTH - left - right) * tick / axis.top
        parts.append(Markup('<path class="grid" d="M{:.1f} {}V{}"/>').format(x, top, base))
        parts.append(text("tick mid", x, base + 16, axis.show(tick)))
    parts.append(text("label end", WIDTH - right, height - 4, axis.label))
    for place, (name, band) in enumerate(rows):
        floor = top + row * (place + 1) - 3
        points = [
            (left + (WIDTH - left - right) * x / axis.top, floor - (row - 5) * y / most)
            for x, y in zip(band.x, band.middle, strict=True)
        ]
        line = path(points)
        area = Markup('<path class="band s0" d="{}L{:.1f} {}L{:.1f} {}Z"/>')
        parts.append(area.format(line, points[-1][0], floor, points[0][0], floor))
        parts.append(Markup('<path class="course s0" d="{}"/>').format(line))
        parts.append(Markup('<path class="grid" d="M{} {}H{}"/>').format(left, floor, WIDTH - right))
        parts.append(text("name end", left - 8, floor - 4, shortened(name, 6)))
        parts.append(text("value", WIDTH - right + 8, floor - 4, per_cent(band.middle[-1])))
    return Markup("").join([*parts, Markup("</svg>")])
