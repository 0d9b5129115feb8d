"""What a comparison says: for each world its groups, what differs, how soon each got there, and the results.

Runs that differ in nothing but their seed are a group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inwit.core import drawing, result_text, storage
from inwit.core.errors import UserError
from inwit.core.results import Row
from inwit.core.text import clean, count, plural, seconds, table, wrapped
from inwit.report import curves
from inwit.report.curves import Reached, Spread, spread
from inwit.report.groups import Group, differences, group
from inwit.report.select import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    differences: dict[str, list[object]]  # by setting, a value for each group
    steep: list[Goal]  # 95 %, for each group
    solved: list[Goal]  # everything

    @property
    def runs(self) -> list[Run]:
        return [run for each in self.groups for run in each.runs]


def compare(runs: Sequence[Run]) -> list[Comparison]:
    """A comparison for each world among the runs: results of different worlds are not compared."""
    found = []
    for world in dict.fromkeys(run.world for run in runs):
        groups = group([run for run in runs if run.world == world])
        steep = [_goal([curves.level_at(run) for run in each.runs]) for each in groups]
        solved = [_goal([curves.solved_at(run) for run in each.runs]) for each in groups]
        found.append(Comparison(world, groups, differences([each.config for each in groups]), steep, solved))
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


def spread_text(values: Spread | None, form: Callable[[float], str], runs: int) -> str:
    """`1.6 s (1.5 s to 2.8 s)`"""
    if values is None:
        return "·"
    return form(values.middle) + (f" ({form(values.low)} to {form(values.high)})" if runs > 1 else "")


def result_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Headings and lines: what each run solves, in all and by the rows of its evaluation."""
    columns = list(dict.fromkeys(key for run in comparison.runs for key in _rows(run)))
    split = any(run.evaluation and run.evaluation.split for run in comparison.runs)
    headings = ["group", "seed", "status", "solved", *(["held out"] if split else []), *(name for name, _ in columns)]
    lines = []
    for each in comparison.groups:
        for run in each.runs:
            found = _rows(run)
            cells = [result_text.success(found[key]) if key in found else "·" for key in columns]
            result = run.evaluation
            if split:
                tested = result_text.held_out(result.split) if result and result.split else None
                cells.insert(0, "{:,} of {:,}".format(*tested) if tested else "·")
            solved = f"{result.solved:,} of {result.problems:,}" if result else "not evaluated"
            lines.append([each.name, run.seed, run.record.status, solved, *cells])
    return headings, lines


def yardstick_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Headings and lines: the yardsticks of each row. They belong to the world, not to the run: a cell holds several
    figures only where the runs' worlds have other settings, or where runs have sampled them in another way."""
    found: dict[tuple[str, int], dict[str, list[str]]] = {}
    for run in comparison.runs:
        for key, row in _rows(run).items():
            for name, yardstick in row.yardsticks.items():
                figures, figure = found.setdefault(key, {}).setdefault(name, []), result_text.yardstick(yardstick)
                figures += [figure] if figure not in figures else []
    names = list(dict.fromkeys(name for cells in found.values() for name in cells))
    lines = [[row, *(" or ".join(cells.get(name, "·")) for name in names)] for (row, _), cells in found.items()]
    return ["", *(name.replace("_", " ") for name in names)], lines


def constant_programs(comparison: Comparison) -> list[str]:
    """How many constant programs solve everything: a line for each of the runs' worlds that differ in it."""
    told = (result_text.constant_programs(run.evaluation) for run in comparison.runs if run.evaluation)
    return list(dict.fromkeys(line for line in told if line))


def _rows(run: Run) -> dict[tuple[str, int], Row]:
    """The rows of its evaluation by name, and by place among those of the same name."""
    found: dict[tuple[str, int], Row] = {}
    for row in run.evaluation.rows if run.evaluation else []:
        place = sum(name == row.name for name, _ in found)
        found[row.name, place] = row
    return found


def methods(comparison: Comparison) -> str:
    """How the results are known; several ways where they are not known in the same way."""
    found = dict.fromkeys(run.evaluation.method for run in comparison.runs if run.evaluation)
    return "; or ".join(found) or "nothing is evaluated"


def trainings(comparison: Comparison) -> list[Run]:
    """The runs without the scripts."""
    return [run for run in comparison.runs if not run.script]


def size_text(comparison: Comparison) -> str:
    """`3 runs and 1 script`"""
    runs = len(trainings(comparison))
    scripts = len(comparison.runs) - runs
    return " and ".join(plural(number, what) for number, what in ((runs, "run"), (scripts, "script")) if number)


