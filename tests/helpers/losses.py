"""A learner with a rollout of its own, and loss arithmetic in plain loops."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch

from inwit.core.settings import build
from inwit.core.types import Rollout
from inwit.learners import LEARNERS
from inwit.rollout.collect import collect
from support import all_kinds, make_world, small_policy


def learner_and_rollout(learner_id: str, **settings: Any) -> tuple[Any, Any, Rollout]:
    cls = LEARNERS.load(learner_id)
    learner = cls(build(cls.Settings, settings))
    world = make_world("tutorial-v1", max_steps=5)
    policy = small_policy("gru", world)
    rollout = collect(
        world,
        policy,
        world.sample(all_kinds(world, 4), torch.Generator().manual_seed(0)),
        group_size=learner.group_size,
        generator=torch.Generator().manual_seed(1),
        keep_graph=True,
        after_end=learner.whole_sequence,
    )
    # Rewards of every size and time, so that no term of a formula is 0 by accident.
    reward = torch.rand(rollout.reward.shape, generator=torch.Generator().manual_seed(2)) * rollout.live
    return learner, policy, replace(rollout, reward=reward)


def moments(rollout: Rollout) -> Any:
    """For each row and column: row, column, the token's log-probability, the entropy, the value, and whether it
    counts (live and chosen)."""
    assert rollout.outputs is not None
    for row in range(rollout.tokens.shape[0]):
        for column in range(rollout.tokens.shape[1]):
            logits = rollout.outputs.logits[row, column].tolist()
            allowed = {t: math.exp(v) for t, v in enumerate(logits) if rollout.legal[row, column, t]}
            shares = {t: share / sum(allowed.values()) for t, share in allowed.items()}
            token = int(rollout.tokens[row, column])
            log_prob = math.log(shares[token]) if token in shares else -1e9  # a forced token may be illegal
            entropy = -sum(p * math.log(p) for p in shares.values())
            value = float(rollout.outputs.value[row, column].detach())
            counts = bool(rollout.live[row, column] & rollout.chosen[row, column])
            yield row, column, log_prob, entropy, value, counts


def only_loss(learner: Any, policy: Any, rollout: Rollout) -> float:
    [(loss, _)] = learner.losses(policy, rollout)
    return float(loss.detach())


def mean(values: list[float]) -> float:
    return sum(values) / len(values)
