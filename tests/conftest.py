"""What every test runs under: checked shapes, one thread, no run folder outside the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import settings

import shapes

# Before anything imports inwit: every annotated shape in it is checked (see shapes.py), in tests only.
shapes.install("inwit")

torch.set_num_threads(1)

# The same examples on every run: a gate that closes must close for a reason in the change at hand.
settings.register_profile("inwit", derandomize=True, deadline=None, database=None, max_examples=25)
settings.load_profile("inwit")


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runs folder of this test; nothing is written to the checkout's own."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("INWIT_RUNS", str(folder))
    return folder
