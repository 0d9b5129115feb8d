"""Adding worlds, policies, learners, auxiliaries and curricula from outside: a call, or an entry point in the group
named beside it.

What is registered can be named in recipes and on the command line, is listed by `inwit worlds` and `--help`, and is
held to the contracts by the tests in `tests/contract`.
"""

from __future__ import annotations

import re
from typing import Any

from inwit.core.errors import UserError
from inwit.learners import LEARNERS
from inwit.learners.auxiliary import AUXILIARIES
from inwit.policies import POLICIES
from inwit.training.config import PARTS
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


def register_auxiliary(auxiliary_id: str, auxiliary: Any, summary: str = "") -> None:
    """Register an auxiliary class (entry point group `inwit.auxiliaries`). It is made with settings, a world and a
    device; its `Settings` extend `AuxiliarySettings`. Its name is that of its table in a recipe, and stands before the
    names of its tensors in a checkpoint. Raises `UserError` if the name is taken or means something else there."""
    if auxiliary_id in (*PARTS, "training", "recipe", "seed", "draws", "optimiser"):
        raise UserError(f"the auxiliary {auxiliary_id!r} cannot have that name: it means something else in a run")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", auxiliary_id):
        raise UserError(f"the auxiliary {auxiliary_id!r} cannot have that name: use letters, digits and '_' alone")
    AUXILIARIES.register(auxiliary_id, auxiliary, summary)


def register_curriculum(curriculum_id: str, curriculum: Any, summary: str = "") -> None:
    """Register a curriculum class (entry point group `inwit.curricula`). Raises `UserError` if the name is taken."""
    CURRICULA.register(curriculum_id, curriculum, summary)
