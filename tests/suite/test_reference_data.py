"""The reference data: what ships is of the experiments as they are, and what becomes of a folder of suites."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from inwit.suite import ABILITIES
from inwit.suite.ability import Figure
from inwit.suite.reference import FILE, FORMAT, definition, reference, settings_of
from inwit.suite.scores import LevelScore, Score
from inwit.suite.subject import Subject
from inwit.suite.table import DEFAULT_BUDGET
from inwit.suite.work import world_of

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_what_ships_is_of_the_experiments_as_they_are() -> None:
    """Where this fails: `python benchmarks/suite.py --keep`."""
    data = resources.files("inwit.suite").joinpath(FILE).read_bytes()
    assert len(data) < 300_000
    kept = json.loads(data)
    assert kept["format"] == FORMAT
    assert kept["made_by"].keys() == kept["agents"].keys()
    for name, agent in kept["agents"].items():
        assert not any(each["failed"] for each in agent["abilities"])
        assert list(reference()[name].scores) == [each["ability"] for each in agent["abilities"]], name
        assert all(len(each["seeds"]) == agent["seeds"] for each in agent["abilities"])


def test_the_levels_of_what_ships_are_those_of_the_abilities() -> None:
    for name in ABILITIES.names():
        shown = [
            [level.knob for level in each.scores[name].levels] for each in reference().values() if name in each.scores
        ]
        if shown:
            levels = [knob for each in ABILITIES.load(name).experiments for knob in each.levels(world_of(each))]
            assert shown == [levels] * len(shown)


def suite(folder: Path, name: str, subject: Subject, seeds: int, **more: object) -> None:
    level = LevelScore("1", 1 / 3, Figure(0.0), 1.0, 1 / 3)
    good = Score("reading", "operators", [level], [1 / 3] * seeds, drawn=subject.drawn)
    bad = Score("noise", "tokens", [], [], failed="no memory", drawn=subject.drawn)
    found = {
        "name": name,
        "subject": subject.to_dict(),
        "settings": settings_of(subject),
        "definitions": {"reading": definition(ABILITIES.load("reading"))},
        "budget": DEFAULT_BUDGET,
        "overrides": {},
        "seeds": seeds,
        "made_by": {"git": None, "model": "a processor", "more": 1},
        "abilities": [good.to_dict(), bad.to_dict()],
    }
    (folder / name).mkdir()
    (folder / name / "suite.json").write_text(json.dumps(found | more))


def test_of_a_folder_of_suites_is_kept_what_is_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not BENCHMARKS.exists():
        pytest.skip("There is no checkout around these tests.")
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which the benchmark sets when it is imported
    import suite as benchmark

    monkeypatch.setattr(benchmark, "DATA", tmp_path / "kept.json")
    suite(tmp_path, "a2c-gru", Subject(), 5)
    suite(tmp_path, "pipeline", Subject("pipeline", "", ""), 1)
    suite(tmp_path, "ppo-gru", Subject("", "ppo", "gru"), 1)
    suite(tmp_path, "rloo-gru", Subject("", "rloo", "gru"), 5, budget="100 tokens")
    suite(tmp_path, "grpo-gru", Subject("", "grpo", "gru"), 5, overrides={"training": {"episodes": "8"}})
    benchmark.keep(tmp_path, 5)
    kept = json.loads((tmp_path / "kept.json").read_bytes())
    assert list(kept["agents"]) == ["pipeline", "a2c-gru"]
    agent = kept["agents"]["a2c-gru"]
    assert agent["definitions"] == {"reading": definition(ABILITIES.load("reading"))}
    assert agent["settings"]["learner"]["training"]["learning_rate"] > 0
    (score,) = agent["abilities"]
    assert (score["ability"], score["seeds"]) == ("reading", [0.33333] * 5)
    said = capsys.readouterr().out
    assert said.count("left out: ") == 5  # three suites, and noise of two
    assert "left out: noise of a2c-gru: no memory" in said
