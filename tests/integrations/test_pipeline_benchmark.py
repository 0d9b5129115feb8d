"""The benchmark of pipelines beside networks: what counts as a line of code, what is measured, and the tables."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from everywhere import registries_restored

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not BENCHMARKS.exists():
        pytest.skip("There is no checkout around these tests.")
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # which the benchmark sets when it is imported
        monkeypatch.setenv(name, "1")
    with registries_restored():
        yield


def test_blank_lines_comments_and_docstrings_are_no_code() -> None:
    from pipeline_costs import code_lines

    source = '''"""A module,
in two lines."""

import os  # counts

# does not


class A:
    """No code."""

    text = """counts,
    both lines"""

    def f(self):
        """No code."""
        return (
            os
        )
'''
    assert code_lines(source) == 1 + 1 + 2 + 1 + 3
    assert code_lines('"""Only this."""') == 0


def test_the_lines_of_a_policy_are_those_of_all_that_it_imports() -> None:
    from pipeline_costs import imported, lines

    modules = imported(["policies/gru.py"], "policies")
    assert {"policies/gru.py", "policies/gru_cell.py", "policies/base.py", "policies/replay.py"} <= set(modules)
    assert not any("lstm" in module for module in modules)
    told = lines()
    assert all(count > 0 for place, count in told["pipeline"].items() if place != "tutorial-v0")
    assert told["gru"]["tutorial"] == 0 < told["gru"]["lookup"] < told["pipeline"]["lookup"]
    assert told["react"]["shared"] > told["pipeline"]["shared"]  # it is written with the pipeline's parts


def rounds(step: str, *only: str, seeds: int | None = None) -> list[list[str]]:
    from pipeline import _rounds

    return list(_rounds(step, Namespace(only=list(only), seeds=seeds, retrained=None)))


def test_every_agent_has_its_seeds() -> None:
    [trained] = rounds("train")
    assert sum(key.startswith("train/lookup-failing/gru/") for key in trained) == 5
    assert sum(key.startswith("train/lookup/gru/") for key in trained) == 10
    assert sum(key.startswith("train/lookup/lstm/") for key in trained) == 3
    assert sum(key.startswith("train/calculator-2/gru/") for key in trained) == 3
    assert not any("/pipeline/" in key for key in trained)
    assert rounds("home", "pipeline", "lookup") == [["home/lookup/pipeline/0"]]
    before, at_once, after = rounds("changes", "gru", "crossed", seeds=5)
    assert [len(before), len(at_once), len(after)] == [5, 5, 3]
    assert after[0] == "after/crossed/gru/0"
    with pytest.raises(SystemExit, match="nothing is called cross"):
        rounds("changes", "cross")


def test_what_is_kept_is_not_measured_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline import _run, keep

    results = tmp_path / "pipeline.json"
    keep(results, "home/calculator/gru/0", {"success": 0.5})
    keep(results, "home/calculator/gru/1", {"success": 0.7})
    _run(["home/calculator/gru/0"], Namespace(results=results, runs=tmp_path), 1)
    assert capsys.readouterr().out == ""
    assert json.loads(results.read_text())["home/calculator/gru/0"] == {"success": 0.5}


KEPT: dict[str, Any] = {
    "home/calculator/gru/0": {"success": 1.0, "cost_over_best": 1.0},
    "home/calculator/gru/10": {"success": 0.98, "cost_over_best": 1.01},
    "home/calculator/pipeline/0": {"success": 1.0, "cost_over_best": 1.0},
    "train/calculator/gru/0": {"seconds": 10.2},
    "train/calculator/gru/1": {"seconds": 14.4},
    "before/crossed/gru/0": {"success": 1.0},
    "at once/crossed/gru/0": {"success": 1 / 3},
    "after/crossed/gru/0": {"success": 0.9999, "seconds": 41.2},
    "before/crossed/pipeline/0": {"success": 1.0},
    "at once/crossed/pipeline/0": {"success": 0.25},
    "after/crossed/pipeline/0": {"success": 1.0, "lines": 6, "told": ""},
    "after/no-slot/pipeline/0": {"success": 1.0, "lines": 0, "told": "told the setting"},
    "longer/4/gru/0": {"success": 0.0},
    "deviation/calculator/gru/0": {"tie": 1, "tie_of": 4, "longer": 0, "longer_of": 9, "unknown": 2},
    "speed": {"calculator/gru": {"one": 51.2, "batch": 0.456, "parameters": 19548}},
    "lines": {"gru": {"shared": 700, "tutorial": 0, "calculator": 30, "lookup": 90, "lookup-failing": 90}},
}


def test_tables_are_made_from_what_is_kept() -> None:
    from pipeline_table import tables

    rows = {line.split(" | ")[0].strip("| "): line for line in tables(KEPT).splitlines() if line.startswith("| ")}
    assert rows["calculator: success, %"] == "| calculator: success, % | 100 | – | 99 (98 to 100) | – | – | – |"
    assert "| 1.005 (1.000 to 1.010) |" in rows["calculator: cost over the optimum"]
    assert rows["calculator: training, s"].startswith("| calculator: training, s | 0 | 0 | 12 (10 to 14) |")
    [crossed] = [row for name, row in rows.items() if "computes x − acc" in name]
    assert "| 100 → 25 → 100 (6 lines) | – → – → – | 100 → 33.3 → 99.9 (41 s) |" in crossed
    [no_slot] = [row for name, row in rows.items() if "1 → 0" in name]
    assert "| – → – → 100 (told the setting) |" in no_slot
    assert "| – | – | 25 | – |" in rows["after a token that is as good as its own, %"]
    assert "| 0 |" in rows["all 1,134 expressions of 4 operators, %"]
    assert "| 0.46 |" in rows["a token in a batch of 4,096, µs"]
    assert "| 19,548 |" in rows["parameters"]


def test_the_page_takes_the_tables_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pipeline_table

    page = tmp_path / "pipeline.md"
    monkeypatch.setattr(pipeline_table, "PAGE", page)
    page.write_text(f"before\n{pipeline_table.BEGIN}\nstale\n{pipeline_table.END}\nafter\n")
    for _ in range(2):  # what was written once can be written again
        found = pipeline_table.write(KEPT)
        text = page.read_text()
        assert text.startswith("before\n")
        assert text.endswith("\nafter\n")
        assert found in text
        assert "stale" not in text
    page.write_text("no marks")
    with pytest.raises(SystemExit, match="put these marks around it"):
        pipeline_table.write(KEPT)


def test_the_optimum_where_a_tool_is_broken_for_good_is_that_of_one_who_knows() -> None:
    """Of `F x` a sure call is best; of `G x` to try again, as long as the budget lasts."""
    from pipeline_cases import CHANGES, best_value, changed_world

    world: Any = changed_world(CHANGES["down"])
    price, sure, fail = world.settings.price, world.settings.sure_price, world.settings.fail

    def value(left: int) -> float:
        """Of `G x` with so many tokens left."""
        if left < 4:
            return 1 / world.settings.num_values
        return max(1 - sure, (1 - fail) + fail * value(left - 2) - price)

    assert best_value(world, 0) == pytest.approx((1 - sure + value(world.settings.max_steps)) / 2, abs=1e-9)
    drawn = world.sample(torch.zeros(64, dtype=torch.int64), torch.Generator().manual_seed(0))
    for tasks in (drawn, world.all_tasks([0, 1])):
        assert tasks.data["broken"].unique(dim=0).tolist() == [[1, 0, 0]]
    assert (drawn.data["fails"] == 1).any()


def test_a_repair_is_made_for_the_changed_world_and_solves_it() -> None:
    from inwit.scripts import scripted
    from pipeline_cases import CHANGES, changed_world, home_world, measure
    from pipeline_repairs import repaired

    world = changed_world(CHANGES["crossed"])
    agent, lines, told = repaired("pipeline", "crossed")
    assert (agent.world.settings, lines > 0, told) == (world.settings, True, "")
    assert measure(agent)["success"] == 1.0
    plain = scripted("pipeline", home_world("calculator"))
    assert measure(plain) | {"at_best": 1.0} == measure(plain)
    plain.world = world
    assert measure(plain)["success"] < 0.5
