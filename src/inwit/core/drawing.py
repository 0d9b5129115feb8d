"""What all plots share: a figure, styles that differ without colour, lines with bands, and the file."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

# Each colour is clearly darker or lighter than the next one. Line styles and markers repeat at other periods.
COLOURS = ("#000000", "#d55e00", "#0072b2", "#e69f00", "#009e73")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "x", "P")
Style = tuple[str, str, str]  # one of each


def figure(width: float, height: float) -> Figure:
    """An empty figure, in inches. It belongs to no window and changes no global state of matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import, and may speak when it is
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=130, layout="constrained")
    FigureCanvasAgg(made)
    return made


def styles() -> Iterator[Style]:
    """A look for each line of a plot."""
    return zip(cycle(COLOURS), cycle(LINES), cycle(MARKERS), strict=False)


def line_in_band(axes: Axes, x: ArrayLike, y: tuple[ArrayLike, ArrayLike, ArrayLike], label: str, style: Style) -> None:
    """A line in the middle of a band; `y` is its lowest, middle and highest values."""
    (low, middle, high), (colour, line, marker) = y, style
    axes.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
    shown = label.replace("$", r"\$")  # no mathematics
    axes.plot(x, middle, color=colour, linestyle=line, marker=marker, label=shown, markevery=0.11, markersize=4.5)


def level(axes: Axes, y: float, label: str, style: Style) -> None:
    """A line across at one height: of what does not change along the axis."""
    axes.axhline(y, color=style[0], linestyle=style[1], label=label.replace("$", r"\$"))


def share_axis(axes: Axes) -> None:
    """The vertical axis from 0 to 100 %."""
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.grid(color="0.9")


def image(made: Figure, kind: str) -> bytes:
    """The figure as `png` or `svg`; the same figure gives the same bytes."""
    from matplotlib import rc_context

    held = BytesIO()
    with rc_context({"svg.hashsalt": "inwit", "svg.fonttype": "none"}):
        made.savefig(held, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return held.getvalue()
