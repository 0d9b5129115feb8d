"""What the grid found: for each learner and policy how many seeds got there, how soon, and how sure that is.

As a table, and as a plot of success against seconds. A run that did not get there counts as infinite.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf, isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Group
from rich.text import Text

from inwit.bench.cells import Point, Result
from inwit.core import drawing, storage
from inwit.core.columns import Columns
from inwit.core.seeding import stream_seed
from inwit.core.text import percent

HEADINGS = ("learner", "policy", "95 %", "seconds", "1000 tokens", "100 %", "seconds", "1000 tokens", "at the end")
RESAMPLES = 2000
POINTS = 400  # along the time axis of the plot


def interquartile_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the middle half, over the last axis; infinite if the middle half touches an infinite value.

    Exact for any number of values, where cutting whole values off (Agarwal et al., 2021) would keep all of three:
    each value is taken four times, so that a quarter is a whole number of them. With three the weights are 1 : 4 : 1.
    """
    count = values.shape[-1]
    return np.repeat(np.sort(values, axis=-1), 4, axis=-1)[..., count : 3 * count].mean(axis=-1)


def bootstrap_interval(
    values: NDArray[np.float64], generator: np.random.Generator, *, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The 95 % percentile-bootstrap interval of the interquartile mean of `values` [N]; either end may be infinite.

    Its ends are resampled means, never between two: there is no way half to infinity. The lower end is rounded down
    and the upper up.
    """
    drawn = values[generator.integers(len(values), size=(resamples, len(values)))]
    means = np.sort(interquartile_mean(drawn))
    tail = (1 - 0.95) / 2 * (resamples - 1)
    low, high = int(np.floor(tail)), int(np.ceil(resamples - 1 - tail))
    return float(means[low]), float(means[high])


@dataclass(frozen=True)
class Estimate:
    """An interquartile mean and its 95 % bootstrap interval; infinite where not reached."""

    iqm: float
    low: float
    high: float


@dataclass(frozen=True)
class Goal:
    """How a pair came to 95 % or to 100 %: in how many of its runs, and after what."""

    reached: int
    seconds: Estimate
    tokens: Estimate


@dataclass(frozen=True)
class Row:
    """A learner with a policy. A failed run counts as one that did not get there."""

    learner: str
    policy: str
    seeds: int
    failed: int
    to_95: Goal
    to_100: Goal
    success: float  # the interquartile mean at the end


def group(results: list[Result]) -> dict[tuple[str, str], list[Result]]:
    """The results by learner and policy, in order of appearance."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.learner, result.policy), []).append(result)
    return groups


def summarise(results: list[Result]) -> list[Row]:
    rows = []
    for (learner, policy), runs in group(results).items():
        ends = np.array([run.curve[-1].success if run.curve and not run.failed else 0.0 for run in runs])
        to_95, to_100 = _goal([run.to_95 for run in runs]), _goal([run.to_100 for run in runs])
        failed, success = sum(bool(run.failed) for run in runs), float(interquartile_mean(ends))
        rows.append(Row(learner, policy, len(runs), failed, to_95, to_100, success))
    return rows


def _goal(points: list[Point | None]) -> Goal:
    seconds = [inf if point is None else point.seconds for point in points]
    tokens = [inf if point is None else float(point.tokens) for point in points]
    return Goal(sum(map(isfinite, seconds)), _estimate(seconds), _estimate(tokens))


def _estimate(values: list[float]) -> Estimate:
    array = np.array(values)
    low, high = bootstrap_interval(array, np.random.default_rng(stream_seed(0, "bench bootstrap")))
    return Estimate(float(interquartile_mean(array)), low, high)


def cells_of(row: Row, limit: float) -> list[str]:
    """A row in words."""
    cells = [row.learner, row.policy]
    if row.failed == row.seeds:
        return [*cells, "failed", *[""] * (len(HEADINGS) - 3)]
    for goal in (row.to_95, row.to_100):
        texts = [f"not within {limit:g} s"] * 2
        if isfinite(goal.seconds.iqm):
            texts = [_text(goal.seconds, ".2f"), _text(goal.tokens, ",.0f", 1000)]
            texts = texts if row.seeds > 1 else [text.partition(" ")[0] for text in texts]  # one run has no interval
        cells += [f"{goal.reached} of {row.seeds}", *texts]
    return [*cells, percent(row.success)]


def _text(estimate: Estimate, form: str, unit: float = 1) -> str:
    """`3.20 (2.90 to 4.10)`"""
    mean, low, high = (format(value / unit, form) if isfinite(value) else "∞" for value in asdict(estimate).values())
    return f"{mean} ({low} to {high})"


def notes(results: list[Result], limit: float) -> list[str]:
    """The lines below the table."""
    text = [
        "How many seeds got there, and after what: interquartile mean (95 % bootstrap interval) of what training had "
        "cost when the greedy agent first solved 95 % of the examined problems, and when it was confirmed to solve "
        "every problem outside the test set. Examination is not counted in the seconds. "
        f"∞: not within {limit:g} s of training."
    ]
    short = [result for result in results if result.ended == "max_updates"]
    if short:
        at = ", ".join(f"{count:,}" for count in sorted({result.curve[-1].updates for result in short}))
        text.append(
            f"{len(short)} of {len(results)} runs ended before their {limit:g} s, where the recipe ends: after "
            f"training.max_updates = {at}."
        )
    failed = [result for result in results if result.failed]
    return text + [f"failed: {each.learner} {each.policy} seed {each.seed}: {each.failed}" for each in failed]


def markdown(title: str, results: list[Result], limit: float) -> str:
    rows = [HEADINGS, *(cells_of(row, limit) for row in summarise(results))]
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    lines.insert(1, f"|---|---{'|---:' * (len(HEADINGS) - 2)}|")
    return "\n".join([f"# {title}", "", *lines, "", *(f"{note}\n" for note in notes(results, limit))])


def terminal_table(title: str, results: list[Result], limit: float) -> Group:
    """The same for a terminal."""
    rows = [[cell.replace(" (", "\n(") for cell in cells_of(row, limit)] for row in summarise(results)]
    table = Columns(HEADINGS, rows, keep=2, left=(0, 1))
    return Group(Text(title, "italic"), table, Text("\n".join(notes(results, limit)), "dim"))


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
