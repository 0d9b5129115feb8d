"""The charts and tables of a comparison, as the page takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inwit.report import charts, compare, curves
from inwit.report.charts import Chart, ChartRow, RowChart, per_cent
from inwit.report.compare import Comparison
from inwit.report.curves import Band, Line
from inwit.report.select import Run

INNER = {
    "entropy": "Entropy",
    "value_error": "Value error",
    "value_loss": "Value error",
    "imitation": "Imitation loss",
    "rehearsal": "Rehearsal loss",
}


@dataclass(frozen=True)
class Table:
    """A table for the page; columns where `right` is true hold numbers."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[object]]
    right: Sequence[bool]


def table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[object]], left: int = 1) -> Table:
    """A table in which all columns but the first `left` hold numbers."""
    return Table(caption, headings, rows, [column >= left for column in range(len(headings))])


def _kept(found: Sequence[Chart | None]) -> list[Chart]:
    return [chart for chart in found if chart]


def _across(count: int) -> float:
    """How wide a chart is among so many."""
    return charts.WIDTH if count < 3 else charts.NARROW


def learning_charts(comparison: Comparison, key: str) -> list[Chart]:
    """One run: its stages in one chart. Several: a chart for each stage, with a line for each group."""
    runs, stages, found = comparison.runs, curves.stages(comparison.runs), []
    if len(runs) == 1:
        axes = ("tokens", "Success by tokens", "tokens"), ("seconds", "Success by time", "seconds of training")
        for axis, title, x in axes:
            lines = {f"stage {stage}": [curves.success_line(runs[0], stage, axis)] for stage in stages}
            found.append(charts.line_chart(f"learn-{key}-{axis}", title, lines, "success", x, shares=True))
        return _kept(found)
    for stage in stages:
        lines = {each.name: [curves.success_line(run, stage) for run in each.runs] for each in comparison.groups}
        name, across = f"learn-{key}-{stage}", _across(len(stages))
        found.append(charts.line_chart(name, f"Stage {stage}", lines, "success", shares=True, width=across))
    return _kept(found)


def inner_charts(comparison: Comparison, key: str) -> list[Chart]:
    """What the learner reports of itself, where it does."""
    known, found = _inner(comparison.runs), []
    for name in known:
        lines = {
            each.name: [curves.line(run.metrics, name) for run in each.runs if name != "value_error" or has_critic(run)]
            for each in comparison.groups
        }
        title, across = INNER[name], _across(len(known))
        found.append(charts.line_chart(f"{name}-{key}", title, lines, title.lower(), width=across))
    return _kept(found)


def _inner(runs: Sequence[Run]) -> list[str]:
    """Which of these numbers the metrics have; of the two numbers about the value only one."""
    keys = {name for run in runs for row in run.metrics for name in row}
    critic = any(map(has_critic, runs))
    unwanted = "value_loss" if "value_error" in keys and critic else "value_error"
    return [name for name in INNER if name in keys and name != unwanted]


def has_critic(run: Run) -> bool:
    """Whether its learner trains a value: without one the error of the value is that of a random network."""
    return any("value_loss" in row for row in run.metrics)


def step_charts(run: Run, key: str) -> list[Chart]:
    """The mean length of programs, which metrics keep by stage, over training."""
    values = [_by_stage(row, "mean_steps") for row in run.metrics]
    lines = {f"stage {stage}": [_line(run, values, stage)] for stage in _stages(run, "mean_steps")}
    title = "Tokens in a program, over training"
    return _kept([charts.line_chart(f"steps-{key}", title, lines, "tokens in a program")])


def _stages(run: Run, name: str) -> list[str]:
    return sorted({stage for row in run.metrics for stage in _by_stage(row, name)})


def _by_stage(row: Mapping[str, object], name: str) -> dict[str, object]:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def _line(run: Run, values: Sequence[Mapping[str, object]], name: str) -> Line:
    """One number of each report, given in `values`, against tokens; reports without it are left out."""
    pairs = zip(run.metrics, values, strict=True)
    return curves.line([{"tokens": row.get("tokens"), "y": value.get(name)} for row, value in pairs], "y")


