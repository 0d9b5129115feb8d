"""inwit: a laboratory for model-native agents, in worlds whose best behaviour is known exactly.

The public names. They are imported when first used: `import inwit` alone costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import inwit.gym
from inwit.core.errors import UserError
from inwit.version import __version__

if TYPE_CHECKING:
    from inwit.evaluation.exact import evaluate
    from inwit.evaluation.explanation import explain
    from inwit.evaluation.pass_at_k import pass_at_k
    from inwit.evidence.battery import examine
    from inwit.integrations.hub import push_to_hub, save_pretrained
    from inwit.integrations.onnx import export_onnx
    from inwit.playground.page import page
    from inwit.rollout.collect import collect
    from inwit.runs.conditions import UnsavedError
    from inwit.runs.loading import load
    from inwit.runs.portable import from_pretrained
    from inwit.runs.resuming import resume
    from inwit.runs.starting import train, updates
    from inwit.scripts import scripted
    from inwit.training.config import resolve
    from inwit.training.registering import (
        register_auxiliary,
        register_curriculum,
        register_learner,
        register_policy,
        register_script,
        register_world,
    )
    from inwit.worlds import make
    from inwit.worlds.oracle.from_state import token_costs, way
    from inwit.worlds.oracle.shortest import shortest_for_task as shortest
    from inwit.worlds.play import play

# Where each name lives, as `module:name`; what type checkers read above.
_HOMES = {
    "UnsavedError": "inwit.runs.conditions:UnsavedError",
    "collect": "inwit.rollout.collect:collect",
    "evaluate": "inwit.evaluation.exact:evaluate",
    "examine": "inwit.evidence.battery:examine",
    "explain": "inwit.evaluation.explanation:explain",
    "export_onnx": "inwit.integrations.onnx:export_onnx",
    "from_pretrained": "inwit.runs.portable:from_pretrained",
    "load": "inwit.runs.loading:load",
    "make": "inwit.worlds:make",
    "page": "inwit.playground.page:page",
    "pass_at_k": "inwit.evaluation.pass_at_k:pass_at_k",
    "play": "inwit.worlds.play:play",
    "push_to_hub": "inwit.integrations.hub:push_to_hub",
    "register_auxiliary": "inwit.training.registering:register_auxiliary",
    "register_curriculum": "inwit.training.registering:register_curriculum",
    "register_learner": "inwit.training.registering:register_learner",
    "register_policy": "inwit.training.registering:register_policy",
    "register_script": "inwit.training.registering:register_script",
    "register_world": "inwit.training.registering:register_world",
    "resolve": "inwit.training.config:resolve",
    "resume": "inwit.runs.resuming:resume",
    "save_pretrained": "inwit.integrations.hub:save_pretrained",
    "scripted": "inwit.scripts:scripted",
    "shortest": "inwit.worlds.oracle.shortest:shortest_for_task",
    "token_costs": "inwit.worlds.oracle.from_state:token_costs",
    "train": "inwit.runs.starting:train",
    "updates": "inwit.runs.starting:updates",
    "way": "inwit.worlds.oracle.from_state:way",
}

__all__ = ["UserError", "__version__", *sorted(_HOMES)]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'inwit' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)


inwit.gym.register_when_gymnasium_comes()
