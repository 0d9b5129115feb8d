"""The plot: success against seconds, a line for each learner and policy, readable without colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inwit.bench.cells import Result
from inwit.bench.statistics import interquartile_mean
from inwit.bench.table import group
from inwit.core import drawing, storage

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
    figure = drawing.figure(9, 5)
    axes = figure.add_subplot()
    measured = [result for result in results if result.curve and not result.failed]
    end = min(limit, 1.05 * max((result.curve[-1].seconds for result in measured), default=limit))
    times = np.linspace(0.0, end, POINTS)
    for ((learner, policy), runs), style in zip(group(measured).items(), drawing.styles(), strict=False):
        curves = curves_at(runs, times)
        band = curves.min(0), interquartile_mean(curves.T), curves.max(0)
        drawing.line_in_band(axes, times, band, f"{learner} × {policy}", style)
    axes.set(title=title, xlabel="seconds of training", ylabel="success (greedy)", xlim=(0, end))
    drawing.share_axis(axes)
    if measured:
        figure.legend(loc="outside right upper", frameon=False, handlelength=4, title="IQM, band: all seeds")
    storage.publish(path, drawing.image(figure, "png"))
