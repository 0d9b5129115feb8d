"""inwit: a laboratory for model-native agents, in worlds whose best behaviour is known exactly.

The public names. They are imported when first used: `import inwit` alone costs nothing.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import inwit.gym
from inwit.core.errors import UserError as UserError
from inwit.version import __version__ as __version__

if TYPE_CHECKING:  # never run: type checkers read these imports, and so does `_HOMES`
    from inwit.evaluation.exact import evaluate as evaluate
    from inwit.evaluation.explanation import explain as explain
    from inwit.evaluation.pass_at_k import pass_at_k as pass_at_k
    from inwit.integrations.hub import from_pretrained as from_pretrained
    from inwit.integrations.hub import push_to_hub as push_to_hub
    from inwit.integrations.hub import save_pretrained as save_pretrained
    from inwit.integrations.onnx import export_onnx as export_onnx
    from inwit.rollout.collect import collect as collect
    from inwit.runs.loading import load as load
    from inwit.runs.recording import train as train
    from inwit.runs.resuming import resume as resume
    from inwit.training.config import resolve as resolve
    from inwit.training.loop import updates as updates
    from inwit.training.registering import register_auxiliary as register_auxiliary
    from inwit.training.registering import register_curriculum as register_curriculum
    from inwit.training.registering import register_learner as register_learner
    from inwit.training.registering import register_policy as register_policy
    from inwit.training.registering import register_world as register_world
    from inwit.worlds import make as make
    from inwit.worlds.oracle.shortest import shortest_for_task as shortest  # noqa: F401
    from inwit.worlds.play import play as play


def _homes() -> dict[str, tuple[str, str]]:
    """For each public name its module and its name there, as the imports above say."""
    nodes = ast.walk(ast.parse(Path(__file__).read_text("utf-8")))
    imports = [(str(node.module), name) for node in nodes if isinstance(node, ast.ImportFrom) for name in node.names]
    return {name.asname: (module, name.name) for module, name in imports if name.asname}


_HOMES = _homes()

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'inwit' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__


inwit.gym.register_when_gymnasium_comes()
