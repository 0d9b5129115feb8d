"""The benchmark: its statistics against slow loops, its cells, and that nothing finished is ever lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from functools import partial
from math import inf, isinf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inwit.bench import grid
from inwit.bench.cells import BenchSettings, Cell, Point, Result, default_jobs, plan, read, write
from inwit.bench.measure import SAMPLE, make_exam, measure
from inwit.bench.table import bootstrap_interval, curves_at, interquartile_mean, markdown, summarise
from inwit.commands.cli import main
from inwit.core.errors import UserError
from inwit.core.text import plain
from inwit.training import recipes
from inwit.training.config import resolve
from inwit.training.loop import new_agent

TINY = {"policy": {"width": 8}, "training": {"episodes": 32}}
FLAGS = ["--policy.width", "8", "--training.episodes", "32", "--seconds", "0.2", "--seeds", "2", "--jobs", "1"]
# Three expressions of one operator: learned in a second.
EASY = {
    "world": {"max_operators": "1"},
    "policy": {"width": "32"},
    "hindsight": {"babble": "0", "rows": "32"},
    "training": {"episodes": "64"},
}
EASY_FLAGS = [
    part for name, table in EASY.items() for key, value in table.items() for part in (f"--{name}.{key}", value)
]
TIMES = st.lists(st.one_of(st.floats(0, 1000), st.just(inf)), min_size=1, max_size=12)


def cells(seeds: int = 2, **settings: Any) -> list[Cell]:
    return plan("tutorial", BenchSettings(seeds=seeds, seconds=0.2, **settings), TINY).cells


def made_up(cell: Cell, seconds: float | None, failed: str = "") -> Result:
    """A result as if the cell had come to 100 % after so many seconds, or to a half."""
    point = None if seconds is None else Point(10, 1000, seconds, 1.0)
    config = cell.config
    return Result(
        config.learner.id,
        config.policy.id,
        config.seed,
        point,
        point,
        (point or Point(5, 500, 0.1, 0.5),),
        0.0,
        "seconds" if point is None else "solved",
        failed,
    )


def slow_mean(values: list[float]) -> float:
    """Each sorted value weighted by how much of its n-th part of 0..1 lies between 1/4 and 3/4."""
    total, count = 0.0, len(values)
    for index, value in enumerate(sorted(values)):
        weight = max(0.0, min((index + 1) / count, 0.75) - max(index / count, 0.25))
        if weight > 1e-12:
            total += 2 * weight * value
    return total


@given(TIMES)
def test_the_interquartile_mean_is_that_of_a_slow_loop(values: list[float]) -> None:
    assert float(interquartile_mean(np.array(values))) == pytest.approx(slow_mean(values))


def test_the_interquartile_mean_by_hand() -> None:
    assert interquartile_mean(np.array([1.0, 2.0, 3.0, 100.0])) == 2.5
    assert interquartile_mean(np.array([1.0, 2.0, 9.0])) == pytest.approx((1 + 4 * 2 + 9) / 6)
    assert interquartile_mean(np.array([7.0, inf, 5.0, 6.0])) == 6.5, "One unreached run of four lies outside."
    assert isinf(interquartile_mean(np.array([7.0, inf, inf, 6.0])))


@given(TIMES)
def test_the_interval_is_that_of_a_slow_loop(values: list[float]) -> None:
    rows = np.random.default_rng(3).integers(len(values), size=(200, len(values)))
    means = sorted(slow_mean([values[index] for index in row]) for row in rows.tolist())
    low, high = bootstrap_interval(np.array(values), np.random.default_rng(3), resamples=200)
    # 2.5 % of 199 steps are 4.975: down to 4, and up to 195 at the other end.
    assert (low, high) == (pytest.approx(means[4]), pytest.approx(means[195]))


def test_the_interval_covers_what_it_says() -> None:
    """Of many draws of 20 values, about 95 % of the intervals hold the true interquartile mean, 0."""
    generator = np.random.default_rng(0)
    intervals = [bootstrap_interval(generator.normal(size=20), generator, resamples=400) for _ in range(300)]
    assert 0.87 < np.mean([low <= 0 <= high for low, high in intervals]) < 0.98


def test_what_was_not_reached_is_said_in_words() -> None:
    grid_cells = cells(4)
    results = [made_up(cell, seconds) for cell, seconds in zip(grid_cells, (1.0, 2.0, 3.0, None), strict=True)]
    row = summarise(results)[0]
    assert (row.to_100.reached, row.to_100.seconds.iqm) == (3, 2.5)
    assert plain(asdict(row.to_100.seconds)) == {"iqm": 2.5, "low": 1.0, "high": None}, "JSON has no infinity."
    assert "| 3 of 4 | 2.50 (1.00 to ∞) |" in markdown("t", results, 60)
    worse = [replace(result, to_100=None) for result in results]
    assert "| 0 of 4 | not within 60 s | not within 60 s |" in markdown("t", worse, 60)


def test_a_failed_run_counts_as_not_reached() -> None:
    results = [made_up(cell, 1.0, failed="no luck" if cell.config.seed else "") for cell in cells(2)]
    results = [replace(result, to_95=None, to_100=None) if result.failed else result for result in results]
    assert isinf(summarise(results)[0].to_100.seconds.iqm)
    text = markdown("t", results, 60)
    assert "| 1 of 2 | not within 60 s |" in text
    assert "failed: a2c gru seed 1: no luck" in text


def test_a_curve_holds_what_was_last_measured() -> None:
    points = (Point(1, 1, 1.0, 0.25), Point(2, 2, 2.0, 0.5))
    curves = curves_at([Result("a2c", "gru", 0, curve=points)], np.array([0.0, 0.99, 1.0, 1.5, 2.0, 9.0]))
    assert curves.tolist() == [[0, 0, 0.25, 0.25, 0.5, 0.5]]


@pytest.mark.slow
def test_a_cell_ends_when_everything_is_solved_or_its_seconds_are_over_and_is_repeatable() -> None:
    cell = plan("calculator", BenchSettings(seeds=1, seconds=30.0), EASY).cells[0]
    whole, short = measure(cell), measure(replace(cell, seconds=0.1))
    assert whole.to_100 is not None
    assert whole.curve[-1] == whole.to_100
    assert whole.to_95 is not None
    assert whole.curve[0].updates == 1
    assert short.to_100 is None
    assert all(point.seconds <= 0.1 for point in short.curve)
    both = zip(whole.curve, short.curve, strict=False)
    assert all((a.updates, a.tokens, a.success) == (b.updates, b.tokens, b.success) for a, b in both)


def test_the_exam_has_as_many_problems_of_each_stage_and_none_of_the_test_set() -> None:
    exam = make_exam(new_agent(resolve("tutorial", **TINY)))
    assert exam.kind.bincount().tolist() == [SAMPLE] * 3
    agent = new_agent(resolve("calculator", world={"split": "classes"}))
    held_out = set(agent.world.kinds.held_out)
    kinds = make_exam(agent).kind.tolist()
    assert held_out
    assert sorted(kinds + list(held_out)) == list(range(len(agent.world.kinds)))


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1}', "null", '"text"'])
def test_a_damaged_file_is_no_result(damage: str, tmp_path: Path) -> None:
    cell, path = cells(1)[0], tmp_path / "cell.json"
    write(path, cell, made_up(cell, 0.1))
    assert read(path, cell) == made_up(cell, 0.1)
    assert read(path, replace(cell, seconds=9.0)) is None, "another cell's"
    path.write_text(damage, encoding="utf-8")
    assert read(path, cell) is None
    assert [each.name for each in tmp_path.iterdir()] == ["cell.json"]


@pytest.mark.parametrize("name", ["to_95", "curve", "evaluation_seconds", "ended"])
def test_a_damaged_field_is_no_result(name: str, tmp_path: Path) -> None:
    cell, path = cells(1)[0], tmp_path / "cell.json"
    write(path, cell, made_up(cell, 0.1))
    record = json.loads(path.read_text(encoding="utf-8"))
    record["result"][name] = {"x": 1}
    path.write_text(json.dumps(record), encoding="utf-8")
    assert read(path, cell) is None


def changed(values: dict[str, Any], path: str) -> None:
    """Change one value in nested tables, as in `versions.torch`."""
    *parts, name = path.split(".")
    for part in parts:
        values = values[part]
    assert name in values, f"{path} was not kept, so it could not change."
    values[name] = "other"


@pytest.mark.parametrize(
    "what", ["versions.inwit", "versions.torch", "git", "machine.processor", "machine.accelerator", "model", "device"]
)
def test_what_another_version_or_machine_has_measured_is_no_result(what: str, tmp_path: Path) -> None:
    cell, path = cells(1)[0], tmp_path / "cell.json"
    write(path, cell, made_up(cell, 0.1))
    record = json.loads(path.read_text(encoding="utf-8"))
    changed(record["made_by"], what)
    path.write_text(json.dumps(record), encoding="utf-8")
    assert read(path, cell) is None


@pytest.mark.slow
def test_a_cell_of_another_version_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(grid, "CHILD", "raise SystemExit('ran again')")
    (tmp_path / "cells").mkdir()
    for number, cell in enumerate(cells(2)):
        file = tmp_path / "cells" / f"{cell.key}.json"
        write(file, cell, made_up(cell, 0.1))
        if number:
            record = json.loads(file.read_text(encoding="utf-8"))
            record["made_by"]["versions"]["inwit"] = "0.0.0-other"
            file.write_text(json.dumps(record), encoding="utf-8")
    assert main(["bench", *FLAGS, "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "1 of 2 runs were finished before and are kept" in told
    assert "ran again" in told


@pytest.mark.parametrize("recipe", recipes.names())
def test_a_cell_trains_the_recipe_and_no_other(recipe: str) -> None:
    """The learning rate of every update is the recipe's: it falls to its end at the recipe's max_updates."""
    own = resolve(recipe)
    config = plan(recipe, BenchSettings(seeds=1), {}).cells[0].config
    assert replace(config, training=replace(config.training, confirm=own.training.confirm)) == own


@pytest.mark.slow
def test_a_training_that_comes_to_its_end_before_its_seconds_says_so() -> None:
    cell = plan("tutorial", BenchSettings(seeds=1, seconds=60.0), TINY | {"training": {"max_updates": 60}}).cells[0]
    result = measure(cell)
    assert (result.ended, result.curve[-1].updates, result.to_100) == ("max_updates", 60, None)
    whole, short = markdown("t", [result] * 2, 60), markdown("t", [made_up(cell, None)], 60)
    assert "2 of 2 runs ended before their 60 s, where the recipe ends: after training.max_updates = 60." in whole
    assert "max_updates" not in short


def test_a_gpu_gets_one_process_and_a_cpu_one_for_each_processor(tmp_path: Path) -> None:
    recipe = tmp_path / "gpu.toml"
    recipe.write_text(resolved_toml("cuda:1"))
    assert default_jobs("tutorial", {}) == default_jobs(str(recipe), {"training": {"device": "cpu"}}) == os.cpu_count()
    assert default_jobs("tutorial", {"training": {"device": "cuda"}}) == default_jobs(str(recipe), {}) == 1


def resolved_toml(device: str) -> str:
    """The tutorial's recipe on another device."""
    _, text = recipes.read("tutorial")
    return text.replace("[training]", f'[training]\ndevice = "{device}"')


