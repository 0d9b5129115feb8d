"""The worlds as Gymnasium environments: `inwit/Tutorial-v1` is the world tutorial-v1, and so on for every world.

`import inwit` registers the ids, whether Gymnasium is imported before it or after it. It does not import Gymnasium,
which would make every `inwit --help` three times slower. (Gymnasium 1.0 has no entry points for environments.)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

from inwit.worlds import WORLDS

if TYPE_CHECKING:
    from pathlib import Path

    import gymnasium

    from inwit.core.contracts import Agent
    from inwit.gym.acting import Actor


def env_ids() -> dict[str, str]:
    """The worlds that are registered now, by the id of their environment."""
    return {f"inwit/{_title(world_id)}": world_id for world_id in WORLDS.names()}


def _title(world_id: str) -> str:
    """As Gymnasium's ids are written: each word with a capital letter, the version without."""
    words = world_id.split("-")
    return "-".join(word if word[:1] == "v" and word[1:].isdigit() else word[:1].upper() + word[1:] for word in words)


def actor(agent: Agent | str | Path, env: gymnasium.Env) -> Actor:
    """An agent, or what `inwit.load` takes, in one environment: `act = inwit.gym.actor("latest", env)`, and then
    `env.step(act(observation))` at each step of any episode. Raises `UserError` for one that does not fit."""
    from inwit.gym.acting import Actor  # here: `import inwit` imports neither PyTorch nor Gymnasium

    return Actor(agent, env)


def register() -> None:
    """Make the ids known to Gymnasium, which imports an environment when it makes one.

    Call it again for a world that was registered after Gymnasium had been imported.
    """
    from gymnasium.envs.registration import register, registry

    for env_id, world_id in env_ids().items():
        if env_id not in registry:
            register(
                env_id,
                entry_point="inwit.gym.env:InwitEnv",
                vector_entry_point="inwit.gym.vector:InwitVectorEnv",
                kwargs={"world": world_id},
            )


def register_when_gymnasium_comes() -> None:
    """Register now if Gymnasium is imported already, else right after somebody imports it."""
    if sys.modules.get("gymnasium"):
        register()
    else:
        sys.meta_path.insert(0, _GymnasiumFinder())


class _GymnasiumFinder:
    """Finds Gymnasium with the finders after this one, and registers the ids after Gymnasium has been executed.

    It keeps no state: others may look for Gymnasium without importing it, and `inwit` may be loaded anew.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "gymnasium":
            return None
        others = sys.meta_path[sys.meta_path.index(self) + 1 :]
        spec = next((spec for finder in others if (spec := finder.find_spec(name, path, target))), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module  # of this one module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                register()

            spec.loader.exec_module = exec_module
        return spec
