"""What an environment shows and takes, as Gymnasium's spaces; and the reading of actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from inwit.core.contracts import World
from inwit.core.errors import UserError
from inwit.gym.machine import LIMIT, showing


def observation_space(world: World, observe: str) -> spaces.Dict:
    """prompt (the world's width, padding included), the last token, the stage, what is legal; perhaps the machine."""
    size = len(world.vocabulary)
    parts: dict[str, spaces.Space[Any]] = {
        "prompt": spaces.MultiDiscrete(np.full(world.prompt_width, size)),
        "last": spaces.Discrete(size),
        "stage": spaces.Discrete(world.kinds.num_stages),
        "action_mask": spaces.MultiBinary(size),
    }
    if observe == "machine":
        shape = (len(showing(world).machine_names),)
        parts["machine"] = spaces.Box(-LIMIT, LIMIT, shape, np.float32)
    return spaces.Dict(parts)


def shown(tensors: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Observations as arrays of the caller's own, in the types of the spaces; masks as `sample(mask)` takes them."""
    seen = {name: tensor.numpy(force=True).copy() for name, tensor in tensors.items()}
    return seen | {"action_mask": seen["action_mask"].astype(np.int8)}


def read_action(action: object, size: int) -> int:
    """A token id; raises `UserError` for anything but a whole number from 0 to size - 1."""
    array = _array(action)
    if array.shape != () or not np.issubdtype(array.dtype, np.integer):
        raise UserError(f"the action {action!r} is not one whole number: it must be a token id, 0..{size - 1}")
    return int(read_actions(array[None], 1, size)[0])


def read_actions(actions: object, count: int, size: int) -> np.ndarray:
    """Int64[count]; raises `UserError` for anything but `count` whole numbers from 0 to size - 1."""
    array = _array(actions)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
        raise UserError(f"actions of shape {array.shape} and type {array.dtype} do not fit: give {count} whole numbers")
    wrong = array[(array < 0) | (array >= size)]
    if wrong.size:
        raise UserError(f"the action {wrong[0]} is out of range: token ids are 0..{size - 1}")
    return array.astype(np.int64)


def _array(given: object) -> np.ndarray:
    try:
        return np.asarray(given.numpy(force=True) if isinstance(given, torch.Tensor) else given)
    except ValueError:
        raise UserError(f"the action {given!r} is not a whole number or a list of them") from None