def tool_charts(run: Run, key: str, most: int = 10) -> list[RowChart]:
    """The share of each token among those written, over training: a chart for each stage that the metrics know."""
    drawn = []
    for stage in _stages(run, "tokens_used"):
        shares = [_shares(row, stage) for row in run.metrics]
        totals = {token: 0.0 for row in shares for token in row}
        for token in totals:
            totals[token] = sum(row.get(token, 0.0) for row in shares)
        known = [dict.fromkeys(totals, 0.0) | row if row else {} for row in shares]
        tokens = sorted(totals, key=lambda token: -totals[token])[:most]
        found = [(token, band) for token in tokens if (band := curves.band([_line(run, known, token)]))]
        if found:
            title = f"Tokens written in stage {stage}"
            drawn.append(_course_chart(f"tools-{key}-{len(drawn)}", title, found))
    return drawn


def _shares(row: Mapping[str, object], stage: str) -> dict[str, float]:
    counts = _by_stage(_by_stage(row, "tokens_used"), stage)
    known = {str(token): number for token in counts if (number := curves.number(counts, token)) is not None}
    total = sum(known.values())
    return {token: number / total for token, number in known.items()} if total else {}


def _course_chart(key: str, title: str, courses: Sequence[tuple[str, Band]]) -> RowChart:
    """The course of each share on a scale that all rows have in common; its last value beside it."""
    most = max(max(band.middle) for _, band in courses) or 1.0
    ends = [(name, per_cent(band.middle[-1]), band) for name, band in courses]
    rows = [ChartRow(name, end, course=band, most=most) for name, end, band in ends]
    said = f"shares of all tokens written; {'; '.join(f'{name} ends at {end}' for name, end, _ in ends)}."
    longest = max(band.x[-1] for _, band in courses) or 1.0
    return charts.row_chart(key, title, said, charts.COURSES, rows, ("tokens", longest, charts.compact))


def differences_table(comparison: Comparison) -> Table | None:
    if not comparison.differences:
        return None
    rows = [[name, *(v if v or v == 0 else "·" for v in row)] for name, row in comparison.differences.items()]
    names = [each.name for each in comparison.groups]
    caption = "settings that are not the same everywhere; · where a part has no such setting"
    return table(caption, ["setting", *names], rows, left=len(names) + 1)


def goals_table(comparison: Comparison) -> Table:
    rows = [
        [each.name, what, *compare.goal_cells(goal, each)]
        for each, *goals in zip(comparison.groups, comparison.steep, comparison.solved, strict=True)
        if not each.script
        for what, goal in zip(("95 %", "everything"), goals, strict=True)
    ]
    headings = ["group", "got to", "seeds", "seconds", "tokens"]
    return table("median (least to greatest) over the seeds that got there", headings, rows, left=2)


def goal_charts(comparison: Comparison, key: str) -> list[RowChart]:
    """A mark for each seed: what it took to solve everything; no chart where no run did."""
    if not any(goal.reached for goal in comparison.solved):
        return []
    drawn = []
    axes = ("seconds", "Time to everything", "seconds of training"), ("tokens", "Tokens to everything", "tokens")
    for axis, title, label in axes:
        rows, said, highest = [], [], 0.0
        for place, each in enumerate(comparison.groups):
            if each.script:
                continue
            values = [getattr(point, axis) for run in each.runs if (point := curves.solved_at(run))]
            marks = [(place % charts.STYLES, value, 0.0, 5.0) for value in values]
            rows.append(ChartRow(each.name, f"{len(values)} of {len(each.runs)}", marks=marks))
            said.append(f"{each.name}: {', '.join(map(charts.compact, sorted(values))) or 'none'}")
            highest = max([highest, *values])
        x, words = (label, 1.08 * highest, charts.compact), "; ".join(said) + "."
        drawn.append(
            charts.row_chart(f"goal-{axis}-{key}", title, words, charts.DOTS, rows, x, caption="a mark for each seed")
        )
    return drawn


def result_table(comparison: Comparison) -> Table:
    headings, rows = compare.result_table(comparison)
    right = [False, True, False, *[True] * (len(headings) - 3)]
    return Table(compare.methods(comparison), headings, rows, right)


def heat(uses: Mapping[str, Mapping[str, float]]) -> dict[str, object] | None:
    """How often each token stands in a program: a row for each stage, darker the nearer to the greatest of all."""
    if not uses:
        return None
    tokens = list(dict.fromkeys(token for row in uses.values() for token in row))
    greatest = max(value for row in uses.values() for value in row.values())
    return {"tokens": tokens, "greatest": greatest, "stages": uses}
