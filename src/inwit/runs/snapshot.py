"""The state of a training between two updates: taken out of its parts, and put back.

A part that carries state from one update to the next is `Stateful`. The policy, curricula and auxiliaries are; a
learner may be. Everything else follows from the configuration.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from inwit.core.contracts import weights_of
from inwit.core.errors import UserError
from inwit.core.seeding import stream_seed
from inwit.runs.checkpoint import Snapshot
from inwit.runs.writing import plain
from inwit.training.loop import Parts


@runtime_checkable
class Stateful(Protocol):
    """A part with tensors that an update changes."""

    def state_dict(self) -> dict[str, Tensor]: ...
    def load_state_dict(self, state: dict[str, Tensor]) -> object: ...


def capture(parts: Parts, score: float, **more: object) -> Snapshot:
    """A copy of everything that `parts` need to go on as if they had not stopped; `more` is kept with it."""
    counters = parts.counters
    tensors = {f"draws/{name}": generator.get_state() for name, generator in parts.draws.items()}
    tensors |= {f"optimiser/{name}": tensor for name, tensor in _optimiser_tensors(parts.optimiser).items()}
    for part, state in _stateful(parts).items():
        tensors |= {f"{part}/{name}": tensor for name, tensor in state.state_dict().items()}
    numbers = {name: int(value) if isinstance(value, Tensor) else value for name, value in vars(counters).items()}
    return Snapshot(
        update=counters.updates,
        weights=plain(weights_of(parts.agent.policy)),
        tensors=plain(tensors),
        numbers={"counters": numbers, **more},
        score=score,
    )


def restore(parts: Parts, snapshot: Snapshot) -> list[str]:
    """Put a snapshot back into freshly made `parts`. Raises `UserError` if it does not fit them.

    Returns the names of the random streams that begin anew because their states are those of another type of device.
    """
    fresh: list[str] = []
    try:
        if isinstance(parts.agent.policy, torch.nn.Module):
            parts.agent.policy.load_state_dict(snapshot.weights)
        for name, generator in parts.draws.items():
            state = snapshot.tensors[f"draws/{name}"]
            if state.shape == generator.get_state().shape:
                generator.set_state(state)
            else:  # a CPU's has 5,056 bytes, a GPU's 16
                generator.manual_seed(stream_seed(parts.agent.config.seed, f"{name} resumed at {snapshot.update}"))
                fresh.append(name)
        if parts.optimiser:
            _load_optimiser(parts.optimiser, _below("optimiser", snapshot.tensors))
        for part, state in _stateful(parts).items():
            state.load_state_dict(_below(part, snapshot.tensors))
        numbers = snapshot.numbers["counters"]
        for item in fields(parts.counters):
            old, value = getattr(parts.counters, item.name), numbers[item.name]
            setattr(parts.counters, item.name, old.fill_(value) if isinstance(old, Tensor) else value)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"checkpoint {snapshot.update} does not fit what the configuration makes: {type(error).__name__} {error}"
        ) from None
    return fresh


def _stateful(parts: Parts) -> dict[str, Stateful]:
    """Every part with a state, by the name that its tensors carry in front of theirs."""
    named: dict[str, object] = {"curriculum": parts.curriculum, "learner": parts.learner, **parts.auxiliaries}
    return {name: part for name, part in named.items() if isinstance(part, Stateful)}


def _below(part: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{part}/"
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _optimiser_tensors(optimiser: torch.optim.Optimizer | None) -> dict[str, Tensor]:
    """Named by the parameter's place and the tensor's name, as in `3/exp_avg`."""
    state = optimiser.state_dict()["state"] if optimiser else {}
    return {f"{place}/{name}": tensor for place, tensors in state.items() for name, tensor in tensors.items()}


def _load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        place, _, name = key.partition("/")
        state.setdefault(int(place), {})[name] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
