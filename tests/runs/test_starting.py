"""Warm starts, and everything that `load` takes."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path

import pytest
import torch

import inwit
from inwit import UserError
from inwit.commands.cli import main
from inwit.core.contracts import Agent, weights_of
from inwit.runs import checkpoint
from inwit.runs.folder import read_record
from inwit.runs.starting import start
from results import PROVEN
from support import small_config

NONE = {"max_updates": 1, "confirm": False}


def same(one: Agent, other: Agent) -> bool:
    ours, theirs = weights_of(one.policy), weights_of(other.policy)
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture
def trained() -> Agent:
    return inwit.train(small_config(training={"max_updates": 3, "checkpoint_every": 0}))


@pytest.fixture
def folder(trained: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Saved without the seconds that the exact evaluation takes."""
    monkeypatch.setattr("inwit.integrations.hub.evaluate", lambda agent: PROVEN)
    return inwit.save_pretrained(trained, tmp_path / "agent")


def begun(source: object, **overrides: object) -> Agent:
    return start(small_config(training={**NONE, "start_from": str(source)}, seed=5, **overrides)).agent


def test_a_training_starts_from_a_run_a_checkpoint_or_a_folder(trained: Agent, folder: Path) -> None:
    assert trained.path is not None
    for source in (
        trained.path,
        trained.path.name,
        "latest",
        "latest@last",
        trained.path / "checkpoints/000003",
        folder,
    ):
        agent = begun(source)
        assert same(agent, trained), source
    assert not same(inwit.train(agent.config), trained)  # goes on from there
    assert not same(start(small_config(seed=5)).agent, trained)


def test_the_source_is_kept_by_a_name_that_lasts(trained: Agent, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert trained.path is not None
    assert begun("latest").config.training.start_from == trained.path.name
    assert begun("latest@last").config.training.start_from == f"{trained.path.name}/checkpoints/000003"
    monkeypatch.chdir(folder.parent)
    assert begun("agent").config.training.start_from == str(folder)


def test_a_source_may_be_a_path(trained: Agent) -> None:
    assert trained.path is not None
    source = trained.path / "checkpoints" / "000003"
    config = small_config(training={**NONE, "start_from": source})
    assert config.training.start_from == str(source)
    assert same(start(config).agent, trained)
    with pytest.raises(UserError, match=r"training.episodes = .* is not a whole number"):
        small_config(training={"episodes": source})


def test_other_settings_may_be_chosen(trained: Agent) -> None:
    agent = begun("latest", world={"masks": False}, learner={"id": "ppo"})
    assert same(agent, trained)
    [update] = islice(inwit.updates(agent.config), 1)
    assert update.agent.world.masks is False


def test_a_world_with_more_stages_takes_the_stages_that_both_have() -> None:
    small, large = ({"id": "calculator-v0", "max_operators": count} for count in (1, 2))
    training = {**NONE, "episodes": 32}
    given = inwit.train("calculator", world=small, policy={"width": 8}, training=training)
    warm = training | {"start_from": "latest"}
    agent = start(inwit.resolve("calculator", world=large, policy={"width": 8}, training=warm)).agent
    ours, theirs = weights_of(agent.policy), weights_of(given.policy)
    assert torch.equal(ours["stage_embedding"][:2], theirs["stage_embedding"])
    assert len(ours["stage_embedding"]) == 3
    assert torch.equal(ours["head_weight"], theirs["head_weight"])


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"policy": {"width": 9}}, "there and"),
        ({"policy": {"id": "memoryless"}}, "has no such tensor"),
        ({"world": {"id": "calculator-v0"}}, r"writes the \d+ tokens of tutorial-v1, and calculator-v0 has \d+ others"),
    ],
)
def test_what_does_not_fit_is_refused(trained: Agent, overrides: dict[str, object], said: str, runs: Path) -> None:
    before = set(runs.glob("[!.]*"))
    with pytest.raises(UserError, match=said) as caught:
        inwit.train(small_config(training={**NONE, "start_from": "latest"}, **overrides))
    assert "start_from" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert set(runs.glob("[!.]*")) == before


@pytest.mark.parametrize("source", ["nowhere", "latest", " ", "no/where"])
def test_a_source_that_is_not_there_is_refused(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest.importorskip("huggingface_hub.constants"), "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError):
        begun(source)


def test_a_warm_start_that_was_killed_at_once_starts_from_there_again(trained: Agent) -> None:
    warm = inwit.train(small_config(training={"max_updates": 2, "start_from": "latest"}))
    assert warm.path is not None
    whole = weights_of(warm.policy)
    for path in checkpoint.listed(warm.path):
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    record = json.loads((warm.path / "run.json").read_text())
    (warm.path / "run.json").write_text(json.dumps(record | {"status": "running", "summary": {}}))
    again = inwit.resume(warm.path)
    assert all(torch.equal(weights_of(again.policy)[name], tensor) for name, tensor in whole.items())


def test_a_checkpoint_by_its_name(trained: Agent) -> None:
    assert trained.path is not None
    for which in ("last", "best", "3", "000003"):
        assert inwit.load(f"{trained.path}@{which}").status == "checkpoint"
        assert inwit.load(f"{trained.path.name}@{which}").status == "checkpoint"
    assert same(inwit.load("latest@1"), inwit.load(trained.path / "checkpoints" / "000001"))
    with pytest.raises(UserError, match=r"unknown checkpoint or snapshot of .*'bst'.*did you mean 'best'"):
        inwit.load("latest@bst")
    with pytest.raises(UserError, match="unknown run 'nowhere'"):
        inwit.load("nowhere@best")


def test_a_run_goes_on_from_no_checkpoint_of_choice(trained: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert trained.path is not None
    kept = trained.path / "checkpoints" / "000002"
    ways = {"latest@best": "leave out @best", f"{trained.path}@2": "leave out @2", str(kept): f"give {trained.path}"}
    ways[f"{trained.path.name}/checkpoints/000002"] = f"give {trained.path}"
    for word, way in ways.items():
        said = f"{word} is a checkpoint, and a run goes on from its newest one: {way}"
        with pytest.raises(UserError, match=f"^{re.escape(said)}$"):
            inwit.resume(word)
        assert main(["train", "--resume", word]) == 2
        assert said in capsys.readouterr().err


def test_the_best_is_the_one_with_the_highest_running_success(trained: Agent) -> None:
    assert trained.path is not None
    scores = {
        path: json.loads((path / "manifest.json").read_text())["score"] for path in checkpoint.listed(trained.path)
    }
    assert scores[checkpoint.best(trained.path)] == max(scores.values())  # pyright: ignore[reportArgumentType]
    assert checkpoint.best(trained.path.parent) is None


@pytest.mark.parametrize(
    "arguments",
    [["evaluate"], ["explain", "--stage", "0", "--operands", "1", "2", "3"], ["report"], ["compare"]],
    ids=lambda words: words[0],
)
def test_the_commands_take_a_folder_that_travels(
    folder: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    command, *more = arguments
    assert main([command, "agent", *more]) == 0
    assert not capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]


def test_a_folder_has_its_results_in_a_comparison(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "latest", str(folder), "--json"]) == 0
    assert capsys.readouterr().out.count('"solved"') >= 1
    damaged = json.loads((folder / "config.json").read_text())
    del damaged["summary"]
    (folder / "config.json").write_text(json.dumps(damaged))
    assert main(["report", str(folder)]) == 2
    assert "is damaged" in capsys.readouterr().err


def test_a_run_does_not_say_that_it_started_anywhere(trained: Agent) -> None:
    assert trained.path is not None
    assert read_record(trained.path).config["training"]["start_from"] == ""
