"""An auxiliary from outside: a loss with a store of its own, and a table of its own in recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from everywhere import everywhere, registries_restored
from inwit.core.contracts import World
from inwit.core.settings import setting
from inwit.core.types import Rollout
from inwit.learners.auxiliary import AuxiliarySettings


@dataclass(frozen=True)
class CheerSettings(AuxiliarySettings):
    loud: float = setting(1.0, "how much", at_least=0)


class Cheer:
    """Imitates the last episodes that succeeded."""

    Settings = CheerSettings
    streams = ("cheer",)
    reads_achieved = False

    def __init__(self, settings: CheerSettings, world: World, device: torch.device | str = "cpu") -> None:
        self.settings, self.world = settings, world
        self.seen = torch.zeros((), dtype=torch.int64, device=device)
        self.rollout: Rollout | None = None

    def observe(self, rollout: Rollout, draws: Mapping[str, torch.Generator]) -> None:
        self.seen.add_(rollout.success.sum())
        self.rollout = rollout

    def loss(self, policy: Any, draws: Mapping[str, torch.Generator]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        rollout = self.rollout
        assert rollout is not None
        outputs = policy.replay(rollout.prompt, rollout.prompt_mask, rollout.stage, rollout.tokens)
        log_probs = torch.log_softmax(outputs.logits, -1).gather(-1, rollout.tokens[..., None])[..., 0]
        mask = rollout.live & rollout.success[:, None]
        loss = -(log_probs * mask).sum() / mask.sum().clamp_min(1)
        return self.settings.weight * loss, {"cheer": loss.detach(), "cheered": self.seen.clone()}

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"seen": self.seen}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.seen.copy_(state["seen"])


def test_an_auxiliary(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with registries_restored():
        inwit.register_auxiliary("cheer", Cheer, "imitates what went well")
        seen = everywhere(capsys, tmp_path, cheer={"rows": 1, "loud": 2.0})
        longer = inwit.resume(str(seen.agent.path), training={"max_updates": 5}, tell=lambda _: None)
    assert seen.agent.config.to_dict()["cheer"] == {"rows": 1, "weight": 1.0, "loud": 2.0}
    assert seen.agent.summary["cheered"] > 0
    assert longer.summary["cheered"] > seen.agent.summary["cheered"], "The store went on from its checkpoint."
    assert "cheer" in seen.report


def test_a_run_that_does_not_use_it_needs_it_nowhere() -> None:
    """It is registered where a run is made, and not where the run is read."""
    config = {"policy": {"width": 8}, "training": {"max_updates": 2, "episodes": 32, "confirm": False}}
    with registries_restored():
        inwit.register_auxiliary("cheer", Cheer, "imitates what went well")
        agent = inwit.train("tutorial", **config)
        assert inwit.resolve(agent.config) == agent.config
    assert agent.path is not None
    assert inwit.load(agent.path).summary == agent.summary
    assert inwit.resume(agent.path, training={"max_updates": 3}, tell=lambda _: None).summary["update"] == 3
