"""Checkpoints: what comes back, what stays, what is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import inwit
import soaking
from inwit.core import storage
from inwit.core.errors import UserError
from inwit.runs import checkpoint
from inwit.runs.checkpoint import Snapshot
from support import small_config, whole_lines

EVERY_UPDATE = {"confirm": False, "checkpoint_every": 0.0}


def snapshot(update: int, score: float = 0.0) -> Snapshot:
    tensors = {"part/name": torch.arange(update), "draws/kinds": torch.get_rng_state()}
    return Snapshot(update, {"weight": torch.full((2, 3), 0.1)}, tensors, {"counters": {"updates": update}}, score)


def kept(run: Path) -> list[int]:
    return [int(path.name) for path in checkpoint.listed(run)]


def test_a_snapshot_comes_back_to_the_bit(tmp_path: Path) -> None:
    made = snapshot(7, 0.25)
    loaded = checkpoint.load(checkpoint.save(tmp_path, made, {"made_for": "x"}))
    assert (loaded.update, loaded.numbers, loaded.score) == (made.update, made.numbers, made.score)
    for before, after in ((made.weights, loaded.weights), (made.tensors, loaded.tensors)):
        assert before.keys() == after.keys()
        for name, tensor in before.items():
            assert torch.equal(after[name], tensor)
            assert after[name].dtype == tensor.dtype
    assert sorted(path.name for path in (tmp_path / "checkpoints" / "000007").iterdir()) == sorted(
        [*checkpoint.FILES, "manifest.json"]
    )


def test_the_last_three_and_the_best_are_kept(tmp_path: Path) -> None:
    scores = [0.1, 0.9, 0.3, 0.2, 0.5, 0.9, 0.4, 0.1, 0.1, 0.1, 0.1]
    for update, score in enumerate(scores, start=1):
        checkpoint.save(tmp_path, snapshot(update, score), {})
        best = max(range(1, update + 1), key=lambda number: (scores[number - 1], number))
        assert set(kept(tmp_path)) == {best, *range(max(1, update - 2), update + 1)}
    assert kept(tmp_path) == [11, 10, 9, 6], "Of two equally good ones the newer stays."


def test_a_million_updates_keep_their_order(tmp_path: Path) -> None:
    for update in (999_999, 1_000_000, 1_000_001):
        checkpoint.save(tmp_path, snapshot(update), {})
    assert kept(tmp_path) == [1_000_001, 1_000_000, 999_999]


def test_a_new_one_is_read_back_before_an_old_one_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that keeps something else than was written."""
    for update in (1, 2, 3):
        checkpoint.save(tmp_path, snapshot(update), {})
    write = storage.write

    def spoil(path: Path, data: bytes) -> None:
        write(path, data[:-1] + b"?" if path.name == "state.safetensors" else data)

    monkeypatch.setattr(storage, "write", spoil)
    with pytest.raises(UserError, match="not what was written"):
        checkpoint.save(tmp_path, snapshot(4), {})
    assert kept(tmp_path) == [3, 2, 1]
    assert not list((tmp_path / "checkpoints").glob(".*")), "It is in the way of what else must be written."


def resigned(path: Path, **changes: Any) -> None:
    """Change a manifest and make its own digest fit again, as another version's would."""
    manifest = json.loads((path / "manifest.json").read_bytes()) | changes
    manifest.pop("sha256")
    digest = hashlib.sha256(storage.to_json(manifest)).hexdigest()
    (path / "manifest.json").write_bytes(storage.to_json({**manifest, "sha256": digest}))


def test_a_future_format_is_refused_and_the_one_before_used(tmp_path: Path) -> None:
    for update in (1, 2):
        path = checkpoint.save(tmp_path, snapshot(update), {})
    resigned(path, format=2)
    message = soaking.refusal(lambda: checkpoint.load(path))
    assert f"{path} has format 2: this version reads format 1" in message
    told: list[str] = []
    found = checkpoint.newest(tmp_path, told.append)
    assert found is not None
    assert found.update == 1
    assert told == [f"{message}; using the one before it"]


def test_every_sort_of_damage_is_refused() -> None:
    counted = soaking.damages(flips=25, truncations=8)
    assert counted == {"flips": 100, "truncations": 32}


@pytest.mark.parametrize("name", [*checkpoint.FILES, "manifest.json"])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    path = checkpoint.save(tmp_path, snapshot(1), {})
    (path / name).unlink()
    assert f"{path} is damaged: {name}" in soaking.refusal(lambda: checkpoint.load(path))


@given(st.binary(max_size=200) | st.sampled_from([b"[]", b"3", b'{"format": 1}', b"[" * 9999]))
def test_a_manifest_that_is_none(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("checkpoint")
    (path / "manifest.json").write_bytes(data)
    assert str(path) in soaking.refusal(lambda: checkpoint.load(path))


def test_refused_ones_are_set_aside_not_lost(tmp_path: Path) -> None:
    """Else they would count among the last three, and push out those that come."""
    for update in (1, 2, 3):
        checkpoint.save(tmp_path, snapshot(update), {})
    checkpoint.set_aside(tmp_path, after=1)
    checkpoint.set_aside(tmp_path, after=1)
    assert kept(tmp_path) == [1]
    assert (tmp_path / "checkpoints" / "000003.refused" / "manifest.json").exists()
    for update in (2, 3):
        checkpoint.save(tmp_path, snapshot(update), {})
    checkpoint.set_aside(tmp_path, after=2)  # over the one that was set aside before
    assert kept(tmp_path) == [2, 1]


def test_a_checkpoint_is_an_agent() -> None:
    """The agent of any checkpoint can be loaded and evaluated, and does not pass for the run's own."""
    weights: dict[int, bytes] = {}

    def note(update: Any) -> None:
        weights[update.index + 1] = next(update.agent.policy.parameters()).detach().numpy().tobytes()

    agent = inwit.train(small_config(training={"max_updates": 3, **EVERY_UPDATE}), callback=note)
    assert agent.path is not None
    for path in checkpoint.listed(agent.path):
        loaded = inwit.load(path)
        assert (loaded.status, loaded.path, loaded.summary["update"]) == ("checkpoint", agent.path, int(path.name))
        assert next(loaded.policy.parameters()).detach().numpy().tobytes() == weights[int(path.name)]
        inwit.runs.writing.save_evaluation(loaded, {"world": "tutorial-v1"})  # type: ignore[attr-defined]
    assert len(whole_lines(agent.path / "evaluations.jsonl")) == 3
    assert not (agent.path / "evaluation.json").exists()


def test_weights_of_another_world_do_not_fit(tmp_path: Path) -> None:
    agent = inwit.train(small_config(training={"max_updates": 1}))
    assert agent.path is not None
    [path] = checkpoint.listed(agent.path)
    made = checkpoint.load(path)
    checkpoint.save(agent.path, replace(made, update=2, weights={"other": torch.zeros(1)}), {})
    assert "do not fit" in soaking.refusal(lambda: inwit.load(checkpoint.listed(agent.path)[0]))


def test_the_score_leaves_the_test_set_out() -> None:
    """Kinds of the test set have no rate: the mean is over the others, and is a number."""
    world = {"id": "calculator-v0", "max_operators": 3, "split": "longest"}
    agent = inwit.train(small_config(world=world, training={"max_updates": 1, "confirm": False}))
    assert agent.path is not None
    assert agent.world.kinds.held_out
    [path] = checkpoint.listed(agent.path)
    assert 0 <= checkpoint.load(path).score <= 1
