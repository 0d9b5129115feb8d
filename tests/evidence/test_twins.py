"""Twins: trained once, kept in the run, and without what was to be taken away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from examined import agent
from inwit.core.contracts import weights_of
from inwit.core.errors import UserError
from inwit.evidence import twins
from inwit.evidence.twins import memoryless_twin, twin_in_world
from inwit.policies.memoryless import Memoryless
from inwit.training.config import resolve


def equal(one: object, other: object) -> bool:
    pairs = zip(weights_of(one).items(), weights_of(other).items(), strict=True)  # pyright: ignore
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


def test_a_twin_is_trained_once_and_kept(tmp_path: Path) -> None:
    made = replace(agent(2, max_operators=2), path=tmp_path)
    twin = memoryless_twin(made)
    assert isinstance(twin, Memoryless)
    assert twin.settings.width == 16
    (file,) = (tmp_path / "twins").iterdir()
    written = file.stat().st_mtime_ns
    twins._kept.cache_clear()
    assert equal(memoryless_twin(made), twin)
    assert file.stat().st_mtime_ns == written
    assert not equal(memoryless_twin(replace(agent(3, max_operators=2), path=tmp_path)), twin)
    file.write_bytes(b"damaged")
    twins._kept.cache_clear()
    assert equal(memoryless_twin(made), twin)


def test_a_twin_trains_as_long_as_the_run_did_but_for_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []

    def kept(config: twins.Config, folder: Path | None) -> None:
        trained.append(config.training.max_updates)

    monkeypatch.setattr(twins, "_kept", kept)
    made = agent(3000)
    for summary in ({}, {"update": 7}):
        memoryless_twin(replace(made, summary=summary))
    rows = made.config.training.episodes + made.config.auxiliaries["hindsight"].rows
    assert trained == [twins.ROWS // rows, 7]


def test_a_twin_computes_where_the_agent_does_and_is_kept_for_every_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of a GPU, examined without one, has the twin of the same run of a CPU."""
    made = replace(agent(2, max_operators=1), path=tmp_path)
    there = replace(made, config=resolve(made.config, training={"device": "cuda"}))
    twin = memoryless_twin(there)
    assert {tensor.device.type for tensor in weights_of(twin).values()} == {"cpu"}
    assert memoryless_twin(made) is twin
    devices: list[str] = []
    names: set[str] = set()

    def kept(config: twins.Config, folder: Path | None) -> None:
        devices.append(config.training.device)
        names.add(twins._file_name(config))

    monkeypatch.setattr(twins, "_kept", kept)
    for device in ("cpu", "cuda:0"):
        memoryless_twin(replace(made, device=torch.device(device)))
    assert devices == ["cpu", "cuda:0"]
    assert names == {file.name for file in (tmp_path / "twins").iterdir()}


def test_a_twin_in_another_world_has_that_worlds_tokens() -> None:
    made = agent(1, max_operators=2, ticks=1)
    assert weights_of(made.policy)["input_table"].shape[0] == len(made.world.vocabulary)
    assert weights_of(twin_in_world(made, ticks=0))["input_table"].shape[0] == len(made.world.vocabulary) - 1


def test_nobody_trains_the_twin_of_a_script() -> None:
    with pytest.raises(UserError, match="no recipe made this agent"):
        memoryless_twin(replace(agent(1), config=None))
