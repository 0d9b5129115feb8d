"""The Protocols that worlds, policies, learners, auxiliaries and curricula meet, and the agent that is made of them.

The data between them, and the names of the axes, are in `types`. What every world has is `World`; what only some can
do is a Protocol of its own, a capability: a world declares its name, and general code asks for it with `capable`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, Self, overload

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.results import Evaluation, Yardstick
from inwit.core.settings import Settings
from inwit.core.types import Json, Kinds, Lessons, Memory, Output, Papers, Rollout, State, Step, Task, Tasks
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
    capabilities: frozenset[str]  # those that `capable` takes

    @property
    def settings(self) -> Settings: ...
    def sample(self, kinds: Int[Tensor, " B"], generator: torch.Generator) -> Tasks: ...
    def task(self, task: Task) -> Tasks: ...
    def describe(self, tasks: Tasks) -> list[Task]: ...
    def stage(self, tasks: Tasks) -> Int[Tensor, " B"]: ...
    def prompt(self, tasks: Tasks) -> tuple[Int[Tensor, "B P"], Bool[Tensor, "B P"]]: ...
    def reset(self, tasks: Tasks) -> State: ...
    def legal(self, state: State) -> Bool[Tensor, "B V"]: ...
    def forced(self, state: State) -> Int[Tensor, " B"]: ...
    def step(self, state: State, token: Int[Tensor, " B"]) -> tuple[State, Step]: ...


class Enumerable(World, Protocol):
    """`all_tasks`: lists every task of the given kinds, once each. They are finite."""

    def all_tasks(self, kinds: list[int], device: torch.device | str = "cpu") -> Tasks: ...


class ConstantPrograms(World, Protocol):
    """`constant_programs`: what a token does never depends on values, so that the scalar twin (a `ColumnTwin`) can run
    one program on all problems of a kind at once. The oracle searches that way."""


class DecidesIdentity(World, Protocol):
    """`identity`: success of one run holds over all inputs of its kind. A run that is no success may still give the
    right value by luck: `value_outcome` names that reading among the world's `extra_outcomes`."""

    value_outcome: str


class Examines(World, Protocol):
    """`exam`: has an examination of its own. Other worlds are examined by listing or by sampling their tasks."""

    def exam(self) -> Exam: ...


class OwnYardsticks(World, Protocol):
    """`yardsticks`: computes the yardsticks of a kind, by name. `oracle` gives the cost of the proven optimum."""

    def yardsticks(self, kind: int) -> dict[str, Yardstick]: ...


class BestPrograms(World, Protocol):
    """`best_programs`: finds the shortest program of each kind by a search of its own.
    `best_program` gives its tokens, with arguments named by their place, or None where there is none within the bound
    of the search. `best_program_for` gives the same for one task, as `World.describe` writes it, with the task's own
    arguments. `named_as_in` renames the arguments of programs to those of each row's task; -1 stays."""

    def best_program(self, kind: int) -> list[int] | None: ...
    def best_program_for(self, task: Task) -> list[int] | None: ...
    def named_as_in(self, tasks: Tasks, programs: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]: ...


class ShowsMachine(World, Protocol):
    """`machine`: shows the whole state of its machine as numbers, so that an agent that sees them needs no memory.

    Its scalar twin is a `ShowingTwin`. No number is further from 0 than `gym.machine.LIMIT`."""

    @property
    def machine_names(self) -> Sequence[str]: ...  # a name for each number
    def machine(self, tasks: Tasks, state: State) -> Float[Tensor, "B M"]: ...


class Achieves(World, Protocol):
    """`achieved`: shows what a program has computed so far, which hindsight learns from."""

    answer: int  # the token that ends an episode

    def lessons(self, device: torch.device | str = "cpu") -> Lessons: ...
    def achieved(self, state: State) -> Int[Tensor, " B"]: ...
    def to_letters(self, tasks: Tasks, tokens: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]: ...
    def to_places(self, tasks: Tasks, tokens: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]: ...
    def thrift(self, state: State) -> Thrifty: ...


class Thrifty(Protocol):
    """Follows programs from their start and knows which tokens waste nothing."""

    def allowed(self, state: State) -> Bool[Tensor, "B V"]: ...
    def note(self, state: State, token: Int[Tensor, " B"]) -> None: ...


