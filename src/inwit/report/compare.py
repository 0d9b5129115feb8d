"""What a comparison says: for each world its groups, what differs, how soon each got there, and the exact results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from inwit.report import curves
from inwit.report.curves import Reached, Spread, spread
from inwit.report.groups import Group, differences, group
from inwit.report.select import Run, by_world
from inwit.runs.replaced import Exact
from inwit.runs.text import count, seconds, table


@dataclass(frozen=True)
class Goal:
    """How a group came to a goal: in how many of its runs, and after what."""

    reached: int
    seconds: Spread | None
    tokens: Spread | None


@dataclass(frozen=True)
class Comparison:
    """The runs of one world."""

    world: str
    groups: list[Group]
    differences: dict[str, list[Any]]  # by setting, a value for each group
    steep: list[Goal]  # 95 %, for each group
    solved: list[Goal]  # everything

    @property
    def runs(self) -> list[Run]:
        return [run for each in self.groups for run in each.runs]


def compare(runs: Sequence[Run]) -> list[Comparison]:
    """A comparison for each world among the runs: results of different worlds are not held against each other."""
    found = []
    for world, members in by_world(runs).items():
        groups = group(members)
        found.append(
            Comparison(
                world=world,
                groups=groups,
                differences=differences(groups),
                steep=[_goal([curves.level_at(run) for run in each.runs]) for each in groups],
                solved=[_goal([curves.solved_at(run) for run in each.runs]) for each in groups],
            )
        )
    return found


def _goal(points: list[Reached | None]) -> Goal:
    there = [point for point in points if point is not None]
    return Goal(len(there), spread([point.seconds for point in there]), spread([point.tokens for point in there]))


def different_worlds(comparisons: Sequence[Comparison]) -> str:
    """The line that says why there is more than one comparison; empty if there is one."""
    if len(comparisons) < 2:
        return ""
    names = [f"{each.world} ({len(each.runs)})" for each in comparisons]
    return f"runs of different worlds cannot be compared and are shown apart: {', '.join(names)}"


def spread_text(values: Spread | None, form: Any, runs: int) -> str:
    """`1.6 s (1.5 s to 2.8 s)`"""
    if values is None:
        return "·"
    return form(values.middle) + (f" ({form(values.low)} to {form(values.high)})" if runs > 1 else "")


def exact_name(run: Run) -> str:
    return f"seed {run.record.seed}"


def exact_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: each run's solved problems by stage, or by operators and slots."""
    columns = list(dict.fromkeys(row.name for run in comparison.runs for row in run.exact))
    split = any(run.split for run in comparison.runs)
    headings = ["group", "seed", "status", "solved", *(["held out"] if split else []), *columns]
    rows = []
    for each in comparison.groups:
        for run in each.runs:
            cells = {row.name: share(row) for row in run.exact}
            solved = f"{run.solved:,} of {run.problems:,}" if run.exact else "not evaluated"
            rest = [cells.get(column, "·") for column in columns]
            if split:
                rest = [f"{run.split.solved:,} of {run.split.size:,}" if run.split else "·", *rest]
            rows.append([each.name, str(run.record.seed), run.record.status, solved, *rest])
    return headings, rows


def share(row: Exact) -> str:
    """Never rounds up to 100 %: that is a claim about every problem."""
    return "100 %" if row.solved == row.problems else f"{min(100 * row.success, 99.9):.1f} %"


def as_text(comparison: Comparison) -> str:
    """For the terminal."""
    size = len(comparison.runs)
    parts = [f"{comparison.world}: {size} run{'' if size == 1 else 's'} in {len(comparison.groups)} group(s)"]
    if comparison.differences:
        rows = [[name, *("·" if v is None else v for v in row)] for name, row in comparison.differences.items()]
        names = [each.name for each in comparison.groups]
        parts.append("what differs\n\n" + table(["setting", *names], rows, [False] * (len(names) + 1)))
    elif size > 1:
        parts.append("the runs differ in nothing but their seeds")
    headings = ("group", "seeds", "learning (mean success)", "95 %", "seconds", "tokens", "all", "seconds", "tokens")
    rows = [_row(comparison, index) for index in range(len(comparison.groups))]
    parts.append("how soon\n\n" + table(headings, rows, [False] * 3 + [True] * 6) + f"\n{NOTE}")
    names, cells = exact_table(comparison)
    right = [False, True, False, *[True] * (len(names) - 3)]
    parts.append("the exact result: greedy, on every problem\n\n" + table(names, cells, right))
    return "\n\n".join(parts)


NOTE = (
    "95 %: every stage's running success, sampled as in training, or everything solved. all: confirmed to solve every\n"
    "problem. Seconds and tokens are of training: median (least to greatest) over the seeds that got there."
)


def _row(comparison: Comparison, index: int) -> list[str]:
    each = comparison.groups[index]
    band = curves.band([curves.success_line(run, None) for run in each.runs], 0.0)
    goals = []
    for goal in (comparison.steep[index], comparison.solved[index]):
        runs = len(each.runs)
        times = spread_text(goal.seconds, seconds, runs), spread_text(goal.tokens, count, runs)
        goals += [f"{goal.reached} of {runs}", *times]
    return [each.name, each.seeds, curves.sparkline(band.middle) if band else "·", *goals]


def as_data(comparison: Comparison) -> dict[str, Any]:
    """For `--json`."""
    groups = []
    for each, steep, solved in zip(comparison.groups, comparison.steep, comparison.solved, strict=True):
        runs = [
            {
                "run": run.record.name,
                "seed": run.record.seed,
                "status": run.record.status,
                "exact": [asdict(row) for row in run.exact],
                "split": asdict(run.split) if run.split else None,
            }
            for run in each.runs
        ]
        groups.append({"name": each.name, "to_95": asdict(steep), "to_all": asdict(solved), "runs": runs})
    return {"world": comparison.world, "differences": comparison.differences, "groups": groups}
