"""The charts and tables of a comparison, as the page takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from inwit.report import compare, curves
from inwit.report.bars import Dots, course_chart, dot_chart
from inwit.report.compare import Comparison
from inwit.report.curves import Line
from inwit.report.select import Run
from inwit.report.svg import NARROW, WIDTH, Axis, Series, compact, line_chart, per_cent, swatch

INNER = {
    "entropy": "Entropy",
    "value_error": "Value error",
    "value_loss": "Value error",
    "imitation": "Imitation loss",
    "rehearsal": "Rehearsal loss",
}


def table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[Any]], left: int = 1) -> dict[str, Any]:
    """A table for the page; all columns but the first `left` hold numbers."""
    right = [column >= left for column in range(len(headings))]
    return {"caption": caption, "headings": headings, "rows": rows, "right": right}


def chart(title: str, svg: Any, legend: Sequence[tuple[Any, str]] = (), caption: str = "") -> dict[str, Any]:
    return {"title": title, "svg": svg, "legend": legend, "caption": caption}


def learning_charts(comparison: Comparison, key: str) -> list[dict[str, Any]]:
    """One run: its stages in one chart. Several: a chart for each stage, with a line for each group."""
    runs, stages = comparison.runs, curves.stages(comparison.runs)
    if len(runs) == 1:
        found = []
        for axis, title, x in (
            ("tokens", "Success by tokens", "tokens"),
            ("seconds", "Success by time", "seconds of training"),
        ):
            lines = {f"stage {stage}": [curves.success_line(runs[0], stage, axis)] for stage in stages}
            found.append(_drawn(Lines(f"learn-{key}-{axis}", title, lines, "success", x, shares=True)))
        return [each for each in found if each]
    found = []
    for stage in stages:
        lines = {each.name: [curves.success_line(run, stage) for run in each.runs] for each in comparison.groups}
        name, title, across = f"learn-{key}-{stage}", f"Stage {stage}", _across(len(stages))
        found.append(_drawn(Lines(name, title, lines, "success", shares=True, across=across)))
    return [each for each in found if each]


def _across(charts: int) -> float:
    """How wide a chart is among so many."""
    return WIDTH if charts < 3 else NARROW


def inner_charts(comparison: Comparison, key: str) -> list[dict[str, Any]]:
    """What the learner reports of itself, where it does."""
    known = _inner(comparison.runs)
    found = []
    for name in known:
        lines = {
            each.name: [curves.metric_line(run, name) for run in each.runs if name != "value_error" or has_critic(run)]
            for each in comparison.groups
        }
        title, across = INNER[name], _across(len(known))
        found.append(_drawn(Lines(f"{name}-{key}", title, lines, title.lower(), across=across)))
    return [each for each in found if each]


def _inner(runs: Sequence[Run]) -> list[str]:
    """Which of these numbers the metrics have; of the two that tell of the value, one."""
    keys = {name for run in runs for row in run.metrics for name in row}
    critic = any(map(has_critic, runs))
    unwanted = "value_loss" if "value_error" in keys and critic else "value_error"
    return [name for name in INNER if name in keys and name != unwanted]


def has_critic(run: Run) -> bool:
    """Whether its learner trains a value: without one the error of the value is that of a random network."""
    return any("value_loss" in row for row in run.metrics)


@dataclass(frozen=True)
class Lines:
    """A chart to be drawn: lines by name, several of one name as a band. `key` is unique on the page."""

    key: str
    title: str
    lines: dict[str, list[Line]]
    y: str
    x: str = "tokens"
    shares: bool = False  # `y` goes from 0 to 100 %
    across: float = WIDTH


def _drawn(asked: Lines) -> dict[str, Any] | None:
    """The chart; None if nothing is known of any line."""
    bands = {name: curves.band(each, 0.0 if asked.shares else None) for name, each in asked.lines.items()}
    series = [Series(name, band, style) for style, (name, band) in enumerate(bands.items()) if band]
    if not series:
        return None
    width = max(each.band.x[-1] for each in series) or 1.0
    height = 1.0 if asked.shares else 1.05 * max(max(each.band.high) for each in series) or 1.0
    axes = Axis(asked.x, width, compact), Axis(asked.y, height, per_cent if asked.shares else compact)
    svg = line_chart(asked.key, asked.title, series, *axes, asked.across)
    legend = [(swatch(each.style), each.name) for each in series] if len(asked.lines) > 1 else []
    return chart(asked.title, svg, legend)


def stage_lines(run: Run, name: str, key: str, title: str, y: str) -> dict[str, Any] | None:
    """A metric that is kept by stage, as `{stage: number}`, over training."""
    stages = sorted({stage for row in run.metrics for stage in _by_stage(row, name)})
    lines = {
        f"stage {stage}": [_stage_line(run, lambda row, stage=stage: _by_stage(row, name).get(stage))]
        for stage in stages
    }
    return _drawn(Lines(key, title, lines, y))


def _by_stage(row: dict[str, Any], name: str) -> dict[str, Any]:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def _stage_line(run: Run, value: Callable[[dict[str, Any]], Any]) -> Line:
    points = [(curves.number(row, "tokens"), curves.number({"y": value(row)}, "y")) for row in run.metrics]
    known = [(x, y) for x, y in points if x is not None and y is not None]
    return Line([x for x, _ in known], [y for _, y in known])


def tool_charts(run: Run, key: str, most: int = 10) -> list[dict[str, Any]]:
    """Where the metrics tell: the share of each token among those written, over training, a chart for each stage."""
    stages = sorted({stage for row in run.metrics for stage in _by_stage(row, "tokens_used")})
    charts = []
    for stage in stages:
        totals: dict[str, float] = {}
        for row in run.metrics:
            for token, share in _shares(row, stage).items():
                totals[token] = totals.get(token, 0) + share
        rows = []
        for token in sorted(totals, key=lambda token: -totals[token])[:most]:
            line = _stage_line(run, lambda row, stage=stage, token=token: _share(row, stage, token))
            if course := curves.band([line]):
                rows.append((token, course))
        if rows:
            title = f"Tokens written in stage {stage}"
            charts.append(chart(title, course_chart(f"tools-{key}-{len(charts)}", title, rows, "tokens")))
    return charts


def _shares(row: dict[str, Any], stage: str) -> dict[str, float]:
    counts = _by_stage(_by_stage(row, "tokens_used"), stage)
    known = {str(token): number for token, number in counts.items() if curves.is_number(number)}
    total = sum(known.values())
    return {token: number / total for token, number in known.items()} if total else {}


def _share(row: dict[str, Any], stage: str, token: str) -> float | None:
    shares = _shares(row, stage)
    return shares.get(token, 0.0) if shares else None


def differences_table(comparison: Comparison) -> dict[str, Any] | None:
    if not comparison.differences:
        return None
    rows = [[name, *("·" if v is None else v for v in row)] for name, row in comparison.differences.items()]
    names = [each.name for each in comparison.groups]
    caption = "settings that are not the same everywhere; · where a part has no such setting"
    return table(caption, ["setting", *names], rows, left=len(names) + 1)


def goals_table(comparison: Comparison) -> dict[str, Any]:
    rows = []
    for each, *goals in zip(comparison.groups, comparison.steep, comparison.solved, strict=True):
        size = len(each.runs)
        for what, goal in zip(("95 %", "everything"), goals, strict=True):
            rows.append([each.name, what, *compare.goal_cells(goal, size)])
    headings = ["group", "got to", "seeds", "seconds", "tokens"]
    return table("median (least to greatest) over the seeds that got there", headings, rows, left=2)


def goal_charts(comparison: Comparison, key: str) -> list[dict[str, Any]]:
    """A dot for each seed: what it took to solve everything; no chart where nobody did."""
    if not any(goal.reached for goal in comparison.solved):
        return []
    charts = []
    for axis, title, label in (
        ("seconds", "Time to everything", "seconds of training"),
        ("tokens", "Tokens to everything", "tokens"),
    ):
        rows = []
        for each in comparison.groups:
            there = [point for run in each.runs if (point := curves.solved_at(run))]
            rows.append(Dots(each.name, [getattr(point, axis) for point in there], len(each.runs)))
        svg = dot_chart(f"goal-{axis}-{key}", title, rows, label, compact)
        charts.append(chart(title, svg, caption="a mark for each seed"))
    return charts


def result_table(comparison: Comparison) -> dict[str, Any]:
    headings, rows = compare.result_table(comparison)
    return table(compare.methods(comparison), headings, rows, left=1) | {
        "right": [False, True, False, *[True] * (len(headings) - 3)]
    }