def as_text(comparison: Comparison, width: int | None = None) -> str:
    """For a terminal of this width; None: of any."""
    size = len(comparison.runs)
    parts = [f"{clean(comparison.world)}: {size_text(comparison)} in {plural(len(comparison.groups), 'group')}"]
    if comparison.differences:
        rows = [[name, *(v if v or v == 0 else "·" for v in row)] for name, row in comparison.differences.items()]
        names = [each.name for each in comparison.groups]
        parts.append("what differs\n\n" + table(["setting", *names], rows, [False] * (len(names) + 1), width))
    elif size > 1:
        parts.append("the runs differ in nothing but their seeds")
    if trainings(comparison):
        parts.append(_how_soon(comparison, width))
    headings, rows = result_table(comparison)
    right = [False, True, False, *[True] * (len(headings) - 3)]
    note = "\n~ estimated from a sample (95 % interval)" if any("~" in cell for row in rows for cell in row) else ""
    parts.append(
        f"{wrapped(f'the result: {clean(methods(comparison))}', width)}\n\n"
        + table(headings, rows, right, width)
        + note
    )
    headings, rows = yardstick_table(comparison)
    if len(headings) > 1:
        parts.append("the yardsticks\n\n" + table(headings, rows, [False, *[True] * (len(headings) - 1)], width))
    parts += [wrapped(clean(line), width) for line in constant_programs(comparison)]
    return "\n\n".join(parts)


def _how_soon(comparison: Comparison, width: int | None) -> str:
    rows = [_row(*each) for each in zip(comparison.groups, comparison.steep, comparison.solved, strict=True)]
    note = NOTE + (WARM if any(map(curves.is_warm, comparison.runs)) else "")
    return f"how soon\n\n{table(HEADINGS, rows, [False] * 3 + [True] * 6, width)}\n{wrapped(note, width)}"


HEADINGS = ("group", "seeds", "learning (mean success)", "95 %", "seconds", "tokens", "all", "seconds", "tokens")
NOTE = (
    "95 %: every stage's running success, sampled as in training, or everything solved. all: confirmed to solve every\n"
    "problem outside the test set. Seconds and tokens are of training: median (least to greatest) over the seeds that\n"
    "got there."
)
WARM = "\nA run with training.start_from counts its own training only, not that of the weights it began with."


def _row(each: Group, *goals: Goal) -> list[str]:
    band = curves.band([curves.success_line(run, None) for run in each.runs], 0.0)
    cells = [cell for goal in goals for cell in goal_cells(goal, each)]
    return [each.name, each.seeds, curves.sparkline(band.middle) if band else "·", *cells]


def goal_cells(goal: Goal, of: Group) -> list[str]:
    """In how many runs of a group a goal was reached, and after what; points for a script, which nobody trained."""
    runs = len(of.runs)
    if of.script:
        return ["·", "·", "·"]
    times = spread_text(goal.seconds, seconds, runs), spread_text(goal.tokens, count, runs)
    return [f"{goal.reached} of {runs}", *times]


def as_data(comparison: Comparison) -> dict[str, object]:
    """For `--json`."""
    groups = []
    for each, steep, solved in zip(comparison.groups, comparison.steep, comparison.solved, strict=True):
        runs = []
        for run in each.runs:
            about = {"run": run.record.folder_name, "seed": run.record.seed, "status": run.record.status}
            about |= {"name": run.record.label, "tags": run.record.tags}
            about |= {"script": run.script} if run.script else {}
            runs.append(about | {"evaluation": run.evaluation.to_dict() if run.evaluation else None})
        soon = {"to_95": None, "to_all": None} if each.script else {"to_95": asdict(steep), "to_all": asdict(solved)}
        groups.append({"name": each.name, **soon, "runs": runs})
    return {"world": comparison.world, "differences": comparison.differences, "groups": groups}


def plot(path: Path, comparisons: Sequence[Comparison]) -> None:
    """A panel for each stage with a line in its band for each group, as a PNG or SVG.

    Raises `UserError` for another ending, and if the file cannot be written.
    """
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise UserError(f"--plot {path} is neither a .png nor a .svg")
    stages = [curves.stages(each.runs) or _examined(each) or ["0"] for each in comparisons]
    columns = max(len(names) for names in stages)
    figure = drawing.figure(1.5 + 3.6 * columns, 0.6 + 3.2 * len(comparisons))
    axes = figure.subplots(len(comparisons), columns, squeeze=False, sharey=True)
    for panels, comparison, names in zip(axes, comparisons, stages, strict=True):
        for panel in panels[len(names) :]:
            panel.set_axis_off()
        for panel, stage in zip(panels, names, strict=False):
            _panel(panel, comparison, stage)
        panels[0].set_ylabel(f"{clean(comparison.world)}\nrunning success")
        panels[len(names) - 1].legend(frameon=False, fontsize="small", handlelength=4)
    storage.publish(path, drawing.image(figure, kind))


def _examined(comparison: Comparison) -> list[str]:
    """The stages of the results."""
    rows = (row for run in comparison.runs if run.evaluation for row in run.evaluation.rows)
    return list(map(str, sorted({row.stage for row in rows})))


def _panel(axes: Axes, comparison: Comparison, stage: str) -> None:
    for each, style in zip(comparison.groups, drawing.styles(), strict=False):
        if each.script and (level := curves.result_of(each.runs[0], stage)) is not None:
            drawing.level(axes, level, f"{clean(each.name)} (a script)", style)
        band = curves.band([curves.success_line(run, stage) for run in each.runs], 0.0)
        if band is not None:
            label = f"{clean(each.name)} ({len(each.runs)})"
            drawing.line_in_band(axes, band.x, (band.low, band.middle, band.high), label, style)
    axes.set(title=f"stage {stage}", xlabel="tokens")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:,.0f} k" if value else "0")
    drawing.share_axis(axes)
