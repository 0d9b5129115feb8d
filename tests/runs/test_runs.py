"""Run folders: what comes back, and what is refused when something is missing or damaged."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

import inwit
from faults import FaultyDisk, disk
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.runs import writing
from inwit.runs.folder import runs_folder
from support import small_config, whole_lines


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INWIT_RUNS", str(tmp_path_factory.mktemp("shared")))
        return inwit.train(small_config(training={"max_updates": 1}))


@pytest.fixture
def agent(trained: Agent, runs: Path) -> Agent:
    """An agent as a short training leaves it, with a run of this test's own."""
    assert trained.path is not None
    return replace(trained, path=Path(shutil.copytree(trained.path, runs / trained.path.name)))


def edit(agent: Agent, **changes: Any) -> None:
    """Change the top level of a run's record; None removes a key."""
    assert agent.path is not None
    path = agent.path / "run.json"
    record = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in record.items() if value is not None}))


def refusal(run: Any) -> str:
    with pytest.raises(UserError) as refused:
        inwit.load(run)
    message = str(refused.value)
    assert "\n" not in message, f"The message {message!r} has more than one line."
    assert len(message) < 500, f"The message is {len(message)} letters long."
    return message


def test_a_run_comes_back_to_the_bit(agent: Agent) -> None:
    assert agent.path is not None
    for run in ("latest", agent.path, str(agent.path), agent.path.name):
        loaded = inwit.load(run)
        assert loaded.config == agent.config
        assert (loaded.status, loaded.summary, loaded.path) == ("finished", agent.summary, agent.path)
        for name, tensor in agent.policy.state_dict().items():
            assert torch.equal(loaded.policy.state_dict()[name], tensor), name
        task = {"stage": 1, "operands": [3, 5, 1, 7]}
        assert inwit.explain(loaded, task) == inwit.explain(agent, task)


def test_loading_leaves_the_global_generator_alone(agent: Agent) -> None:
    before = torch.get_rng_state()
    inwit.load()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_run_keeps_the_worlds_settings() -> None:
    inwit.train(small_config(world={"max_steps": 5, "masks": False}, training={"max_updates": 1}))
    world = inwit.load().world
    assert (world.max_steps, world.masks) == (5, False)


def test_a_missing_run(agent: Agent) -> None:
    assert agent.path is not None
    message = refusal("nothing-here")
    assert "nothing-here" in message
    assert agent.path.name in message
    assert "latest" in message


def test_the_nearest_run_is_named(agent: Agent) -> None:
    assert agent.path is not None
    assert f"did you mean '{agent.path.name}'" in refusal(agent.path.name[:-1] + "x")


def test_no_run_at_all(runs: Path) -> None:
    assert "inwit train" in refusal("latest")
    assert str(runs) in refusal("latest")


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    assert "run.json" in refusal(tmp_path)


def test_a_half_written_run(agent: Agent) -> None:
    edit(agent, status="running")
    assert "not complete" in refusal(agent.path)
    assert "no complete run" in refusal("latest")


def test_a_run_without_weights(agent: Agent) -> None:
    (agent.path / "weights.safetensors").unlink()
    assert "weights.safetensors" in refusal(agent.path)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_truncated_weights(agent: Agent, keep: int) -> None:
    file = agent.path / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    assert "damaged" in refusal(agent.path)


@pytest.mark.parametrize("change", [{"width": 9}, {"id": "memoryless"}])
def test_weights_that_do_not_fit(agent: Agent, change: dict[str, Any]) -> None:
    config = agent.config.to_dict()
    edit(agent, config=config | {"policy": config["policy"] | change})
    assert "do not fit" in refusal(agent.path)


@pytest.mark.parametrize("made_for", ["[]", "null", "[1, 2]", "{}", "[{}, {}, {}]", "3", "{"])
def test_weights_that_do_not_say_what_they_were_made_for(agent: Agent, made_for: str) -> None:
    file = agent.path / "weights.safetensors"
    file.write_bytes(save(load(file.read_bytes()), {"made_for": made_for}))
    assert "do not fit" in refusal(agent.path)


BROKEN = ["", "{", "[]", "3", "null", '"text"', '{"format": 1}', '{"format": 1, "status": "finished", "config": {}}']


@pytest.mark.parametrize("text", [*BROKEN, '{"format": 1, "status": "finished", "config": {"world": 3}}'])
def test_a_damaged_record(agent: Agent, text: str) -> None:
    (agent.path / "run.json").write_text(text)
    assert "run.json" in refusal(agent.path)
    assert "no complete run" in refusal("latest") or "damaged" in refusal("latest")


