"""In which order a page shows the units of an agent's memory: those that act alike lie together, on every problem."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from inwit.core.contracts import Policy, World
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.core.types import Memory
from inwit.rollout.collect import collect

EPISODES = 192
HIGH = 0.99  # the share of values that a page's colours tell apart


def units(world: World, policy: Policy) -> Json | None:
    """The `tensors` of a memory that hold units with their `sizes`, the `order` of all their units and the `scale` of
    their values. Of a memory that grows the first tensor that does, as `grows`, and the `axis` along which it does.
    None for a memory without such tensors."""
    draws = stream(0, "page units")
    tasks = world.sample(torch.randint(len(world.kinds), (EPISODES,), generator=draws), draws)
    tokens = collect(world, policy, tasks).tokens
    with torch.no_grad():
        _, memory = policy.begin(*world.prompt(tasks), world.stage(tasks))
        seen = [memory]
        for column in tokens.unbind(1):
            _, memory = policy.step(column, memory)
            seen.append(memory)
    growing = [name for name, each in memory.items() if each.is_floating_point() and each.shape != seen[0][name].shape]
    if growing:
        grown, before = memory[growing[0]], seen[0][growing[0]]
        axis = next(place for place, size in enumerate(grown.shape) if size != before.shape[place])
        return {"grows": growing[0], "axis": axis, "scale": _scale(grown.double().numpy())}
    names = [name for name, each in memory.items() if _holds(seen[0][name], each)]
    if not names:
        return None
    values = torch.cat([_joined(each, names) for each in seen]).double().numpy()
    sizes = [memory[name][0].numel() for name in names]
    return {"tensors": names, "sizes": sizes, "order": alike(values), "scale": _scale(values)}


def alike(values: np.ndarray) -> list[int]:
    """The columns of `values` in an order in which each is followed by the one that is most like the last two."""
    varying = values.std(0) > 0
    likeness = np.zeros((values.shape[1],) * 2)
    likeness[np.ix_(varying, varying)] = np.abs(np.corrcoef(values[:, varying].T))
    order = [int(likeness.sum(0).argmax())]
    left = np.ones(len(likeness), dtype=bool)
    left[order[0]] = False
    while left.any():
        near = likeness[order[-1]] + (0.5 * likeness[order[-2]] if len(order) > 1 else 0.0)
        order.append(int(np.where(left, near, -1.0).argmax()))
        left[order[-1]] = False
    return order


def _scale(values: np.ndarray) -> float:
    return max(float(np.quantile(np.abs(values), HIGH)), 1e-3)


def _holds(first: Tensor, last: Tensor) -> bool:
    """Whether a tensor holds units: numbers of which no token makes more."""
    return first.ndim > 1 and first.is_floating_point() and first.shape == last.shape and first[0].numel() > 0


def _joined(memory: Memory, names: list[str]) -> Tensor:
    return torch.cat([memory[name].float().flatten(1) for name in names], 1)
