"""Imitation of the oracle's shortest programs (behaviour cloning, Pomerleau 1991): the ceiling, not a way to learn.

It is the only learner that reads the oracle's programs, and its name says so. Where the world answers, these are the
tokens of the optimum at play in the rollout's own tasks, and the world's answers to it stand between them. What it
cannot learn is beyond the *network*; what it learns and another learner does not is beyond that *learner*. The
curriculum and the confirmation use the rollout's own tokens and rewards; the loss does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from inwit.core.contracts import Metrics, Trainable
from inwit.core.settings import Settings
from inwit.core.types import Rollout
from inwit.learners.base import PlainLearner
from inwit.learners.returns import detached, masked_mean


@dataclass(frozen=True)
class OracleCloningSettings(Settings):
    """Nothing to set: the maximum-likelihood loss has no weights."""


class OracleCloning(PlainLearner):
    Settings = OracleCloningSettings
    one_pass = False
    reads_oracle = True

    def __init__(self, settings: OracleCloningSettings) -> None:
        self.settings = settings

    def losses(self, policy: Trainable, rollout: Rollout) -> Iterator[tuple[Tensor, Metrics]]:
        """The mean negative log-likelihood of the tokens that the oracle chose, illegal ones competing."""
        told = rollout.oracle
        assert told is not None, "the loop hands the oracle's tokens to learners that declare reads_oracle"
        tokens, mask = told.tokens, told.chosen
        outputs = policy.replay(rollout.prompt, rollout.prompt_mask, rollout.stage, tokens)
        log_probs = torch.log_softmax(outputs.logits, -1)
        loss = -masked_mean(log_probs.gather(-1, tokens[..., None])[..., 0], mask)
        entropy = masked_mean(-(log_probs.exp() * log_probs).sum(-1), mask)
        yield loss, detached(imitation=loss, entropy=entropy)
