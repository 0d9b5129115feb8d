"""The Protocols that worlds, policies, learners, auxiliaries and curricula meet, and the agent that is made of them.

The data between them, and the names of the axes, are in `types`. What every world has is `World`; what only some can
do is in `capabilities`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.settings import Settings
from inwit.core.taps import NO_EDITS, Edits
from inwit.core.types import Json, Kinds, Memory, Output, Rollout, State, Step, Task, Tasks
from inwit.core.vocabulary import Vocabulary

Metrics = dict[str, Tensor]


class World(Protocol):
    """A pure function of (state, token), batched over rows. Rules: see each world's own package."""

    id: str
    vocabulary: Vocabulary
    kinds: Kinds
    prompt_width: int
    max_steps: int  # chosen tokens in an episode, at most
    num_columns: int  # columns in a rollout, at most: chosen and forced tokens
    masks: bool  # whether a policy may write legal tokens only
    extra_outcomes: tuple[str, ...]
    known_limit: str  # what success here does not show; shown with every result
    capabilities: frozenset[str]  # those that `capabilities.capable` takes

    @property
    def settings(self) -> Settings: ...
    def sample(self, kinds: Int[Tensor, " B"], generator: torch.Generator) -> Tasks: ...
    def task(self, task: Task) -> Tasks: ...
    def describe(self, tasks: Tasks) -> list[Task]: ...
    def stage(self, tasks: Tasks) -> Int[Tensor, " B"]: ...
    def prompt(self, tasks: Tasks) -> tuple[Int[Tensor, "B P"], Bool[Tensor, "B P"]]: ...
    def reset(self, tasks: Tasks) -> State: ...
    def legal(self, state: State) -> Bool[Tensor, "B V"]: ...
    # -1: the policy chooses; a token: the world writes it; -2: the world writes, and it is not decided what.
    def forced(self, state: State) -> Int[Tensor, " B"]: ...
    def step(self, state: State, token: Int[Tensor, " B"]) -> tuple[State, Step]: ...


class ScalarWorld(Protocol):
    """One episode in plain Python, without PyTorch: the rules as one reads them, and the batched world's twin."""

    vocabulary: Vocabulary
    steps: int  # chosen tokens
    reward: Any
    terminated: bool
    truncated: bool
    success: Any
    extra: Json
    counts: dict[str, int]  # what else an episode is counted by, as `calls`: the sums of `Step.counts`

    @classmethod
    def from_task(cls, settings: Any, task: Task, /) -> Self: ...
    @property
    def ended(self) -> bool: ...
    def legal(self) -> list[int]: ...  # on the world's turn those that it may write
    def forced(self) -> int: ...  # as `World.forced`, of an episode that has not ended
    def step(self, token: int) -> None: ...
    def state(self) -> Json: ...
    def task_dict(self) -> Task: ...


class Policy(Protocol):
    """Reads a stream of tokens and carries a memory; knows nothing of the world. A `Trainable` one can be trained.

    The memory is a dict of tensors, batch first; `{}` where there is none. Rows of it are taken, repeated and saved."""

    def begin(
        self, prompt: Int[Tensor, "B P"], prompt_mask: Bool[Tensor, "B P"], stage: Int[Tensor, " B"]
    ) -> tuple[Output, Memory]: ...
    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]: ...


@runtime_checkable
class Readable(Policy, Protocol):
    """A policy that answers from a memory at once, so that somebody who changes the memory sees what it would write.
    `read(memory)` is the output that `begin` or `step` gave with this memory, to rounding."""

    def read(self, memory: Memory) -> Output: ...


@runtime_checkable
class Tapped(Readable, Protocol):
    """A policy whose inner values can be read and replaced by name, at the taps `taps` (see `core.taps`).

    `capture` puts them into `Output.taps`, `edit` replaces them, at the newest position alone. What `begin` and `step`
    capture equals what `replay(..., capture=...)` captures, to rounding."""

    taps: tuple[str, ...]

    def begin(
        self,
        prompt: Int[Tensor, "B P"],
        prompt_mask: Bool[Tensor, "B P"],
        stage: Int[Tensor, " B"],
        *,
        capture: Iterable[str] = (),
        edit: Edits = NO_EDITS,
    ) -> tuple[Output, Memory]: ...
    def step(
        self, token: Int[Tensor, " B"], memory: Memory, *, capture: Iterable[str] = (), edit: Edits = NO_EDITS
    ) -> tuple[Output, Memory]: ...
    def replay(
        self,
        prompt: Int[Tensor, "N P"],
        prompt_mask: Bool[Tensor, "N P"],
        stage: Int[Tensor, " N"],
        tokens: Int[Tensor, "B T"],
        capture: Iterable[str] = (),
    ) -> Output: ...


