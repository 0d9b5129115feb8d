"""Every registered learner with every registered policy: one update on the small calculator, as a training makes it."""

from __future__ import annotations

from math import isfinite
from typing import Any

import pytest

import inwit
from inwit.learners import LEARNERS
from inwit.policies import POLICIES


@pytest.mark.parametrize("policy", POLICIES.names())
@pytest.mark.parametrize("learner", LEARNERS.names())
def test_an_update(learner: str, policy: str) -> None:
    parts: dict[str, Any] = {"learner": {"id": learner}, "policy": {"id": policy}}
    small: dict[str, Any] = {"training": {"episodes": 32}, "hindsight": {"babble": 64, "rows": 16}}
    update = next(inwit.updates("calculator", world={"max_operators": 1}, **parts, **small))
    summary = update.summary()
    assert summary["tokens"] > 0
    for name, value in summary.items():
        if isinstance(value, float):
            assert isfinite(value), f"{learner} with {policy}: {name} is not finite."
