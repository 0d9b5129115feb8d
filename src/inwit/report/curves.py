"""Learning curves out of metrics: several seeds on one axis as a median with a band, and when they got where.

Success in metrics is the *running* success of sampled tokens, as the curriculum saw it. It stays below the greedy
agent's: an agent that explores errs on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median

import numpy as np

from inwit.report.select import Run
from inwit.runs.folder import flat, is_number, number

POINTS = 80  # along an axis
STEEP = 0.95


@dataclass(frozen=True)
class Line:
    """One run's course: `y` at each `x`, both ascending in time."""

    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Band:
    """Several runs on one axis: the median, and the lowest and highest of them. [POINTS] each."""

    x: list[float]
    middle: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class Reached:
    """What training had cost when a run got somewhere."""

    seconds: float
    tokens: float
    updates: float


def stages(runs: Sequence[Run]) -> list[str]:
    """The stages that the metrics of these runs know, in order."""
    names = {name for run in runs for row in run.metrics for name in _success(run, row)}
    return sorted(names, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))


def _success(run: Run, row: dict[str, object]) -> dict[str, float]:
    """By stage. A stage that is never drawn in training has no rate."""
    success = row.get("success")
    known = success.items() if isinstance(success, dict) else ()
    return {str(s): float(rate) for s, rate in known if is_number(rate) and str(s) not in run.untrained}


def success_line(run: Run, stage: str | None, axis: str = "tokens") -> Line:
    """Running success of a stage, or the mean over stages (None), against `tokens`, `seconds` or `update`. A run that
    began with another agent's weights has its first value at 0, too."""
    points = []
    for row in run.metrics:
        rates, x = _success(run, row), number(row, axis)
        if x is not None and rates and (stage is None or stage in rates):
            points.append((x, mean(rates.values()) if stage is None else rates[stage]))
    if points and is_warm(run):
        points.insert(0, (0.0, points[0][1]))
    return Line([x for x, _ in points], [y for _, y in points])


def result_of(run: Run, stage: str) -> float | None:
    """The greedy agent's success in a stage, by its evaluation: the mean over problems. None where it is not known."""
    rows = [row for row in (run.evaluation.rows if run.evaluation else []) if str(row.stage) == stage]
    problems = sum(row.problems for row in rows)
    return sum(row.success * row.problems for row in rows) / problems if problems else None


def is_warm(run: Run) -> bool:
    """Whether it began with the weights of another agent: then it has not climbed from 0."""
    return bool(flat(run.record.config).get("training.start_from"))


def line(rows: Sequence[dict[str, object]], name: str, axis: str = "tokens") -> Line:
    """Any number in rows of metrics, such as `entropy`."""
    points = [(number(row, axis), number(row, name)) for row in rows]
    known = [(x, y) for x, y in points if x is not None and y is not None]
    return Line([x for x, _ in known], [y for _, y in known])


def band(lines: Sequence[Line], start: float | None = None) -> Band | None:
    """The lines on one axis, straight between reports, and after its end each as it ended.

    `start` is the value at 0, before the first report, of lines that have none there; None: the first value. None if
    there is nothing to draw.
    """
    lines = [each for each in lines if each.x]
    if not lines:
        return None
    x = np.linspace(0.0, max(each.x[-1] for each in lines), POINTS)
    first = [[] if each.x[0] <= 0 else [each.y[0] if start is None else start] for each in lines]
    values = np.stack([np.interp(x, [0.0] * len(y) + each.x, y + each.y) for y, each in zip(first, lines, strict=True)])
    return Band(x.tolist(), np.median(values, 0).tolist(), values.min(0).tolist(), values.max(0).tolist())


def solved_at(run: Run) -> Reached | None:
    """When the greedy agent was confirmed to solve every problem outside the test set; None if that was not seen."""
    return _first(run, lambda row: row.get("solved") is True)


def level_at(run: Run) -> Reached | None:
    """The first report at which every stage's running success is at least `STEEP`, or at which all was solved."""
    return _first(run, lambda row: row.get("solved") is True or min(_success(run, row).values(), default=0.0) >= STEEP)


def _first(run: Run, there: Callable[[dict[str, object]], bool]) -> Reached | None:
    """The first report that is `there` and says what it had cost; the summary counts as the last one."""
    reached = (_reached(row) for row in [*run.metrics, run.record.summary] if there(row))
    return next(filter(None, reached), None)


def _reached(row: dict[str, object]) -> Reached | None:
    seconds, tokens, updates = (number(row, name) for name in ("seconds", "tokens", "update"))
    return None if seconds is None or tokens is None or updates is None else Reached(seconds, tokens, updates)


@dataclass(frozen=True)
class Spread:
    """The median of several numbers with the least and the greatest. The median is over those who got there."""

    middle: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread | None:
    return Spread(median(values), min(values), max(values)) if values else None


def sparkline(values: Sequence[float], width: int = 24) -> str:
    """Shares from 0 to 1 as little bars."""
    if not values:
        return ""
    chosen = [values[round(place * (len(values) - 1) / (width - 1))] for place in range(width)]
    return "".join("▁▂▃▄▅▆▇█"[min(7, max(0, int(8 * value)))] for value in chosen)