class Trainable(Policy, Protocol):
    """A policy with parameters, an `nn.Module`.
    `replay` predicts `tokens[:, t]` in column t. B is N or a multiple of it: each prompt is that of B / N consecutive
    rows of tokens, so that a policy can read it once for all of them."""

    @property
    def settings(self) -> Settings: ...
    def replay(
        self,
        prompt: Int[Tensor, "N P"],
        prompt_mask: Bool[Tensor, "N P"],
        stage: Int[Tensor, " N"],
        tokens: Int[Tensor, "B T"],
    ) -> Output: ...
    def parameters(self, recurse: bool = True) -> Iterator[torch.nn.Parameter]: ...
    def state_dict(self) -> dict[str, Tensor]: ...
    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> object: ...
    def to(self, device: torch.device, /) -> Self: ...
    def eval(self) -> Self: ...


class Learner(Protocol):
    """Turns a rollout into losses, one per optimiser step. `learners.base.PlainLearner` has defaults."""

    group_size: int  # episodes per problem
    one_pass: bool  # uses the rollout's own graph, once
    whole_sequence: bool  # trains on tokens after the end too (the published loss alone does)
    reads_oracle: bool  # gets the oracle's tokens; "oracle" must be in the name of such a learner
    detours: float  # share of episodes in which two tokens are drawn by chance (`Rollout.detour`)
    entropy_share: float  # written by the loop before each update: an entropy bonus and detours are multiplied by it

    def losses(self, policy: Trainable, rollout: Rollout) -> Iterator[tuple[Tensor, Metrics]]: ...


class Auxiliary(Protocol):
    """Adds a loss to the learner's, from a store that learns what its own programs did: tensors, written in place.
    `observe` is called once after every rollout, `loss` once for every optimiser step."""

    streams: tuple[str, ...]  # the random streams that it draws from; no others
    reads_achieved: bool  # whether rollouts must record what the machine held after each column

    def observe(self, rollout: Rollout, draws: Mapping[str, torch.Generator]) -> None: ...
    def loss(self, policy: Trainable, draws: Mapping[str, torch.Generator]) -> tuple[Tensor, Metrics]: ...
    def state_dict(self) -> dict[str, Tensor]: ...
    def load_state_dict(self, state: dict[str, Tensor]) -> None: ...


class Curriculum(Protocol):
    """Which kinds of task come next. It sees kinds and the outcomes of finished episodes, and nothing else."""

    may_train: Bool[Tensor, " K"]  # False for the test set

    @property
    def rate(self) -> Float[Tensor, " K"]: ...  # the running success of each kind; NaN where it may not be trained
    @property
    def trials(self) -> Float[Tensor, " K"]: ...  # how often each kind was drawn, decayed
    def draw(self, update: int, count: int, generator: torch.Generator) -> Int[Tensor, " B"]: ...
    def observe(self, kind: Int[Tensor, " B"], success: Bool[Tensor, " B"]) -> None: ...
    def state_dict(self) -> dict[str, Tensor]: ...
    def load_state_dict(self, state: dict[str, Tensor]) -> None: ...


@dataclass
class Agent:
    """Whatever writes tokens (a policy with parameters, or a script), with the world it lives in. `config` is the
    resolved configuration of the training that made it, None where no training did."""

    world: World
    policy: Policy
    config: Any = None
    path: Path | None = None
    status: str = "untrained"  # finished, interrupted, checkpoint, scripted
    summary: Json = field(default_factory=dict)  # how the training went
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))  # where its policy computes
    script: str = ""  # the name of the script that it runs; empty for a policy
    made_for: World | None = None  # the world whose documented rules its script knows

    def __repr__(self) -> str:
        policy = self.script or (type(self.policy).__name__ if self.config is None else self.config.policy.id)
        return f"<Agent: {policy} in {self.world.id}, {self.status}{f', {self.path}' if self.path else ''}>"

    @property
    def name(self) -> str:
        """That of its run, of a checkpoint or a snapshot `RUN@120`; of a script the script's. Else empty."""
        if self.path is None:
            return self.script
        update = self.summary.get("update") if self.status in ("checkpoint", "snapshot") else None
        return self.path.name if update is None else f"{self.path.name}@{update}"

    @property
    def untold(self) -> Json:
        """The settings in which its world differs from the one that it was trained in or written for: nobody told it of
        them. Empty for an agent that is at home, or whose home is not known."""
        home = self.made_for if self.config is None else self.config.world
        if home is None or home.id != self.world.id:
            return {}
        there = home.settings.to_dict()
        return {name: value for name, value in self.world.settings.to_dict().items() if there.get(name) != value}

    @property
    def threads(self) -> int:
        """The PyTorch threads that it was trained with, and is examined with."""
        return 1 if self.config is None else self.config.training.threads

    def copy(self) -> Agent:
        """The agent as it is now: training on does not change its weights."""
        return replace(self, policy=copy.deepcopy(self.policy), summary=dict(self.summary))


def answers(world: World) -> bool:
    """Whether the world writes tokens of its own in mid-episode, so that an episode has more columns than steps."""
    return world.num_columns > world.max_steps


def parameters_of(policy: Policy) -> list[torch.nn.Parameter]:
    """The parameters of a policy; none for a script."""
    return list(policy.parameters()) if isinstance(policy, torch.nn.Module) else []


def weights_of(policy: Policy) -> dict[str, Tensor]:
    """The named tensors of a policy; none for a script."""
    return policy.state_dict() if isinstance(policy, torch.nn.Module) else {}
