"""Agents as they were at chosen updates, and as no training has touched them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from inwit.commands.cli import main
from inwit.core import storage
from inwit.core.contracts import Agent, weights_of
from inwit.core.errors import UserError
from inwit.runs import moments
from inwit.training.loop import new_agent
from soaking import quiet
from support import small_config

CHOSEN = {"snapshots": (0, 2, 3, 9), "confirm": False}


def trained(updates: int = 4, **training: Any) -> Agent:
    return inwit.train(small_config(training=CHOSEN | {"max_updates": updates} | training), tell=quiet)


def folder(agent: Agent) -> Path:
    assert agent.path is not None
    return agent.path


def same(one: Agent, other: Agent) -> bool:
    ours, theirs = weights_of(one.policy), weights_of(other.policy)
    return all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_a_run_keeps_the_weights_of_the_updates_that_were_chosen() -> None:
    """Each is the agent that a training of so many updates ends with."""
    agent = trained()
    assert [moments.update_of(path) for path in moments.listed(folder(agent))] == [0, 2, 3]
    assert same(inwit.load(agent.path or "", at=0), new_agent(small_config()))
    for update in (2, 3):
        kept = inwit.load(agent.path or "", at=update)
        assert (kept.status, kept.summary, kept.path) == ("snapshot", {"update": update}, agent.path)
        assert same(kept, trained(update, snapshots=()))
        assert not same(kept, agent)


def test_nothing_is_written_if_none_was_asked_for() -> None:
    agent = trained(snapshots=())
    assert not (folder(agent) / "snapshots").exists()
    with pytest.raises(UserError, match=r"snapshot of .* '1': .*valid: best, last, 000004$"):
        inwit.load(folder(agent), at=1)


def test_results_do_not_depend_on_them() -> None:
    assert same(trained(), trained(snapshots=()))


def test_a_resumed_training_goes_on_with_them() -> None:
    agent = trained(3)
    stray = folder(agent) / "snapshots" / "000009.safetensors"
    stray.write_bytes(b"of a training that went another way")
    longer = inwit.resume(folder(agent), training={"max_updates": 6, "snapshots": (0, 2, 3, 5)}, tell=quiet)
    assert [moments.update_of(path) for path in moments.listed(folder(longer))] == [0, 2, 3, 5]
    assert same(inwit.load(folder(longer), at=5), trained(5))


def test_a_disk_that_refuses_one_is_told_and_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    replace, told = storage.replace, []

    def full(path: Path, data: bytes) -> None:
        if path.name == "000002.safetensors":
            raise OSError(28, "No space left on device")
        replace(path, data)

    monkeypatch.setattr(storage, "replace", full)
    agent = inwit.train(small_config(training=CHOSEN | {"max_updates": 4}), tell=told.append)
    line, late = told
    assert late == "training.snapshots = 9: no snapshot of this update came, for the training ended after update 4"
    assert line.startswith("cannot save the snapshot")
    assert line.endswith("No space left on device; the training goes on without it")
    assert agent.status == "finished"
    assert [moments.update_of(path) for path in moments.listed(folder(agent))] == [0, 3]


def test_every_way_to_name_one() -> None:
    agent = trained()
    file = folder(agent) / "snapshots" / "000002.safetensors"
    ways = (f"{agent.path}@2", f"{folder(agent).name}@000002", file, f"{folder(agent).name}/snapshots/{file.name}")
    for way in ways:
        assert same(inwit.load(way), inwit.load(folder(agent), at="2")), way
    assert inwit.load(f"{agent.path}@4").status == "checkpoint", "A checkpoint goes before a snapshot."
    for at in ({"at": 3}, {"untrained": 0}):
        with pytest.raises(UserError, match=r"@2 is a snapshot already, and .* is another agent: leave out @2$"):
            inwit.load(f"{agent.path}@2", **at)
    with pytest.raises(
        UserError, match=r"000002.safetensors is a snapshot already, and at = 3 is another agent: give /"
    ):
        inwit.load(file, at=3)
    with pytest.raises(UserError, match="@last is a checkpoint already"):
        inwit.load(f"{agent.path}@last", at=3)
    warm = inwit.train(small_config(training={"max_updates": 1, "start_from": f"{folder(agent).name}@2"}), tell=quiet)
    assert warm.config.training.start_from == f"{folder(agent).name}/snapshots/000002.safetensors"


def test_what_is_not_there_is_named_with_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    agent = trained()
    with pytest.raises(UserError, match=r"unknown .* '7': .*valid: best, last, 000004, 000000, 000002, 000003$"):
        inwit.load(folder(agent), at=7)
    for nothing in (lambda: inwit.load(f"{agent.path}@"), lambda: inwit.load(folder(agent), at="")):
        with pytest.raises(UserError, match=r"unknown checkpoint or snapshot of .* '': valid: best"):
            nothing()
    with pytest.raises(UserError, match="give one of them"):
        inwit.load(folder(agent), at=2, untrained=1)
    with pytest.raises(UserError, match="is a snapshot, and a run goes on from its newest checkpoint: leave out @2"):
        inwit.resume(f"{agent.path}@2")
    damaged = folder(agent) / "snapshots" / "000003.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:90])
    with pytest.raises(UserError, match=r"000003\.safetensors are damaged"):
        inwit.load(folder(agent), at=3)
    for kept in ("checkpoints", "snapshots"):
        shutil.rmtree(folder(agent) / kept)
    assert main(["evaluate", f"{agent.path}@7"]) == 2
    said = capsys.readouterr().err
    assert "neither checkpoints nor snapshots, so nothing of '7'" in said
    assert said.count("\n") == 1


def test_an_untrained_agent_is_the_run_s_with_weights_of_its_own() -> None:
    agent = trained()
    fresh = inwit.load(folder(agent), untrained=7)
    assert (fresh.status, fresh.path, fresh.summary) == ("untrained", None, {})
    assert same(fresh, new_agent(small_config(seed=7)))
    assert fresh.config.world == agent.config.world
    for wrong in ("x", 1.5):
        with pytest.raises(UserError, match=r"untrained = .* is not a whole number"):
            inwit.load(folder(agent), untrained=wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UserError, match="at least 0"):
        inwit.load(folder(agent), untrained=-1)


def test_an_exported_agent_has_no_earlier_weights(tmp_path: Path) -> None:
    inwit.save_pretrained(trained(), tmp_path / "exported")
    with pytest.raises(UserError, match="keeps the end alone"):
        inwit.load(tmp_path / "exported", at=2)
    assert same(inwit.load(tmp_path / "exported", untrained=7), new_agent(small_config(seed=7)))