def test_another_setting_is_another_cell() -> None:
    first, second = cells(2)
    keys = {first.key, second.key, replace(first, seconds=1.0).key, cells(1, learners=("ppo",))[0].key}
    assert len(keys) == 4
    assert cells(2)[0].key == first.key


def test_finished_cells_are_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(grid, "CHILD", "raise SystemExit('ran again')")
    for cell in cells(2):
        (tmp_path / "cells").mkdir(exist_ok=True)
        write(tmp_path / "cells" / f"{cell.key}.json", cell, made_up(cell, 0.1))
    assert main(["bench", *FLAGS, "--out", str(tmp_path)]) == 0
    assert "2 of 2 runs were finished before and are kept" in capsys.readouterr().out
    assert main(["bench", *FLAGS, "--out", str(tmp_path), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["rows"][0]["to_100"]["seconds"]["iqm"] == pytest.approx(0.1)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "| a2c | gru | 2 of 2 | 0.10 (0.10 to 0.10) |" in (tmp_path / "table.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))["rows"] == record["rows"]


@pytest.mark.parametrize("trains", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_damaged_cell_is_run_again_and_what_fails_stops_nothing(
    trains: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here a process runs: one, which trains or, faster, has a result at once. The learner grpo has no `value`, and so
    its cells are impossible."""
    overrides = {**EASY, "learner": {"value": "0.25"}}
    (tmp_path / "cells").mkdir()
    whole, broken = plan("calculator", BenchSettings(seeds=2, seconds=30.0), overrides).cells
    write(tmp_path / "cells" / f"{whole.key}.json", whole, made_up(whole, 0.1))
    (tmp_path / "cells" / f"{broken.key}.json").write_text("{", encoding="utf-8")
    if not trains:
        write(tmp_path / "result", broken, made_up(broken, 0.2))
        copy = f"import json, shutil, sys; shutil.copy({str(tmp_path / 'result')!r}, json.load(sys.stdin)['file'])"
        monkeypatch.setattr(grid, "CHILD", copy)
    more = [
        "--learners",
        "a2c,grpo",
        "--learner.value",
        "0.25",
        "--seeds",
        "2",
        "--seconds",
        "30",
        "--out",
        str(tmp_path),
    ]
    assert main(["bench", "calculator", *EASY_FLAGS, *more]) == 0
    output = capsys.readouterr().out
    assert "1 of 2 runs were finished before and are kept" in output
    assert "finished 2/2: a2c gru seed 1: 100 % after" in output
    assert "failed: grpo gru seed 0: unknown setting 'learner.value'" in " ".join(output.split())
    again = read(tmp_path / "cells" / f"{broken.key}.json", broken)
    assert again is not None
    assert again.to_100 is not None


def test_a_process_that_fails_is_told_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "CHILD", "raise SystemExit('first\\nno luck')")
    results = grid.run_grid(cells(2), tmp_path, 2)
    assert [result.failed for result in results] == ["no luck"] * 2
    monkeypatch.setattr(grid, "CHILD", "import os; os.kill(os.getpid(), 9)")
    assert "status -9" in grid.run_grid(cells(1), tmp_path, 2)[0].failed
    assert list((tmp_path / "cells").glob("*.json")) == []


def test_when_everything_fails_the_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(grid, "CHILD", "raise SystemExit('no luck')")
    assert main(["bench", *FLAGS, "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "inwit: every run has failed, the first with: no luck\n"
    assert "| a2c | gru | failed |" in (tmp_path / "table.md").read_text(encoding="utf-8")


def test_an_interruption_stops_the_processes_and_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "CHILD", "import time; time.sleep(60)")
    first, *_ = three = cells(3)
    (tmp_path / "cells").mkdir()
    write(tmp_path / "cells" / f"{first.key}.json", first, made_up(first, 0.1))
    seen: list[grid.Run] = []

    def interrupt(results: list[Result], runs: list[grid.Run]) -> None:
        seen.extend(runs)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"1 of 3 runs are kept in .*; the same command goes on from there"):
        grid.run_grid(three, tmp_path, 2, interrupt)
    assert [run.process.returncode for run in seen] == [-signal.SIGTERM] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tutorail"], "did you mean 'tutorial'"),
        (["--learners", "a2c,a3c"], "unknown learner 'a3c': did you mean 'a2c'"),
        (["--policies", "grru"], "unknown policy 'grru': did you mean 'gru'"),
        (["--policy.widht", "8"], "did you mean 'policy.width'"),
        (["--seeds", "0"], "seeds = 0 is too small: it must be at least 1"),
        (["--jobs", "0"], "jobs = 0 is too small"),
        (["--seconds", "0"], "seconds = 0.0 is too small"),
        (["--seedz", "3"], "did you mean '--seeds'"),
        (["--out", "/dev/null/x"], "cannot write into /dev/null/x: Not a directory; choose another folder with --out"),
        (["--training.confirm", "true"], "training.confirm is the benchmark's own"),
        (["--training.device", "gpu"], "unknown training.device 'gpu'"),
        (["--learners", "ppo", "--learner.id", "a2c"], "contradict each other"),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["table.md", "table.json", "curves.png"])
def test_a_folder_of_somebody_elses_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text("mine")
    assert main(["bench", "--out", str(tmp_path), "--seconds", "0.1", "--seeds", "1"]) == 2
    assert f"{tmp_path / name} is no benchmark's: name another folder with --out" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "mine"


def test_a_training_that_loses_its_numbers_has_failed() -> None:
    cell = cells(1)[0]
    wild = replace(cell.config.training, learning_rate=1e30)
    with pytest.raises(UserError, match="not finite"):
        measure(Cell(replace(cell.config, training=wild), 5.0))


@pytest.mark.slow
def test_ctrl_c_and_on_from_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "inwit", "bench", *FLAGS, "--seeds", "3", "--out", str(tmp_path)]
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # shells let background jobs ignore Ctrl-C
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "cells").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "of 3 runs are kept" in errors
    kept = len(list((tmp_path / "cells").glob("*.json")))
    assert 1 <= kept < 3
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert f"{kept} of 3 runs were finished before and are kept" in done.stdout
    assert len(list((tmp_path / "cells").glob("*.json"))) == 3
