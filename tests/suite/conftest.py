"""What a test of the suite registers goes with the test."""

from __future__ import annotations

import pytest

from inwit.learners import LEARNERS
from inwit.policies import POLICIES
from inwit.suite import ABILITIES


@pytest.fixture(autouse=True)
def own_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in (LEARNERS, POLICIES, ABILITIES):
        registry.names()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
