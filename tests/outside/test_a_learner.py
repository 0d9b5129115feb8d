"""A learner from outside. It reports no metric at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from everywhere import everywhere, registries_restored
from inwit.core.settings import Settings
from inwit.core.types import Rollout
from inwit.learners.base import PlainLearner
from inwit.learners.returns import log_probs_and_entropy, masked_mean


class Reinforce(PlainLearner):
    """No baseline at all."""

    one_pass = True

    @dataclass(frozen=True)
    class Settings(Settings):
        """Nothing to set."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def losses(self, policy: Any, rollout: Rollout) -> Iterator[tuple[torch.Tensor, dict[str, torch.Tensor]]]:
        log_probs, _ = log_probs_and_entropy(rollout.outputs, rollout.legal, rollout.tokens)
        yield -masked_mean(log_probs * rollout.returns[:, None], rollout.live & rollout.chosen), {}


def test_a_learner(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with registries_restored():
        inwit.register_learner("reinforce", Reinforce)
        seen = everywhere(capsys, tmp_path, learner={"id": "reinforce"})
    assert "reinforce" in seen.compared + seen.report
    assert "entropy" not in seen.agent.summary
    assert seen.evaluation.problems == 3
