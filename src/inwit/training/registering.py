"""Adding worlds, policies, learners and curricula from outside: a call, or an entry point in the group named beside it.

What is registered can be named in recipes and on the command line, is listed by `inwit worlds` and `--help`, and is
held to the contracts by the tests in `tests/contract`.
"""

from __future__ import annotations

from typing import Any

from inwit.learners import LEARNERS
from inwit.policies import POLICIES
from inwit.training.curricula import CURRICULA
from inwit.worlds import TWINS, WORLDS


def register_world(world_id: str, world: Any, summary: str = "", *, twin: Any = None) -> None:
    """Register a world class and, if there is one, its scalar twin, which `play` and `explain` need (entry point groups
    `inwit.worlds` and `inwit.world_twins`). Raises `UserError` if the name is taken."""
    WORLDS.register(world_id, world, summary)
    if twin is not None:
        TWINS.register(world_id, twin)


def register_policy(policy_id: str, policy: Any, summary: str = "") -> None:
    """Register a policy class (entry point group `inwit.policies`). Raises `UserError` if the name is taken."""
    POLICIES.register(policy_id, policy, summary)


def register_learner(learner_id: str, learner: Any, summary: str = "") -> None:
    """Register a learner class (entry point group `inwit.learners`). Raises `UserError` if the name is taken."""
    LEARNERS.register(learner_id, learner, summary)


def register_curriculum(curriculum_id: str, curriculum: Any, summary: str = "") -> None:
    """Register a curriculum class (entry point group `inwit.curricula`). Raises `UserError` if the name is taken."""
    CURRICULA.register(curriculum_id, curriculum, summary)
