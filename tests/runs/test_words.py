"""Words that mean scripts: what each means, and where only a run will do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.core.errors import UserError
from inwit.report.select import select
from inwit.runs.finding import meant
from inwit.runs.loading import find_to_resume
from inwit.runs.words import ScriptWord, script_word
from recorded import SHORT, put, setting
from support import python


def test_what_a_word_means() -> None:
    assert script_word("pipeline") == ScriptWord("pipeline")
    assert script_word(" react : calculator ") == ScriptWord("react", "calculator")
    assert script_word("pipeline:latest@best") == ScriptWord("pipeline", "latest@best")
    runs = ("latest", "./pipeline", "pipeline@best", "pipelines", "me/pipeline", "C:pipeline", Path("pipeline"))
    assert [script_word(word) for word in runs] == [None] * len(runs)
    with pytest.raises(UserError, match=r"names no world.*pipeline:calculator"):
        script_word("pipeline:")


def world(word: str) -> tuple[str, dict[str, Any]]:
    agent = inwit.load(word)
    assert (agent.script, agent.status, agent.untold, agent.path) == (word.partition(":")[0], "scripted", {}, None)
    return agent.world.id, agent.world.settings.to_dict()


def test_where_it_acts(runs: Path, tmp_path: Path) -> None:
    put(runs, "mine", setting("world.max_operators", 2))
    recipe = tmp_path / "own.toml"
    recipe.write_text('[world]\nid = "tutorial-v1"\nmax_steps = 8\n[policy]\nid = "gru"\n[learner]\nid = "a2c"\n')
    recipe.write_text(recipe.read_text() + '[curriculum]\nid = "uniform"\n')
    assert world("pipeline")[0] == "tutorial-v1"
    assert world("react:calculator")[1]["max_operators"] == 3
    assert world("react:calculator-v0") == ("calculator-v0", inwit.make("calculator-v0").settings.to_dict())
    assert world(f"pipeline:{recipe}")[1]["max_steps"] == 8
    for word in ("pipeline:mine", f"pipeline:{runs / 'mine'}", "pipeline:latest"):
        assert world(word)[1]["max_operators"] == 2


def test_part_of_a_run_and_a_folder_that_travels(runs: Path, tmp_path: Path) -> None:
    agent = inwit.train("calculator", **(SHORT | {"training": {"max_updates": 1, "snapshots": [1], "episodes": 32}}))
    assert agent.path is not None
    inwit.save_pretrained(agent, tmp_path / "travels")
    for word in (f"{agent.path.name}@1", str(tmp_path / "travels")):
        assert world(f"pipeline:{word}")[1]["max_operators"] == 1


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("pipeline:nosuch", "unknown recipe, world or run 'nosuch'.*calculator"),
        ("pipeline:./nosuch", "unknown run"),
        ("pipeline:calculater", "did you mean 'calculator'"),
        ("nosuch", r"unknown run 'nosuch'.*scripts, each alone or as NAME:WORLD, are pipeline, react"),
        ("pipeline@best", "pipeline is a script"),
    ],
)
def test_words_that_mean_nothing(word: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        inwit.load(word)
    assert "\n" not in str(refused.value)


def test_the_folder_of_a_suite_is_no_run(runs: Path) -> None:
    put(runs, "mine")
    (runs / "suite-mine").mkdir()
    (runs / "suite-mine" / "suite.json").write_text("{}")
    with pytest.raises(UserError, match="'suite-mine' is the folder of a suite, not a run"):
        inwit.load("suite-mine")
    with pytest.raises(UserError, match="valid: latest, mine; scripts"):
        inwit.load("other")


@pytest.mark.parametrize("asked", [{"device": "cpu"}, {"at": 3}, {"untrained": 0}])
def test_what_a_script_has_not(asked: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"without weights or training: leave out {next(iter(asked))} = "):
        inwit.load("pipeline:calculator", **asked)


def test_a_script_is_no_run(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is reserved; a folder of that name has its path."""
    put(runs, "pipeline")
    assert inwit.load("pipeline").script == "pipeline"
    monkeypatch.chdir(runs)
    for folder in ("./pipeline", Path("pipeline"), runs / "pipeline"):
        assert inwit.load(folder).script == ""
    assert meant("nosuch") == []
    assert [run.script for run in select(["./pipeline"])] == [""]
    for ask in (find_to_resume, inwit.resume, lambda word: inwit.train(training={"start_from": word})):
        with pytest.raises(UserError, match=r"pipeline is a script.*\./pipeline"):
            ask("pipeline")
    with pytest.raises(UserError, match="name of a script"):
        inwit.train(name="react")


def test_reading_words_needs_no_pytorch() -> None:
    done = python(
        "import sys\nfrom inwit.runs.words import script_word\nfrom inwit.report.select import select\n"
        "assert script_word('pipeline:calculator')\nassert 'torch' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_a_script_refuses_a_world_with_other_tokens() -> None:
    agent = inwit.load("pipeline:calculator")
    moved = replace(agent, world=inwit.make("calculator-v0", tools=("ADD", "SUB", "MUL", "MAX")))
    with pytest.raises(UserError, match="the agent does not fit this world: it writes the"):
        inwit.evaluate(moved)
