"""The table: for each learner and policy how many seeds got there, how soon, and how sure that is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from inwit.bench.cells import Point, Result
from inwit.bench.statistics import bootstrap_interval, interquartile_mean
from inwit.core.seeding import stream_seed
from inwit.core.text import percent

HEADINGS = ("learner", "policy", "95 %", "seconds", "1000 tokens", "100 %", "seconds", "1000 tokens", "at the end")


@dataclass(frozen=True)
class Estimate:
    """An interquartile mean and its 95 % bootstrap interval; infinite where not reached."""

    iqm: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """JSON knows no infinity: null."""
        return {name: value if isfinite(value) else None for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Goal:
    """How a pair came to 95 % or to 100 %: in how many of its runs, and after what."""

    reached: int
    seconds: Estimate
    tokens: Estimate

    def to_dict(self) -> dict[str, Any]:
        return {"reached": self.reached, "seconds": self.seconds.to_dict(), "tokens": self.tokens.to_dict()}


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

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "to_95": self.to_95.to_dict(), "to_100": self.to_100.to_dict()}


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
        rows.append(
            Row(
                learner=learner,
                policy=policy,
                seeds=len(runs),
                failed=sum(bool(run.failed) for run in runs),
                to_95=_goal([run.to_95 for run in runs]),
                to_100=_goal([run.to_100 for run in runs]),
                success=float(interquartile_mean(ends)),
            )
        )
    return rows


def _goal(points: list[Point | None]) -> Goal:
    return Goal(
        reached=sum(point is not None for point in points),
        seconds=_estimate([inf if point is None else point.seconds for point in points]),
        tokens=_estimate([inf if point is None else float(point.tokens) for point in points]),
    )


def _estimate(values: list[float]) -> Estimate:
    array = np.array(values)
    low, high = bootstrap_interval(array, np.random.default_rng(stream_seed(0, "bench bootstrap")))
    return Estimate(float(interquartile_mean(array)), low, high)


def cells_of(row: Row, limit: float) -> list[str]:
    """A row in words."""
    if row.failed == row.seeds:
        return [row.learner, row.policy, "failed", *[""] * (len(HEADINGS) - 3)]
    goals = [part for goal in (row.to_95, row.to_100) for part in _goal_cells(goal, row.seeds, limit)]
    return [row.learner, row.policy, *goals, percent(row.success)]


def _goal_cells(goal: Goal, seeds: int, limit: float) -> list[str]:
    reached = f"{goal.reached} of {seeds}"
    if not isfinite(goal.seconds.iqm):
        return [reached, f"not within {limit:g} s", f"not within {limit:g} s"]
    texts = [_text(goal.seconds, ".2f"), _text(goal.tokens, ",.0f", 1000)]
    return [reached, *(text if seeds > 1 else text.partition(" ")[0] for text in texts)]  # one run spans no interval


def _text(estimate: Estimate, form: str, unit: float = 1) -> str:
    """`3.20 (2.90 to 4.10)`"""
    mean, low, high = (format(value / unit, form) if isfinite(value) else "∞" for value in asdict(estimate).values())
    return f"{mean} ({low} to {high})"


def notes(results: list[Result], limit: float) -> list[str]:
    """What stands below the table."""
    text = [
        "How many seeds got there, and after what: interquartile mean (95 % bootstrap interval) of what training had "
        "cost when the greedy agent first solved 95 % of the examined problems, and when it was confirmed to solve "
        f"every problem. Examination is not counted in the seconds. ∞: not within {limit:g} s of training."
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


def terminal_table(title: str, results: list[Result], limit: float) -> Table:
    """The same for a terminal."""
    caption = "\n".join(notes(results, limit))
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, caption=caption, caption_justify="left"
    )
    for index, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if index < 2 else "right")
    for row in summarise(results):
        table.add_row(*(cell.replace(" (", "\n(") for cell in cells_of(row, limit)))
    return table
