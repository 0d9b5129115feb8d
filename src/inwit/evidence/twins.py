"""Twins: networks that the agent's own recipe trains with one thing taken away, as its memory.

A twin takes as many updates as the agent did, but of at most `ROWS` episodes and imitated programs in all: seconds on
one core. It computes where the agent does, wherever that was trained. It is kept in the agent's run, and not trained
twice, on whichever device.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as to_bytes

from inwit.core import storage
from inwit.core.contracts import Agent, Policy, weights_of
from inwit.core.errors import UserError
from inwit.policies import POLICIES
from inwit.training.config import Config, resolve
from inwit.training.loop import loop, new_agent, prepare
from inwit.version import __version__

ROWS = 100_000


def memoryless_twin(agent: Agent) -> Policy:
    """The agent's recipe with a policy that sees the prompt and the last token alone. Raises `UserError` for an agent
    that no recipe made, and for a world that such a policy does not fit."""
    own = _config(agent).policy.settings.to_dict()
    known = {each.name for each in fields(POLICIES.settings("memoryless"))}
    return _trained(agent, policy={"id": "memoryless", **{name: own[name] for name in known & set(own)}})


def twin_in_world(agent: Agent, **settings: object) -> Policy:
    """The agent's own network, trained in its world with some settings changed. Raises `UserError` as above."""
    return _trained(agent, world=settings)


def _trained(agent: Agent, **changes: object) -> Policy:
    config = _config(agent)
    rows = config.training.episodes + sum(settings.rows for settings in config.auxiliaries.values())
    updates = max(1, min(agent.summary.get("update", config.training.max_updates), ROWS // rows))
    training = {"max_updates": updates, "confirm": False, "start_from": "", "checkpoint_on": ""}
    config = resolve(config, training=training | {"device": str(agent.device)}, **changes)
    folder = agent.path / "twins" if agent.path and agent.path.is_dir() else None
    return _kept(config, folder)


def _config(agent: Agent) -> Config:
    if agent.script:
        raise UserError("a person wrote this agent, and no recipe: nobody can train its twin")
    if agent.config is None:
        raise UserError("no recipe made this agent, so that nobody can train its twin")
    return agent.config


@lru_cache(maxsize=16)
def _kept(config: Config, folder: Path | None) -> Policy:
    """The twin as it was kept in the folder, else trained and kept."""
    file = folder and folder / _file_name(config)
    policy = new_agent(config).policy
    try:
        if file and file.is_file():
            policy.load_state_dict(parse_tensors(file.read_bytes()))  # pyright: ignore[reportAttributeAccessIssue]
            return policy
    except (OSError, SafetensorError, RuntimeError):
        pass  # what is damaged is trained again
    parts = prepare(config)
    for _ in loop(parts):
        pass
    if file:
        _keep(file, to_bytes(weights_of(parts.agent.policy)))
    return parts.agent.policy


def _file_name(config: Config) -> str:
    """One for each twin, whatever the device that trains it."""
    config = resolve(config, training={"device": "cpu"})
    text = f"{__version__} {torch.__version__} {storage.to_json(config.to_dict()).decode()}"
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"


def _keep(file: Path, data: bytes) -> None:
    try:
        file.parent.mkdir(exist_ok=True)
        storage.replace(file, data)
    except OSError:
        pass  # a run that cannot be written to: its twin is trained each time
