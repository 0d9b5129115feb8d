"""The data that flows between worlds, policies and learners. The Protocols that they meet are in `contracts`.

Axes: B rows (an episode each), T columns (a token each), P prompt positions, V vocabulary, K kinds. A world's state
and a policy's memory are flat dicts of batch-first tensors, so that indexing, repeating, detaching and saving are
one dict map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.results import Json as Json
from inwit.core.results import Task as Task

State = dict[str, Tensor]
Memory = dict[str, Tensor]


def map_rows(rows: dict[str, Tensor], change: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Apply `change` to every tensor of a state, a memory or a task's data."""
    return {name: change(tensor) for name, tensor in rows.items()}


def copy_into(own: dict[str, Tensor], state: dict[str, Tensor]) -> None:
    """Write a saved state into tensors of the same names, in place. Raises `KeyError` where one is missing and
    `ValueError` where its shape differs, before anything is written."""
    for name, tensor in own.items():
        if state[name].shape != tensor.shape:
            raise ValueError(f"{name} has the shape {list(state[name].shape)}, not {list(tensor.shape)}")
    for name, tensor in own.items():
        tensor.copy_(state[name])


@dataclass(frozen=True)
class Kinds:
    """The templates that a world draws tasks from: for each its name, its stage (level) and its class."""

    names: tuple[str, ...]
    stages: tuple[int, ...]
    classes: tuple[int, ...]
    held_out: tuple[int, ...] = ()  # kinds that are the test set: never drawn for training
    goals: tuple[str, ...] = ()  # what each asks for, for people: a formula; none where the names say it

    def __len__(self) -> int:
        return len(self.names)

    @property
    def num_stages(self) -> int:
        return max(self.stages) + 1

    @property
    def trained(self) -> list[int]:
        """The kinds outside the test set."""
        return sorted(set(range(len(self))) - set(self.held_out))


@dataclass(frozen=True)
class Register:
    """What one register of a machine may hold, as a person sees it and changes it.

    A `number`, a `token` by its number in the vocabulary, or a `pointer`: the place that is read next. From `least` to
    `most`, both included; where `tokens` are named, one of these. Only an `optional` one may be empty."""

    name: str
    kind: Literal["number", "token", "pointer"] = "number"
    least: int = -(2**31)
    most: int = 2**31 - 1
    optional: bool = True
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True)
class Tasks:
    """Problems as data, one row per episode: the row's kind and the world's own tensors (operands and the like)."""

    kind: Int[Tensor, " B"]
    data: dict[str, Tensor]

    def __len__(self) -> int:
        return self.kind.shape[0]

    def repeat_interleave(self, times: int) -> Tasks:
        """Each row `times` times in a row: a group of episodes on one problem."""
        return self._map(lambda tensor: tensor.repeat_interleave(times, 0))

    def __getitem__(self, rows: slice | Tensor) -> Tasks:
        return self._map(lambda tensor: tensor[rows])

    def to(self, device: torch.device | str) -> Tasks:
        return self._map(lambda tensor: tensor.to(device))

    @staticmethod
    def joined(parts: Sequence[Tasks]) -> Tasks:
        """The rows of all parts, one after another."""
        data = {name: torch.cat([part.data[name] for part in parts]) for name in parts[0].data}
        return Tasks(torch.cat([part.kind for part in parts]), data)

    def _map(self, change: Callable[[Tensor], Tensor]) -> Tasks:
        return Tasks(change(self.kind), map_rows(self.data, change))


@dataclass(frozen=True)
class Step:
    """What one token did, row by row. `reward` is the training signal; `success` is never computed from it.

    All flags are false, and the reward and all counts are 0, for a row that had ended before the step. `extra` holds
    the world's further readings of success, named in `World.extra_outcomes`; `counts` what else an episode is counted
    by, as `calls`. Where not all of a task is drawn a world may count more, for its exam: what that needs is not kept
    where all is drawn, nor in the scalar twin.
    """

    reward: Float[Tensor, " B"]
    terminated: Bool[Tensor, " B"]
    truncated: Bool[Tensor, " B"]
    success: Bool[Tensor, " B"]
    extra: dict[str, Bool[Tensor, " B"]] = field(default_factory=dict)
    counts: dict[str, Int[Tensor, " B"]] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """A policy's answer: *unmasked* logits over the vocabulary and a value estimate; [B, ...] or [B, T, ...].

    `taps` are the inner values that were asked for with `capture`, by name: Float[B, H], of a replay Float[B, T, H].
    """

    logits: Float[Tensor, "*B V"]
    value: Float[Tensor, "*B"]
    taps: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Rollout:
    """A `[B, T]` block of episodes that started together, as `rollout.collect` recorded it.

    `live` marks columns before the row's end, `chosen` columns whose token the policy chose (not the world); losses
    use `live & chosen`. `log_probs` are the behaviour policy's, detached. `outputs` carries the autograd graph of
    the rollout when it was kept; where the memories are recorded it carries none; else it is None. `prompt` has a row
    per *problem*: row i of the block belongs to problem `i // group_size`.
    """

    tasks: Tasks
    prompt: Int[Tensor, "N P"]
    prompt_mask: Bool[Tensor, "N P"]
    stage: Int[Tensor, " N"]
    group_size: int
    tokens: Int[Tensor, "B T"]
    legal: Bool[Tensor, "B T V"]
    live: Bool[Tensor, "B T"]
    chosen: Bool[Tensor, "B T"]
    log_probs: Float[Tensor, "B T"]
    values: Float[Tensor, "B T"]
    reward: Float[Tensor, "B T"]
    terminated: Bool[Tensor, " B"]
    truncated: Bool[Tensor, " B"]
    success: Bool[Tensor, " B"]
    extra: dict[str, Bool[Tensor, " B"]]
    counts: dict[str, Int[Tensor, " B"]] = field(default_factory=dict)  # of each episode, summed over its columns
    outputs: Output | None = None
    detour: Bool[Tensor, "B T"] | None = None  # chosen by chance, not by the policy's logits; None: nowhere
    achieved: Int[Tensor, "B T"] | None = None  # after each column the polynomial that the machine holds, or -1
    memories: tuple[Memory, ...] = ()  # what the policy held before each column, where `Hooks.record` asks for it
    oracle: Taught | None = None  # what the oracle would write: only for learners that declare `reads_oracle`

    @property
    def returns(self) -> Float[Tensor, " B"]:
        """The undiscounted sum of each episode's rewards."""
        return self.reward.sum(1)


