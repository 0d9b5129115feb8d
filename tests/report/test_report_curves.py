"""Groups, curves and thresholds, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inwit.core.results import Split
from inwit.report import charts, curves
from inwit.report.curves import Line, Reached, band
from inwit.report.groups import differences, group
from inwit.report.select import Run
from inwit.runs.folder import Kept, Record
from recorded import metric
from results import PROVEN

CONFIG = {"recipe": "r", "seed": 0, "world": {"id": "w"}, "learner": {"id": "a2c", "entropy": 0.1}}


def made(metrics: list[dict[str, Any]], summary: dict[str, Any] | None = None, **config: Any) -> Run:
    return Run(Record(Path("x"), "finished", CONFIG | config, summary or {}, {}), metrics, [])


def test_seeds_are_a_group_and_settings_are_not() -> None:
    other = {"id": "a2c", "entropy": 0.2}
    runs = [made([], seed=0), made([], seed=1), made([], seed=0, learner=other), made([], seed=2)]
    groups = group(runs)
    assert [(each.name, each.seeds) for each in groups] == [("entropy 0.1", "0, 1, 2"), ("entropy 0.2", "0")]
    assert differences([each.config for each in groups]) == {"learner.entropy": [0.1, 0.2]}


def test_threads_make_no_group() -> None:
    assert len(group([made([], training={"threads": 1}), made([], training={"threads": 2})])) == 1


def test_parts_name_groups_before_settings_do() -> None:
    grpo = {"id": "grpo", "floor": 1}
    groups = group([made([]), made([], learner=grpo), made([], learner=grpo | {"floor": 2})])
    assert [each.name for each in groups] == ["a2c", "grpo floor 1", "grpo floor 2"]
    assert differences([each.config for each in groups])["learner.entropy"] == [0.1, None, None]
    assert [each.name for each in group([made([])])] == ["r"], "One group has the recipe's name."


def test_a_band_is_the_median_between_the_lowest_and_the_highest() -> None:
    lines = [Line([1.0, 10.0], [0.0, 0.9]), Line([1.0, 5.0], [0.4, 0.8]), Line([10.0], [0.5])]
    found = band(lines, 0.0)
    assert found is not None
    assert (found.x[0], found.x[-1]) == (0.0, 10.0)
    assert (found.low[0], found.middle[0], found.high[0]) == (0.0, 0.0, 0.0)
    assert (found.low[-1], found.middle[-1], found.high[-1]) == (0.5, 0.8, 0.9), "A line that has ended stays."
    assert all(low <= middle <= high for low, middle, high in zip(found.low, found.middle, found.high, strict=True))


def test_nothing_gives_no_band() -> None:
    assert band([]) is None
    assert band([Line([], [])]) is None


def test_lines_out_of_metrics() -> None:
    rows = [
        metric(1, [0.1, 0.3]),
        {"update": 2},
        metric(3, [0.2, 0.4], entropy=1.5),
        {"tokens": 5, "success": {"1": "x"}},
    ]
    run = made(rows)
    assert curves.stages([run]) == ["1", "2"]
    assert curves.success_line(run, "2") == Line([100, 300], [0.3, 0.4])
    assert curves.success_line(run, None).y == [pytest.approx(0.2), pytest.approx(0.3)]
    assert curves.line(run.metrics, "entropy", "seconds") == Line([1.5], [1.5])


def test_thresholds() -> None:
    rows = [metric(1, [0.96, 0.5]), metric(2, [0.96, 0.95]), metric(3, [0.9, 0.9], solved=False)]
    last = metric(4, [0.9, 0.9], solved=True)
    run = made(rows, last)
    assert curves.level_at(run) == Reached(1.0, 200, 2), "Every stage has to be there."
    assert curves.solved_at(run) == Reached(2.0, 400, 4), "The summary tells of the last update."
    assert curves.level_at(made(rows[2:], last)) == Reached(2.0, 400, 4), "Who solves everything is past 95 %."
    assert curves.solved_at(made(rows)) is None
    assert curves.level_at(made(rows[:1])) is None
    assert curves.level_at(made([])) is None


def test_a_stage_that_is_all_test_set_has_no_rate() -> None:
    """It is None, or in runs of earlier versions 0: no mean, no threshold and no chart knows it."""
    rows = [metric(1, [0.9, 0.9]), metric(2, [0.97, 0.99])]
    held_out = replace(PROVEN, split=Split("longest", {"1": (3, 3), "2": (9, 9)}, {"3": (0, 5)}))
    for rate, kept in ((None, []), (0.0, [Kept(None, None, held_out)])):
        metrics = [row | {"success": row["success"] | {"3": rate}} for row in rows]
        run = Run(Record(Path("x"), "finished", CONFIG, {}, {}), metrics, kept)
        assert curves.stages([run]) == ["1", "2"]
        assert curves.success_line(run, None).y == [pytest.approx(0.9), pytest.approx(0.98)]
        assert curves.success_line(run, "3") == Line([], [])
        assert curves.level_at(run) == Reached(1.0, 200, 2)


def test_stages_are_in_the_order_of_numbers() -> None:
    assert curves.stages([made([{"success": {"10": 0.1, "2": 0.1}}])]) == ["2", "10"]


def test_a_sparkline() -> None:
    assert curves.sparkline([0.0, 1.0], 2) == "▁█"
    assert len(curves.sparkline([0.3])) == 24
    assert curves.sparkline([]) == ""


def test_a_warm_start_has_not_climbed_from_0() -> None:
    """Its curve begins with its first value; beside it a cold run still begins at 0."""
    warm, cold = (made([metric(1, [0.97, 0.93])], training={"start_from": of}) for of in ("another", ""))
    found = [band([curves.success_line(run, stage)], 0.0) for run in (warm, cold) for stage in (None, "1")]
    assert [each.middle[0] for each in found if each] == pytest.approx([0.95, 0.97, 0.0, 0.0])
    both = band([curves.success_line(run, "1") for run in (warm, cold)], 0.0)
    assert both is not None
    assert (both.low[0], both.high[0], both.low[-1]) == (0.0, 0.97, 0.97)
    chart = charts.line_chart("x", "x", {"warm": [curves.success_line(warm, "1")]}, "success", shares=True)
    assert chart is not None
    assert len({point.split()[1] for point in chart.series[0].line[1:].split("L")}) == 1, "The line must be level."


def test_an_empty_setting_is_no_part_of_a_name() -> None:
    cold, warm = made([], training={"start_from": ""}), made([], training={"start_from": "best"})
    assert [each.name for each in group([cold, warm])] == ["r", "start_from best"]
    wide = made([], training={"start_from": ""}, policy={"width": 32})
    small = made([], training={"start_from": ""}, policy={"width": 8})
    other = made([], training={"start_from": "best"}, policy={"width": 8})
    assert [each.name for each in group([wide, small, other])] == ["width 32", "width 8", "start_from best width 8"]


def test_a_signal_for_checkpoints_makes_no_group() -> None:
    assert len(group([made([], training={"checkpoint_on": on}) for on in ("", "SIGUSR1")])) == 1
