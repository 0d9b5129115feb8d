"""A curriculum from outside."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import inwit
from everywhere import everywhere, registries_restored
from inwit.training.curricula import Curriculum


class Alternating(Curriculum):
    """One kind after another."""

    def weights(self, update: int) -> torch.Tensor:
        kinds = len(self.stages)
        return (torch.arange(kinds, device=self.stages.device) == update % kinds).float()


def test_a_curriculum(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with registries_restored():
        inwit.register_curriculum("alternating", Alternating)
        seen = everywhere(capsys, tmp_path, curriculum={"id": "alternating"})
    assert "alternating" in seen.compared + seen.report
    assert set(seen.agent.summary["success"]) == {"1"}
