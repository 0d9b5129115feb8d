"""What `charts.html.j2` draws: charts as data, in numbers of their axes.

Every series has a colour, a dash and a marker of its own, so that no two depend on colour alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10

from inwit.report.curves import Band, Line, band

WIDTH, HEIGHT = 460, 268
NARROW = 340  # for three charts in a row: text keeps its size
LEFT, RIGHT, TOP, BOTTOM = 50, 14, 12, 40  # around the lines of a line chart
STYLES = 6  # of series in the style sheet; a seventh looks like the first
APART = 42  # from one marker of a line to the next, at least
FILLED, HOLLOW = 0, 5  # markers
Mark = tuple[int | str, float, float, float]  # a marker or `oracle`, where it stands across, how far down, its size
Legend = Sequence[tuple[str, int, str]]  # what is shown (`line`, `bar`, `oracle`, `marker`), its style, its name


@dataclass(frozen=True)
class Axis:
    """From 0 to `top`, drawn from the pixel `start` to `end`; `show` writes a tick, of `whole` numbers alone if so."""

    label: str
    top: float
    show: Callable[[float], str]
    start: float
    end: float
    whole: bool = False

    def ticks(self) -> list[float]:
        """About four round numbers."""
        raw = self.top / 4
        power = 10 ** floor(log10(raw)) if raw > 0 else 1
        sizes = [power * unit for unit in (1, 2, 2.5, 5, 10) if not self.whole or power * unit % 1 == 0] or [1.0]
        step = min(sizes, key=lambda size: abs(self.top / size - 4.2))
        return [step * place for place in range(int(self.top / step + 1e-6) + 1)]

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * min(1.0, max(0.0, value / self.top))


def compact(value: float) -> str:
    """`350 k`, `1.2 M`"""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def per_cent(value: float) -> str:
    return f"{100 * value:.0f} %"


@dataclass(frozen=True)
class Chart:
    """A chart of the page. `key` is unique on the page, `said` is the chart in words for a screen reader."""

    key: str
    title: str
    said: str
    width: float
    height: float
    x: Axis
    legend: Legend
    caption: str


@dataclass(frozen=True)
class Series:
    """A line with its band as SVG paths, and where its markers stand."""

    style: int
    line: str
    band: str
    marks: list[tuple[float, float]]


@dataclass(frozen=True)
class LineChart(Chart):
    y: Axis
    series: list[Series]


def line_chart(
    key: str,
    title: str,
    lines: Mapping[str, Sequence[Line]],
    y: str,
    x: str = "tokens",
    shares: bool = False,
    width: float = WIDTH,
) -> LineChart | None:
    """A line for each name, several of one name as a band; `x` and `y` are the axes' labels. `shares` go from 0 to
    100 %. None where there is nothing to draw."""
    bands = {name: band(each, 0.0 if shares else None) for name, each in lines.items()}
    known = [(style % STYLES, name, each) for style, (name, each) in enumerate(bands.items()) if each]
    if not known:
        return None
    longest = max(each.x[-1] for _, _, each in known) or 1.0
    highest = 1.0 if shares else 1.05 * max(max(each.high) for _, _, each in known) or 1.0
    across = Axis(x, longest, compact, LEFT, width - RIGHT)
    up = Axis(y, highest, per_cent if shares else compact, HEIGHT - BOTTOM, TOP)
    ends = [f"{name} ends at {up.show(each.middle[-1])}" for _, name, each in known]
    series = [_series(style, each, across, up, place) for place, (style, _, each) in enumerate(known)]
    legend = [("line", style, name) for style, name, _ in known] if len(bands) > 1 else []
    said = f"{y} against {x}. {'; '.join(ends)}."
    return LineChart(key, title, said, width, HEIGHT, across, legend, "", up, series)


def point_chart(
    key: str,
    title: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    y: str,
    x: str,
    caption: str = "",
    width: float = WIDTH,
) -> LineChart | None:
    """Shares from 0 to 100 % with a marker at each point (x, y), straight between them; None without a point."""
    known = [(style % STYLES, name, sorted(points)) for style, (name, points) in enumerate(lines.items()) if points]
    if not known:
        return None
    longest = max(points[-1][0] for _, _, points in known) or 1.0
    across = Axis(x, longest, compact, LEFT, width - RIGHT, whole=True)
    up = Axis(y, 1.0, per_cent, HEIGHT - BOTTOM, TOP)
    series, said = [], []
    for style, name, points in known:
        drawn = [(across.at(a), up.at(b)) for a, b in points]
        series.append(Series(style, path(drawn), "", drawn))
        said.append(f"{name}: {', '.join(f'{compact(a)} {per_cent(b)}' for a, b in points)}")
    legend = [("line", style, name) for style, name, _ in known]
    return LineChart(
        key, title, f"{y} against {x}. {'; '.join(said)}.", width, HEIGHT, across, legend, caption, up, series
    )


def _series(style: int, band: Band, x: Axis, y: Axis, place: int) -> Series:
    across = [x.at(value) for value in band.x]
    middle, high, low = (list(zip(across, map(y.at, line), strict=True)) for line in (band.middle, band.high, band.low))
    marks: list[tuple[float, float]] = []
    for point in middle:  # lines begin their markers elsewhere, so that these seldom fall together
        if point[0] >= (marks[-1][0] + APART if marks else LEFT + 20 + 14 * place):
            marks.append(point)
    return Series(style, path(middle), path(high + low[::-1]) if high != low else "", marks or middle[-1:])


def path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


@dataclass(frozen=True)
class Layout:
    """Of a chart with a row for each thing, in pixels: a row's height, its middle, where the rows begin and end across,
    and how many letters of a name fit. Names stand to the left, or above the row where `above` is true."""

    row: int
    middle: int
    left: int
    right: int
    letters: int
    above: bool = False


@dataclass(frozen=True)
class ChartRow:
    """A row: its name, a bar from 0 to `bar`, a line between two numbers, marks, a course, and its value in words."""

    name: str
    value: str = ""
    bar: float | None = None
    link: tuple[float, float] | None = None
    marks: Sequence[Mark] = ()
    course: Band | None = None
    most: float = 1.0  # the top of the course's own scale


@dataclass(frozen=True)
class RowChart(Chart):
    layout: Layout
    rows: list[ChartRow]

    def path(self, row: ChartRow) -> str:
        """The course of a row, 25 pixels high, upwards from its lower edge."""
        assert row.course is not None
        points = zip(row.course.x, row.course.middle, strict=True)
        return path([(self.x.at(x), 8 - 25 * y / row.most) for x, y in points])


BARS = Layout(38, 19, 150, 78, 21)
SPANS = Layout(34, 17, 150, 22, 21)
DOTS = Layout(48, 33, 14, 78, 60, above=True)
COURSES = Layout(30, 19, 64, 58, 6)


def row_chart(
    key: str,
    title: str,
    said: str,
    layout: Layout,
    rows: list[ChartRow],
    x: tuple[str, float, Callable[[float], str]],
    legend: Legend = (),
    caption: str = "",
) -> RowChart:
    """Rows on one scale; `x` is its label, its greatest number and how a number is written."""
    height = layout.row * len(rows) + (46 if x[0] else 30)
    across = Axis(*x, layout.left, WIDTH - layout.right)
    return RowChart(key, title, said, WIDTH, height, across, legend, caption, layout, rows)
