"""From stored tensors to a policy: fresh policies, their weights put in, and what a file of weights says of itself."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from inwit import worlds
from inwit.core.contracts import Agent, Policy, World, weights_of
from inwit.core.devices import usable_device, usable_devices
from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.policies import make_policy
from inwit.training.config import Config
from inwit.worlds.vocabularies import other_tokens

STAGES = "stage_embedding"  # the one tensor whose rows are the world's stages


def untrained(config: Config) -> tuple[World, Policy]:
    """The world of a configuration, and its policy with fresh weights, on the CPU."""
    world = worlds.make(config.world.id, **config.world.settings.to_dict())
    return world, make_policy(config.policy.id, config.policy.settings, world, stream(config.seed, "weights"))


def fit(policy: Policy, tensors: dict[str, Tensor], config: Config, device: str | None, misfit: str) -> torch.device:
    """Put weights into a policy, where it has any, and the policy on a device: by default on that of its training, or
    on the CPU if this machine does not have it. Raises `UserError`, which says `misfit`."""
    if device is None:
        device = config.training.device if config.training.device in usable_devices() else "cpu"
    place = usable_device(device)
    if isinstance(policy, torch.nn.Module):
        try:
            policy.load_state_dict(tensors)
        except RuntimeError:
            raise UserError(misfit) from None
        policy.to(place)
    return place


def metadata_of(weights: bytes) -> dict[str, str]:
    """What a safetensors file says of itself: JSON after eight bytes with its length. Empty if it is damaged."""
    try:
        length = int.from_bytes(weights[:8], "little")
        return json.loads(weights[8 : 8 + length]).get("__metadata__", {})
    except (ValueError, AttributeError):
        return {}


def take_over(agent: Agent, given: Agent, source: str) -> None:
    """Give an agent the weights of another, of a world that may have other stages: those that both have are taken.

    Raises `UserError` if the two write other tokens, or if their policies do not have the same tensors.
    """
    if differ := other_tokens(given.world, agent.world):
        raise UserError(f"{_start(source)}: {differ}")
    ours, theirs = weights_of(agent.policy), weights_of(given.policy)
    for name in dict.fromkeys([*ours, *theirs]):
        shapes = [list(tensors[name].shape) if name in tensors else None for tensors in (ours, theirs)]
        here, there = ([0, *shape[1:]] if shape and name == STAGES else shape for shape in shapes)
        if here != there:
            have = "has no such tensor" if None in shapes else f"{shapes[1]} there and {shapes[0]} here"
            raise UserError(f"{_start(source)}: {name}: {have}; choose the policy and width of {source}")
    with torch.no_grad():
        for name, tensor in ours.items():
            if name == STAGES:
                both = min(len(tensor), len(theirs[name]))
                tensor[:both] = theirs[name][:both]
            else:
                tensor.copy_(theirs[name])


def _start(source: str) -> str:
    return f"training.start_from = {source!r} does not fit"