def test_a_record_that_is_no_text(agent: Agent) -> None:
    (agent.path / "run.json").write_bytes(b"\xff\xfe\x00")
    assert "run.json" in refusal(agent.path)
    assert "no complete run" in refusal("latest")


@pytest.mark.parametrize("key", ["status", "config", "summary", "format"])
def test_a_record_that_lacks_something(agent: Agent, key: str) -> None:
    edit(agent, **{key: None})
    assert "run.json" in refusal(agent.path)


@pytest.mark.parametrize("value", [[], {"id": 3}, 3, "x"])
def test_a_record_with_a_wrong_configuration(agent: Agent, value: Any) -> None:
    edit(agent, config=agent.config.to_dict() | {"policy": value})
    refusal(agent.path)


def test_a_run_of_another_format(agent: Agent) -> None:
    edit(agent, format=2)
    assert "format 2" in refusal(agent.path)


def test_a_run_of_a_world_that_is_not_there(agent: Agent) -> None:
    edit(agent, config=agent.config.to_dict() | {"world": {"id": "their-world"}})
    assert "their-world" in refusal(agent.path)


def test_a_name_that_another_process_took_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that begin in the same microsecond: the second takes another name, the first loses nothing."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2026, 1, 1, tzinfo=tz)

    monkeypatch.setattr("inwit.runs.writing.datetime", Stopped)
    config, names = small_config(), ("A", "B")
    first = writing.create(config, names)
    (first / "weights.safetensors").write_bytes(b"precious")
    second = writing.create(config, names)
    assert (first.name[-6:], second.name[-6:]) == ("000000", "000001")
    assert (first / "weights.safetensors").read_bytes() == b"precious"
    partial = first.with_name(f".{first.name}.partial")
    first.rename(partial)
    third = writing.create(config, names)
    assert third.name[-6:] == "000002"
    assert (partial / "weights.safetensors").read_bytes() == b"precious"
    assert {path.name for path in first.parent.iterdir()} == {partial.name, second.name, third.name}


def test_latest_is_the_last_complete_one() -> None:
    """By the time of completion; runs that go on, were killed, or are damaged are passed over."""
    first, second, third = (inwit.train(small_config(seed=seed, training={"max_updates": 1})) for seed in range(3))
    assert inwit.load().path == third.path
    edit(third, status="running")
    assert inwit.load().path == second.path
    (second.path / "run.json").write_text("{")
    assert inwit.load().path == first.path
    edit(third, status="interrupted")
    assert inwit.load().path == third.path


def test_latest_goes_by_completion_not_by_name() -> None:
    names = []
    for seed in (9, 1):
        names.append(inwit.train(small_config(seed=seed, training={"max_updates": 1})).path)
    assert sorted(names)[-1] != names[-1], "The later run must not be the last by name."
    assert inwit.load().path == names[-1]


def test_other_folders_are_passed_over(agent: Agent, runs: Path) -> None:
    (runs / "zzz").mkdir()
    (runs / "zzz" / "run.json").write_text('{"status": ["finished"], "updated": 3}')
    (runs / "yyy").mkdir()
    (runs / "xxx").write_text("a file")
    assert inwit.load().path == agent.path


def test_the_runs_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INWIT_RUNS", str(tmp_path / "there"))
    assert runs_folder() == tmp_path / "there"
    for unset in ("", None):
        if unset is None:
            monkeypatch.delenv("INWIT_RUNS")
        else:
            monkeypatch.setenv("INWIT_RUNS", unset)
        assert runs_folder() == Path("runs")


def test_weights_are_on_disk_before_the_record_says_so(agent: Agent) -> None:
    """A disk that fills up while the weights are written leaves the run incomplete."""
    edit(agent, status="running")

    assert agent.path is not None
    (agent.path / "weights.safetensors").unlink()
    with disk(FaultyDisk(1, errno.ENOSPC)), pytest.raises(UserError, match="No space left"):
        writing.finish(agent)
    assert not (agent.path / "weights.safetensors").exists()
    assert "not complete" in refusal(agent.path)


def test_an_evaluation_is_kept(agent: Agent) -> None:
    writing.save_evaluation(agent, {"world": "tutorial-v1"})
    assert json.loads((agent.path / "evaluation.json").read_text()) == {"world": "tutorial-v1"}
    [line] = whole_lines(agent.path / "evaluations.jsonl")
    assert (line["update"], line["evaluation"]) == (1, {"world": "tutorial-v1"})
    assert not list(agent.path.glob("*.partial"))


def test_metrics_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UserError, match="metrics"):
        writing.append(file, "metrics.jsonl", {})