@overload
def capable(world: World, capability: Literal["all_tasks"]) -> Enumerable | None: ...
@overload
def capable(world: World, capability: Literal["constant_programs"]) -> ConstantPrograms | None: ...
@overload
def capable(world: World, capability: Literal["identity"]) -> DecidesIdentity | None: ...
@overload
def capable(world: World, capability: Literal["exam"]) -> Examines | None: ...
@overload
def capable(world: World, capability: Literal["yardsticks"]) -> OwnYardsticks | None: ...
@overload
def capable(world: World, capability: Literal["best_programs"]) -> BestPrograms | None: ...
@overload
def capable(world: World, capability: Literal["machine"]) -> ShowsMachine | None: ...
@overload
def capable(world: World, capability: Literal["achieved"]) -> Achieves | None: ...
def capable(world: World, capability: str) -> World | None:
    """The world, typed as one with that capability; None if it does not declare it."""
    return world if capability in world.capabilities else None


class Exam(Protocol):
    """What a world asks of the greedy agent, and how it grades the agent's papers. It never sees the agent itself.
    `tasks` yields questions in blocks of a size that fits a cache; `grade` needs the papers of all kinds."""

    method: str  # how the result is known, in words: "greedy, on every problem"
    proven: bool  # whether the result holds for every problem, not for a sample

    @property
    def questions(self) -> int: ...  # how many there are
    def tasks(self, kinds: Sequence[int], device: torch.device | str) -> Iterator[Tasks]: ...
    def grade(self, papers: Papers) -> Evaluation: ...


class ScalarWorld(Protocol):
    """One episode in plain Python, without PyTorch: the rules as one reads them, and the batched world's twin."""

    vocabulary: Vocabulary
    steps: int
    reward: Any
    terminated: bool
    truncated: bool
    success: Any
    extra: Json

    @classmethod
    def from_task(cls, settings: Any, task: Task, /) -> Self: ...
    @property
    def ended(self) -> bool: ...
    def legal(self) -> list[int]: ...
    def step(self, token: int) -> None: ...
    def state(self) -> Json: ...
    def task_dict(self) -> Task: ...


class ShowingTwin(ScalarWorld, Protocol):
    """The scalar twin of a world that shows its machine, with the same numbers."""

    def machine(self) -> list[float]: ...


class ColumnTwin(ScalarWorld, Protocol):
    """A scalar twin that runs one program on many problems: each operand may be a column of values.
    `on_all_problems` makes one episode, before its first token, on every problem of a kind of the world with these
    settings. A search copies it with `copy.copy`: `worlds.oracle.constant` says what that asks of its methods."""

    operands: Sequence[Any]
    acc: Any  # the answer; programs with the same answers are of one class

    @classmethod
    def on_all_problems(cls, settings: Any, kind: int, /) -> Self: ...


class Policy(Protocol):
    """Reads a stream of tokens and carries a memory; knows nothing of the world. A `Trainable` one can be trained."""

    def begin(
        self, prompt: Int[Tensor, "B P"], prompt_mask: Bool[Tensor, "B P"], stage: Int[Tensor, " B"]
    ) -> tuple[Output, Memory]: ...
    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]: ...


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
    """Turns a rollout into losses, one per optimiser step."""

    group_size: int  # episodes per problem
    one_pass: bool  # uses the rollout's own graph, once
    whole_sequence: bool  # trains on tokens after the end too (the published loss alone does)
    reads_oracle: bool  # gets the oracle's programs; "oracle" must be in the name of such a learner

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
    status: str = "untrained"  # finished, interrupted, checkpoint
    summary: Json = field(default_factory=dict)  # how the training went
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))  # where its policy computes

    def __repr__(self) -> str:
        policy = type(self.policy).__name__ if self.config is None else self.config.policy.id
        return f"<Agent: {policy} in {self.world.id}, {self.status}{f', {self.path}' if self.path else ''}>"

    @property
    def threads(self) -> int:
        """The PyTorch threads that it was trained with, and is examined with."""
        return 1 if self.config is None else self.config.training.threads

    def copy(self) -> Agent:
        """The agent as it is now: training on does not change its weights."""
        return replace(self, policy=copy.deepcopy(self.policy), summary=dict(self.summary))


def parameters_of(policy: Policy) -> list[torch.nn.Parameter]:
    """The parameters of a policy; none for a script."""
    return list(policy.parameters()) if isinstance(policy, torch.nn.Module) else []


def weights_of(policy: Policy) -> dict[str, Tensor]:
    """The named tensors of a policy; none for a script."""
    return policy.state_dict() if isinstance(policy, torch.nn.Module) else {}
