"""The graphs of worlds between runs: found again, and never those of a world that changed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from inwit.core.results import Json
from inwit.core.types import Tasks
from inwit.playground import advice_table, cache, graphs, together
from inwit.playground.blob import Blob
from inwit.playground.graphs import example, world_graphs
from support import make_world


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INWIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The worlds that were traced; here in no time, since a cache is the same for all graphs."""
    told: list[str] = []

    def traces(world: Any, tasks: Tasks, blob: Blob) -> Json:
        told.append(world.id)
        return {"constant": blob.add(torch.tensor([world.max_steps])), "nodes": ["ö", 0.5, None]}

    monkeypatch.setattr(cache.graphs, "world_graphs", traces)
    return told


@pytest.mark.slow
def test_graphs_come_back_as_they_were(folder: Path) -> None:
    world, plain = make_world("lookup-v0"), Blob()
    expected = world_graphs(world, example(world), plain)
    for _ in range(2):
        graphs, blob = cache.graphs_of(world)
        assert json.dumps(graphs) == json.dumps(expected)
        assert (blob.tensors, blob.data) == (plain.tensors, plain.data)


def test_a_world_is_traced_once_and_its_blob_goes_on(traced: list[str], folder: Path) -> None:
    for _ in range(2):
        graphs, blob = cache.graphs_of(make_world("calculator-v0", max_steps=9))
        assert graphs == {"constant": 0, "nodes": ["ö", 0.5, None]}
        assert blob.add(torch.tensor([0.5])) == 1
        assert blob.data[:1] == b"\x09"
        assert blob.data[8:] == torch.tensor([0.5]).numpy().tobytes()
    assert traced == ["calculator-v0"]
    assert len(list(folder.iterdir())) == 1


def test_other_settings_are_another_world(traced: list[str]) -> None:
    for settings in ({}, {"masks": False}, {}):
        cache.graphs_of(make_world("tutorial-v1", **settings))
    assert len(traced) == 2


def test_a_world_whose_code_changed_is_traced_anew(traced: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that names the file shows it: its tool, say, is in a file of the user's."""
    world = make_world("tutorial-v1")
    cache.graphs_of(world)
    reset = type(world).reset
    sums = {"reset": lambda self, tasks: reset(self, tasks) | {"goal": tasks.data["operands"].sum(1)}}
    monkeypatch.setattr(type(world), "reset", sums["reset"])
    cache.graphs_of(world)
    cache.graphs_of(world)
    assert len(traced) == 2


@pytest.mark.parametrize("changed", ["read_registers", "write_registers"])
def test_a_world_whose_registers_changed_is_traced_anew(
    traced: list[str], monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    world = make_world("tutorial-v1")
    cache.graphs_of(world)
    read, other = type(world).read_registers, type(world).write_registers
    made = {
        "read_registers": lambda self, state: (-read(self, state)[0], read(self, state)[1]),
        "write_registers": lambda self, state, values, present: other(self, state, -values, present),
    }
    monkeypatch.setattr(type(world), changed, made[changed])
    cache.graphs_of(world)
    cache.graphs_of(world)
    assert len(traced) == 2


def test_a_world_whose_advice_changed_late_in_an_episode_is_traced_anew(
    traced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world("lookup-v0", queries=["Tx", "Tx?y:z"])
    cache.graphs_of(world)
    advice = type(world).advice

    def other(self: Any, twin: Any) -> Any:
        told = advice(self, twin)
        return replace(told, best=[]) if twin.steps == 2 else told

    monkeypatch.setattr(type(world), "advice", other)
    cache.graphs_of(world)
    cache.graphs_of(world)
    assert len(traced) == 2


def test_all_modules_that_decide_what_a_file_holds_are_in_its_name() -> None:
    """A module of the playground, or of the oracle, whose code `together` or the table of advice runs."""
    imported = {
        module
        for each in (graphs, together, advice_table)
        for module in (inspect.getmodule(value) for value in vars(each).values())
        if module is not None and module.__name__.startswith(("inwit.playground.", "inwit.worlds.oracle."))
    }
    assert {module.__name__ for module in imported} <= {module.__name__ for module in cache.TRACED}


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"", lambda data: data.replace(b"0.5", b"0.6")]
)
def test_a_damaged_file_counts_as_none(traced: list[str], folder: Path, damage: Callable[[bytes], bytes]) -> None:
    world = make_world("tutorial-v1")
    first, _ = cache.graphs_of(world)
    [file] = folder.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert cache.graphs_of(world)[0] == first
    assert cache.graphs_of(world)[0] == first
    assert len(traced) == 2


def test_a_folder_that_cannot_be_written_is_no_error(
    traced: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INWIT_CACHE", str(tmp_path / "file" / "below"))
    cache.graphs_of(make_world("tutorial-v1"))
    assert traced == ["tutorial-v1"]


def test_only_the_newest_files_are_kept(traced: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEPT", 2)
    for steps in (3, 4, 5):
        cache.graphs_of(make_world("tutorial-v1", max_steps=steps))
    assert len(list(folder.glob("graphs-*.json"))) == 2
