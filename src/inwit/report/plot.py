"""The picture of `inwit compare --plot`: a panel for each stage, a line with a band for each group."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

from inwit.core import storage
from inwit.core.errors import UserError
from inwit.report import curves
from inwit.report.compare import Comparison

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#000000", "#cc79a7")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "x", "P")


def plot(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Draw into a PNG or SVG. Raises `UserError` for another ending, and if the file cannot be written."""
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise UserError(f"--plot {path} is neither a .png nor a .svg")
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    stages = [curves.stages(each.runs) or ["0"] for each in comparisons]
    columns = max(len(names) for names in stages)
    figure = Figure(figsize=(1.5 + 3.6 * columns, 0.6 + 3.2 * len(comparisons)), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots(len(comparisons), columns, squeeze=False, sharey=True)
    for panels, comparison, names in zip(axes, comparisons, stages, strict=True):
        for panel in panels[len(names) :]:
            panel.set_axis_off()
        for panel, stage in zip(panels, names, strict=False):
            _panel(panel, comparison, stage)
        panels[0].set_ylabel(f"{comparison.world}\nrunning success")
        panels[len(names) - 1].legend(frameon=False, fontsize="small", handlelength=4)
    image = BytesIO()
    with rc_context({"svg.hashsalt": "inwit", "svg.fonttype": "none"}):
        figure.savefig(image, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write(path, image.getvalue())


def _panel(axes: Any, comparison: Comparison, stage: str) -> None:
    styles = zip(cycle(COLOURS), cycle(LINES), cycle(MARKERS), strict=False)
    for each, (colour, line, marker) in zip(comparison.groups, styles, strict=False):
        band = curves.band([curves.success_line(run, stage) for run in each.runs], 0.0)
        if band is None:
            continue
        axes.fill_between(band.x, band.low, band.high, color=colour, alpha=0.15, linewidth=0)
        label = f"{each.name} ({len(each.runs)})"
        style = {"color": colour, "linestyle": line, "marker": marker, "markevery": 0.12, "markersize": 4}
        axes.plot(band.x, band.middle, label=label.replace("$", r"\$"), **style)
    axes.set(title=f"stage {stage}", xlabel="tokens", ylim=(-0.02, 1.02))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:,.0f} k" if value else "0")
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.grid(color="0.9")


def write(path: Path, content: bytes) -> None:
    """Replace a file atomically. Raises `UserError` with its path if the disk refuses."""
    try:
        storage.replace(path, content)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
