"""Charts as inline SVG: text that a screen reader reads, colours that the page's style sheet decides.

Every series has a colour, a dash and a marker of its own, so that no two depend on colour alone. All text is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10

from markupsafe import Markup

from inwit.report.curves import Band

WIDTH, HEIGHT = 460, 268
NARROW = 340  # for three charts in a row: text keeps its size
LEFT, RIGHT, TOP, BOTTOM = 50, 14, 12, 40
STYLES = 6  # of series in the style sheet; a seventh looks like the first
APART = 42  # from one marker of a line to the next, at least
Mark = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A named line with its band, in the look number `style`."""

    name: str
    band: Band
    style: int


@dataclass(frozen=True)
class Axis:
    """From 0 to `top`; `show` writes a tick."""

    label: str
    top: float
    show: Callable[[float], str]

    def ticks(self) -> list[float]:
        """About four round numbers."""
        raw = self.top / 4
        power = 10 ** floor(log10(raw)) if raw > 0 else 1
        step = min((power * unit for unit in (1, 2, 2.5, 5, 10)), key=lambda size: abs(self.top / size - 4.2))
        return [step * place for place in range(int(self.top / step + 1e-6) + 1)]


def compact(value: float) -> str:
    """`350 k`, `1.2 M`"""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def per_cent(value: float) -> str:
    return f"{100 * value:.0f} %"


def line_chart(key: str, title: str, series: Sequence[Series], x: Axis, y: Axis, width: float = WIDTH) -> Markup:
    """Lines with bands. `key` is unique on the page."""

    def at(px: float, py: float) -> Mark:
        across = LEFT + (width - LEFT - RIGHT) * px / x.top
        return across, HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * min(1.0, max(0.0, py / y.top))

    ends = [f"{each.name} ends at {y.show(each.band.middle[-1])}" for each in series]
    parts = [opening(key, width, HEIGHT, title, f"{y.label} against {x.label}. {'; '.join(ends)}.")]
    parts += _grid(x, y, at, width)
    parts += [_band(each, at) for each in series]
    parts += [_line(each, at, offset) for offset, each in enumerate(series)]
    return Markup("").join([*parts, Markup("</svg>")])


def opening(key: str, width: float, height: float, title: str, description: str) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d"><title id="{}-t">{}</title>'
        '<desc id="{}-d">{}</desc>'
    ).format(f"{width:g}", f"{height:g}", key, key, key, title, key, description)


def _grid(x: Axis, y: Axis, at: Callable[[float, float], Mark], width: float) -> list[Markup]:
    parts = []
    for value in y.ticks():
        _, py = at(0, value)
        parts.append(Markup('<path class="grid" d="M{} {:.1f}H{}"/>').format(LEFT, py, width - RIGHT))
        parts.append(text("tick end", LEFT - 7, py + 4, y.show(value)))
    base = HEIGHT - BOTTOM
    for value in x.ticks():
        px, _ = at(value, 0)
        parts.append(Markup('<path class="axis" d="M{:.1f} {}v4"/>').format(px, base))
        parts.append(text("tick mid", px, base + 17, x.show(value)))
    parts.append(Markup('<path class="axis" d="M{} {}H{}"/>').format(LEFT, base, width - RIGHT))
    parts.append(text("label end", width - RIGHT, HEIGHT - 6, x.label))
    return parts


def text(style: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(style, x, y, text)


def path(points: Sequence[Mark]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _band(series: Series, at: Callable[[float, float], Mark]) -> Markup:
    band = series.band
    upper = [at(x, y) for x, y in zip(band.x, band.high, strict=True)]
    lower = [at(x, y) for x, y in zip(band.x, band.low, strict=True)]
    if upper == lower:
        return Markup("")
    return Markup('<path class="band s{}" d="{}Z"/>').format(series.style % STYLES, path(upper + lower[::-1]))


def _line(series: Series, at: Callable[[float, float], Mark], offset: int) -> Markup:
    points = [at(x, y) for x, y in zip(series.band.x, series.band.middle, strict=True)]
    marked = _marked(points, LEFT + 20 + 14 * offset) or points[-1:]
    style = series.style % STYLES
    line = Markup('<path class="line s{}" d="{}"/>').format(style, path(points))
    return line + Markup("").join(marker(style, x, y) for x, y in marked)


def _marked(points: Sequence[Mark], start: float) -> list[Mark]:
    """The points that carry a marker, well apart; lines start elsewhere, so that markers seldom fall together."""
    marked: list[Mark] = []
    for point in points:
        if point[0] >= (marked[-1][0] + APART if marked else start):
            marked.append(point)
    return marked


def marker(style: int, x: float, y: float, size: float = 4.0) -> Markup:
    """Circle, square, triangle, diamond, cross, hollow circle."""
    r = size
    shapes = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:g}"/>',
        f'<rect x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r:g}" height="{2 * r:g}"/>',
        f'<path d="M{x:.1f} {y - 1.3 * r:.1f}l{1.2 * r:.1f} {2.1 * r:.1f}h{-2.4 * r:.1f}z"/>',
        f'<path d="M{x:.1f} {y - 1.4 * r:.1f}l{1.2 * r:.1f} {1.4 * r:.1f}l{-1.2 * r:.1f} {1.4 * r:.1f}'
        f'l{-1.2 * r:.1f} {-1.4 * r:.1f}z"/>',
        f'<path class="cross" d="M{x - r:.1f} {y - r:.1f}l{2 * r:g} {2 * r:g}m0 {-2 * r:g}l{-2 * r:g} {2 * r:g}"/>',
        f'<circle class="hollow" cx="{x:.1f}" cy="{y:.1f}" r="{r:g}"/>',
    )
    return Markup(f'<g class="mark s{style}">{shapes[style % STYLES]}</g>')


def swatch(style: int) -> Markup:
    """The look of a line, for a legend; the name stands beside it in text."""
    line = Markup('<path class="line s{}" d="M1 8H35"/>').format(style % STYLES)
    return _swatch(line + marker(style % STYLES, 18, 8))


def swatch_mark(mark: int | str, style: int = 0) -> Markup:
    """The look of a marker, by its number; of a `bar`; or of the line of the `oracle`."""
    if mark == "bar":
        return _swatch(Markup('<rect class="fill s{}" x="2" y="2" width="32" height="12" rx="3"/>').format(style))
    if isinstance(mark, str):
        return _swatch(Markup('<path class="oracle" d="M18 1v14"/>'))
    return _swatch(marker(mark, 18, 8, 5))


def _swatch(inside: Markup) -> Markup:
    return Markup('<svg class="swatch" viewBox="0 0 36 16" aria-hidden="true">') + inside + Markup("</svg>")
