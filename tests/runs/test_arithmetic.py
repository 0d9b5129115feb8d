"""An agent whose arithmetic depends on the processor computes everywhere as where it was trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import inwit
from inwit.runs.writing import weights_metadata
from soaking import quiet
from support import small_config


def processor(monkeypatch: pytest.MonkeyPatch, *, bfloat16: bool) -> None:
    """As if this were a processor with or without products of bfloat16."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bfloat16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)


@pytest.mark.parametrize("trained_with", [True, False])
@pytest.mark.slow
def test_an_agent_computes_everywhere_as_where_it_was_trained(
    trained_with: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Loaded, resumed, exported and brought back on a processor of the other sort: the record has the answer."""
    told = {True: "bfloat16", False: "float32"}[trained_with]
    processor(monkeypatch, bfloat16=trained_with)
    training = {"max_updates": 2, "confirm": False, "checkpoint_every": 0.0}
    config = small_config(policy={"id": "lstm", "width": 8}, training=training)
    assert config.policy.settings.matrix_dtype == "auto"
    agent = inwit.train(config, tell=quiet)
    assert agent.path is not None
    assert agent.config.policy.settings.matrix_dtype == told
    assert json.loads((agent.path / "run.json").read_text())["config"]["policy"]["matrix_dtype"] == told
    processor(monkeypatch, bfloat16=not trained_with)
    assert next(iter(inwit.updates(config))).agent.config.policy.settings.matrix_dtype != told
    inwit.save_pretrained(agent, tmp_path)
    checkpoint = agent.path / "checkpoints" / "000001"
    for again in (inwit.load(agent.path), inwit.load(checkpoint), inwit.from_pretrained(tmp_path)):
        assert str(again.policy.dtype) == f"torch.{told}"  # type: ignore[attr-defined]
        assert again.config == agent.config
    resumed = inwit.resume(agent.path, training={"max_updates": 3}, tell=quiet)
    assert str(resumed.policy.dtype) == f"torch.{told}"  # type: ignore[attr-defined]
    assert inwit.load(agent.path).config.policy.settings.matrix_dtype == told


@pytest.mark.slow
def test_a_record_that_leaves_it_open_loads_as_before_and_travels_with_an_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Earlier versions wrote `auto` into the record and the weights."""
    processor(monkeypatch, bfloat16=False)
    config = small_config(policy={"id": "lstm", "width": 8}, training={"max_updates": 1})
    path = inwit.train(config, tell=quiet).path
    assert path is not None
    record = json.loads((path / "run.json").read_text()) | {"config": config.to_dict()}
    (path / "run.json").write_text(json.dumps(record))
    weights = load_file(path / "weights.safetensors")
    save_file(weights, path / "weights.safetensors", weights_metadata(config))
    processor(monkeypatch, bfloat16=True)
    agent = inwit.load(path)
    assert agent.policy.dtype == torch.bfloat16  # type: ignore[attr-defined]
    inwit.save_pretrained(agent, tmp_path)
    inwit.resume(path, training={"max_updates": 2}, tell=quiet)
    processor(monkeypatch, bfloat16=False)
    assert inwit.from_pretrained(tmp_path).policy.dtype == torch.bfloat16  # type: ignore[attr-defined]
    assert inwit.load(path).config.policy.settings.matrix_dtype == "bfloat16", "Resuming wrote the answer down."