@dataclass(frozen=True)
class Lessons:
    """What an auxiliary needs to know of a world's kinds to learn from what its own programs computed.

    Polynomials are numbered as `World.achieved` numbers them: the kinds' classes first, then what is only a part of
    some expression. `argument` gives for each token the place of the operand that it names, -1 for other tokens.
    """

    class_of: Int[Tensor, " K"]
    parts: Int[Tensor, "K S"]  # each kind's proper sub-expressions, filled up with -1
    num_polynomials: int
    num_operands: Int[Tensor, " K"]
    argument: Int[Tensor, " V"]
    may_teach: Bool[Tensor, " K"]  # False for the test set
    budget: Int[Tensor, " K"]  # tokens that an episode may spend
    answer: int  # the token that ends an episode
    pad: int
    idle: int = -1  # a token that does nothing and is no part of a program; -1: there is none
    without_idle: dict[str, object] = field(default_factory=dict)  # settings of the same world without that token


@dataclass(frozen=True)
class Taught:
    """Whole episodes to imitate, the world's answers included, each on its own task. `chosen` marks the tokens that the
    policy is to choose; the rest are the world's, and padding after the end."""

    tasks: Tasks
    tokens: Int[Tensor, "B T"]
    chosen: Bool[Tensor, "B T"]


@dataclass(frozen=True)
class Expectation:
    """What a greedy agent does on each of N problems, in expectation over what the world draws: Float64, exact.

    A *leaf* is an end that an episode can come to. What was not followed to its end is `unexpanded`: success lies in
    [success, success + unexpanded]. Every figure is a sum over the leaves that were reached, weighted by probability,
    and not divided by their share: so where `unexpanded` is not 0, `reward`, `counts` and `uses` lack the rest.
    """

    success: Float[Tensor, " N"]
    unexpanded: Float[Tensor, " N"]  # probability
    reward: Float[Tensor, " N"]
    uses: Float[Tensor, "N V"]  # how often the agent chooses each token
    counts: dict[str, Float[Tensor, " N"]]  # of `Step.counts`
    luck: Float[Tensor, " N"]  # probability of being right where the world had not shown what decides it
    invalid: Float[Tensor, " N"]  # illegal tokens that the agent chooses
    leaves: Int[Tensor, " N"]
    wrong: Int[Tensor, " N"]  # leaves that are no success

    @property
    def proven(self) -> Bool[Tensor, " N"]:
        """Whether the agent is right whatever is drawn: no leaf is wrong, and nothing is left out. A matter of
        counting, not of rounding."""
        return (self.wrong == 0) & (self.unexpanded == 0)

    @property
    def steps(self) -> Float[Tensor, " N"]:
        """Chosen tokens."""
        return self.uses.sum(1)

    def __getitem__(self, rows: slice | Tensor) -> Expectation:
        return self._map(lambda tensor: tensor[rows])

    def replaced(self, places: Int[Tensor, " M"], part: Expectation) -> Expectation:
        """With the problems at some places taken from `part`."""
        others = iter(part._tensors())
        return self._map(lambda tensor: tensor.index_copy(0, places, next(others)))

    @staticmethod
    def joined(parts: Sequence[Expectation]) -> Expectation:
        """The problems of all parts, one after another."""
        rest = [iter(part._tensors()) for part in parts]
        return parts[0]._map(lambda _: torch.cat([next(tensors) for tensors in rest]))

    def _tensors(self) -> list[Tensor]:
        found: list[Tensor] = []
        self._map(lambda tensor: (found.append(tensor), tensor)[1])
        return found

    def _map(self, change: Callable[[Tensor], Tensor]) -> Expectation:
        plain = (each.name for each in fields(self) if each.name != "counts")
        changed: dict[str, Tensor] = {name: change(getattr(self, name)) for name in plain}
        return Expectation(counts=map_rows(self.counts, change), **changed)


@dataclass(frozen=True)
class Papers:
    """What a greedy agent wrote in an exam: N problems, in the order in which they were asked.

    `steps` counts chosen tokens. `tokens` are the chosen ones alone, filled up with -1. Where the world draws,
    `expected` says what the agent does whatever is drawn; then `success` is whether it is always right, `steps` are
    rounded means, and there are no `tokens`.
    """

    tasks: Tasks
    success: Bool[Tensor, " N"]
    steps: Int[Tensor, " N"]
    extra: dict[str, Bool[Tensor, " N"]]
    tokens: Int[Tensor, "N T"]
    expected: Expectation | None = None
    counts: dict[str, Int[Tensor, " N"]] = field(default_factory=dict)  # of each episode; `expected` has its own
