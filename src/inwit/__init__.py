"""inwit: a laboratory for model-native agents, in worlds whose best behaviour is known exactly.

The public names. They are imported when first used: `import inwit` alone costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from inwit import gym as _gym
from inwit.core.errors import UserError
from inwit.version import __version__

if TYPE_CHECKING:
    from inwit.evaluation.exact import evaluate
    from inwit.evaluation.explanation import explain
    from inwit.evaluation.pass_at_k import pass_at_k
    from inwit.integrations.hub import from_pretrained, push_to_hub, save_pretrained
    from inwit.integrations.onnx import export_onnx
    from inwit.rollout.collect import collect
    from inwit.runs.loading import load
    from inwit.runs.recording import train
    from inwit.runs.resuming import resume
    from inwit.training.config import resolve
    from inwit.training.loop import updates
    from inwit.training.registering import (
        register_auxiliary,
        register_curriculum,
        register_learner,
        register_policy,
        register_world,
    )
    from inwit.worlds import make
    from inwit.worlds.oracle.shortest import shortest_for_task as shortest
    from inwit.worlds.play import play

_HOME = {
    "collect": "inwit.rollout.collect",
    "evaluate": "inwit.evaluation.exact",
    "explain": "inwit.evaluation.explanation",
    "export_onnx": "inwit.integrations.onnx",
    "from_pretrained": "inwit.integrations.hub",
    "load": "inwit.runs.loading",
    "make": "inwit.worlds",
    "pass_at_k": "inwit.evaluation.pass_at_k",
    "play": "inwit.worlds.play",
    "push_to_hub": "inwit.integrations.hub",
    "register_auxiliary": "inwit.training.registering",
    "register_curriculum": "inwit.training.registering",
    "register_learner": "inwit.training.registering",
    "register_policy": "inwit.training.registering",
    "register_world": "inwit.training.registering",
    "resolve": "inwit.training.config",
    "resume": "inwit.runs.resuming",
    "save_pretrained": "inwit.integrations.hub",
    "shortest": "inwit.worlds.oracle.shortest",
    "train": "inwit.runs.recording",
    "updates": "inwit.training.loop",
}

_OTHERWISE = {"shortest": "shortest_for_task"}  # names that differ at home

__all__ = [
    "UserError",
    "__version__",
    "collect",
    "evaluate",
    "explain",
    "export_onnx",
    "from_pretrained",
    "load",
    "make",
    "pass_at_k",
    "play",
    "push_to_hub",
    "register_auxiliary",
    "register_curriculum",
    "register_learner",
    "register_policy",
    "register_world",
    "resolve",
    "resume",
    "save_pretrained",
    "shortest",
    "train",
    "updates",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'inwit' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), _OTHERWISE.get(name, name))


def __dir__() -> list[str]:
    return sorted(__all__)


_gym.register_when_gymnasium_comes()
