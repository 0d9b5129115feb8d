"""The worlds as Gymnasium environments: `inwit/Tutorial-v0`, `inwit/Tutorial-v1` and `inwit/Calculator-v0`.

`import inwit` registers the ids, whether Gymnasium was imported before it or comes after it. Gymnasium itself is never
imported for that: it would make every `inwit --help` three times slower. (Gymnasium 1.0 dropped entry points for
environments; a package registers its ids when it is imported.)
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

IDS = {
    "inwit/Tutorial-v0": "tutorial-v0",
    "inwit/Tutorial-v1": "tutorial-v1",
    "inwit/Calculator-v0": "calculator-v0",
}


def register() -> None:
    """Make the ids known to Gymnasium; what they stand for is imported when one is made."""
    from gymnasium.envs.registration import register, registry

    for env_id, world_id in IDS.items():
        if env_id not in registry:
            register(
                env_id,
                entry_point="inwit.gym.env:InwitEnv",
                vector_entry_point="inwit.gym.vector:InwitVectorEnv",
                kwargs={"world": world_id},
            )


def register_when_gymnasium_comes() -> None:
    """Register now if Gymnasium is imported already, else right after somebody imports it."""
    if "gymnasium" in sys.modules:
        register()
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds Gymnasium as Python would, and has the ids registered after it has been executed."""

    def __init__(self) -> None:
        self._looking = False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "gymnasium" or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:
            _register_after(spec.loader)
        return spec


def _register_after(loader: Any) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        register()

    loader.exec_module = exec_module  # of this one loader, which loads this one module
