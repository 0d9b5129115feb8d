"""Adding worlds, policies, learners, auxiliaries, curricula and scripts from outside: by a call, or by an entry point
in the group that the call's docstring names.

Recipes and the command line take what is registered by its name. `inwit worlds` and `--help` list it, and
`tests/contract` tests it. Each call takes the class itself or "module:attribute".
"""

from __future__ import annotations

import re
from collections.abc import Callable

from inwit.core.contracts import Auxiliary, Curriculum, Learner, ScalarWorld, Trainable, World
from inwit.core.errors import UserError
from inwit.learners import LEARNERS
from inwit.learners.auxiliary import AUXILIARIES
from inwit.policies import POLICIES
from inwit.scripts import SCRIPTS, Maker
from inwit.training.curricula import CURRICULA
from inwit.worlds import TWINS, WORLDS


def register_world(
    world_id: str, world: Callable[..., World] | str, summary: str = "", *, twin: type[ScalarWorld] | str | None = None
) -> None:
    """Register a world class and, if there is one, its scalar twin, which `play` and `explain` need (entry point groups
    `inwit.worlds` and `inwit.world_twins`). Raises `UserError` if the name is taken."""
    WORLDS.register(world_id, world, summary)
    if twin is not None:
        TWINS.register(world_id, twin)


def register_policy(policy_id: str, policy: Callable[..., Trainable] | str, summary: str = "") -> None:
    """Register a policy class (entry point group `inwit.policies`). Raises `UserError` if the name is taken."""
    POLICIES.register(policy_id, policy, summary)


def register_learner(learner_id: str, learner: Callable[..., Learner] | str, summary: str = "") -> None:
    """Register a learner class (entry point group `inwit.learners`). Raises `UserError` if the name is taken."""
    LEARNERS.register(learner_id, learner, summary)


def register_auxiliary(auxiliary_id: str, auxiliary: Callable[..., Auxiliary] | str, summary: str = "") -> None:
    """Register an auxiliary class (entry point group `inwit.auxiliaries`), which is called with settings, a world and a
    device; its `Settings` extend `AuxiliarySettings`. Recipes name its table, and checkpoints its tensors, by its name.
    Raises `UserError` if the name is taken or means something else there."""
    if auxiliary_id in AUXILIARIES.reserved:
        raise UserError(f"the auxiliary {auxiliary_id!r} cannot have that name: it means something else in a run")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", auxiliary_id):
        raise UserError(f"the auxiliary {auxiliary_id!r} cannot have that name: use letters, digits and '_' alone")
    AUXILIARIES.register(auxiliary_id, auxiliary, summary)


def register_curriculum(curriculum_id: str, curriculum: Callable[..., Curriculum] | str, summary: str = "") -> None:
    """Register a curriculum class (entry point group `inwit.curricula`). Raises `UserError` if the name is taken."""
    CURRICULA.register(curriculum_id, curriculum, summary)


def register_script(name: str, make: Maker | str, summary: str = "") -> None:
    """Register the function that makes a script for a world (entry point group `inwit.scripts`): see `scripts.Maker`.
    From then on the name means that agent, and no run. Raises `UserError` if the name is taken, or can be no word of
    the command line."""
    if name == "latest" or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise UserError(f"the script {name!r} cannot have that name: use letters, digits, '_', '-', and not 'latest'")
    SCRIPTS.register(name, make, summary)
