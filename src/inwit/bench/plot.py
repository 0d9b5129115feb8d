"""The plot: success against seconds, a line for each learner and policy, readable without colours."""

from __future__ import annotations

from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inwit.bench.cells import Result, write_file
from inwit.bench.statistics import interquartile_mean
from inwit.bench.table import group

# Each colour is clearly darker or lighter than the next one; line styles and markers come and go at other periods.
COLOURS = ("#000000", "#d55e00", "#0072b2", "#e69f00", "#009e73")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "x", "P")
POINTS = 400  # along the time axis


def curves_at(runs: list[Result], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The success of each run at each of the `times`, [N, T]: as last measured, 0 before the first measurement."""
    curves = np.zeros((len(runs), len(times)))
    for row, run in zip(curves, runs, strict=True):
        if run.curve:
            success = np.array([0.0, *(point.success for point in run.curve)])
            row[:] = success[np.searchsorted([point.seconds for point in run.curve], times, side="right")]
    return curves


def plot(path: Path, title: str, results: list[Result], limit: float) -> None:
    """Draw into the PNG `path`. Raises `UserError` if it cannot be written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import, and may speak when it is
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.add_subplot()
    measured = [result for result in results if result.curve and not result.failed]
    end = min(limit, 1.05 * max((result.curve[-1].seconds for result in measured), default=limit))
    times = np.linspace(0.0, end, POINTS)
    styles = zip(cycle(COLOURS), cycle(LINES), cycle(MARKERS), strict=False)
    for ((learner, policy), runs), style in zip(group(measured).items(), styles, strict=False):
        _line(axes, f"{learner} × {policy}", times, curves_at(runs, times), style)
    axes.set(title=title, xlabel="seconds of training", ylabel="success (greedy)", xlim=(0, end), ylim=(-0.02, 1.02))
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.grid(color="0.9")
    if measured:
        figure.legend(loc="outside right upper", frameon=False, handlelength=4, title="IQM, band: all seeds")
    image = BytesIO()
    figure.savefig(image, format="png")
    write_file(path, image.getvalue())


def _line(
    axes: Any, label: str, times: NDArray[np.float64], curves: NDArray[np.float64], style: tuple[str, str, str]
) -> None:
    colour, line, marker = style
    mean = interquartile_mean(curves.T)
    axes.fill_between(times, curves.min(0), curves.max(0), color=colour, alpha=0.12, linewidth=0)
    axes.plot(times, mean, color=colour, linestyle=line, marker=marker, markevery=0.1, markersize=5, label=label)
