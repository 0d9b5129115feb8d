"""The picture of `inwit compare --plot`: a panel for each stage, a line with a band for each group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inwit.core import drawing, storage
from inwit.core.errors import UserError
from inwit.report import curves
from inwit.report.compare import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Draw into a PNG or SVG. Raises `UserError` for another ending, and if the file cannot be written."""
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise UserError(f"--plot {path} is neither a .png nor a .svg")
    stages = [curves.stages(each.runs) or ["0"] for each in comparisons]
    columns = max(len(names) for names in stages)
    figure = drawing.figure(1.5 + 3.6 * columns, 0.6 + 3.2 * len(comparisons))
    axes = figure.subplots(len(comparisons), columns, squeeze=False, sharey=True)
    for panels, comparison, names in zip(axes, comparisons, stages, strict=True):
        for panel in panels[len(names) :]:
            panel.set_axis_off()
        for panel, stage in zip(panels, names, strict=False):
            _panel(panel, comparison, stage)
        panels[0].set_ylabel(f"{comparison.world}\nrunning success")
        panels[len(names) - 1].legend(frameon=False, fontsize="small", handlelength=4)
    storage.publish(path, drawing.image(figure, kind))


def _panel(axes: Axes, comparison: Comparison, stage: str) -> None:
    for each, style in zip(comparison.groups, drawing.styles(), strict=False):
        band = curves.band([curves.success_line(run, stage) for run in each.runs], 0.0)
        if band is not None:
            label = f"{each.name} ({len(each.runs)})"
            drawing.line_in_band(axes, band.x, (band.low, band.middle, band.high), label, style)
    axes.set(title=f"stage {stage}", xlabel="tokens")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:,.0f} k" if value else "0")
    drawing.share_axis(axes)
