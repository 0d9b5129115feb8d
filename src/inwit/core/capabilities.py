"""What only some worlds can do: each is a Protocol of its own, a capability. A world declares the names of those it
has, and general code asks for one with `capable`; nothing is probed with `hasattr`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Literal, Protocol, Self, overload

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.contracts import ScalarWorld, World
from inwit.core.results import Advice, Evaluation, Json, Yardstick
from inwit.core.types import Lessons, Papers, Register, State, Task, Tasks, Taught

FAR = 1_000_000  # tokens: what `Causal.to_go` says where no right end is known


class Enumerable(World, Protocol):
    """`all_tasks`: lists every task of the given kinds, once each. They are finite."""

    def all_tasks(self, kinds: list[int], device: torch.device | str = "cpu") -> Tasks: ...


class Stochastic(World, Protocol):
    """`chance`: a task has a hidden part, drawn or not yet drawn, and the world answers from it.

    `sample` draws everything; `all_tasks`, where the world has it, draws nothing. `draw` draws what is not drawn yet.
    `chance` is the distribution of the world's next token, given all that was drawn and shown: Float64, 0 where the
    policy chooses. `step` takes the world's token from the stream and thereby draws it: a token with a chance above 0,
    the one of `forced` where there is one. After the policy's last token a row may stay alive, on the world's turn,
    until what its verdict looks at is drawn. The scalar twin is a `StochasticTwin`."""

    def chance(self, state: State) -> Float[Tensor, "B V"]: ...
    def draw(self, tasks: Tasks, generator: torch.Generator) -> Tasks: ...


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


class Registers(World, Protocol):
    """`registers`: shows what its machine holds, register by register, and lets a person change it.

    `machine_registers` describes them. `read_registers` gives for each the value, 0 for an empty one, and whether there
    is one: what the scalar twin's `state()` says. `write_registers` gives the state in which they hold something else;
    a register that is given as it is stays exactly as it is, with all that the machine knows of it. Values are within
    the bounds of their `Register`, and only optional registers may be empty; of a row that has ended nothing is known.
    A pointer beyond the end of its row's prompt is put at the end. Whatever is written, `legal`, `forced` and `step` go
    on; a machine that a person changed may have no legal token, and then no token has an effect. What is hidden from
    the agent is no register. Both are functions of tensors alone, so that a page can carry them as graphs."""

    @property
    def machine_registers(self) -> tuple[Register, ...]: ...
    def read_registers(self, state: State) -> tuple[Int[Tensor, "B R"], Bool[Tensor, "B R"]]: ...
    def write_registers(self, state: State, values: Int[Tensor, "B R"], present: Bool[Tensor, "B R"]) -> State: ...


class Achieves(World, Protocol):
    """`achieved`: shows what a program has computed so far, which hindsight learns from."""

    answer: int  # the token that ends an episode

    def lessons(self, device: torch.device | str = "cpu") -> Lessons: ...
    def achieved(self, state: State) -> Int[Tensor, " B"]: ...
    def to_letters(self, tasks: Tasks, tokens: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]: ...
    def to_places(self, tasks: Tasks, tokens: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]: ...
    def thrift(self, state: State) -> Thrifty: ...


class Causal(World, Protocol):
    """`causal`: knows what its right programs depend on, and how far each state is from a right end.

    A *variable* is a part of a task that decides one call of its programs: `variables` names all of them, in the order
    of the calls, and `has` says which ones each task has. `exchange` gives each row's task of `base` with its variable
    `name` as the variable `source` (by default the same) is in the row of `donor`; both must have it. `to_go` is the
    least number of tokens with which a right program can end from a state, the last one included; 0 for a row that has
    ended, `FAR` where no program of up to `most` tokens (one limit, or one for each row) is right. Between episodes
    that are equally good it is no guide: it only counts. `registers` are what the machine holds, as whole numbers named
    by `register_names`: equal for equal contents."""

    variables: tuple[str, ...]
    register_names: tuple[str, ...]

    def has(self, tasks: Tasks) -> Bool[Tensor, "B N"]: ...
    def exchange(self, base: Tasks, donor: Tasks, name: str, source: str | None = None) -> Tasks: ...
    def to_go(self, tasks: Tasks, state: State, most: int | Int[Tensor, " B"]) -> Int[Tensor, " B"]: ...
    def registers(self, state: State) -> Int[Tensor, "B R"]: ...


class Teaches(World, Protocol):
    """`teaches`: makes lessons, episodes that end right, from calls that are run in the world alone.

    In a closed loop a program is not enough: the world's answers stand in the stream. A lesson's next token depends on
    the prompt and on what was answered, never on luck. `teach` makes one for each of the kinds, and sees no oracle."""

    def teach(self, kinds: Int[Tensor, " B"], generator: torch.Generator) -> Taught: ...


class Advises(World, Protocol):
    """`advice`: answers the agent, and knows what the best possible agent would write, whatever was answered.

    `advice` is of a moment of an episode of its scalar twin. `expert` plays drawn tasks as well as possible, on what an
    agent may know; of tokens that are equally good it always writes the same, and where the budget is too small for
    what a task asks it guesses. `prospects` is what the best possible agent expects of a task, figures by name. Both
    raise `UserError` for settings in which the optimum is not known, and `expert` for tasks that are not drawn."""

    def advice(self, twin: ScalarWorld) -> Advice: ...
    def expert(self, tasks: Tasks) -> Taught: ...
    def prospects(self, task: Task) -> Json: ...


class Thrifty(Protocol):
    """Follows programs from their start and knows which tokens waste nothing."""

    def allowed(self, state: State) -> Bool[Tensor, "B V"]: ...
    def note(self, state: State, token: Int[Tensor, " B"]) -> None: ...


class Exam(Protocol):
    """What a world asks of the greedy agent, and how it grades the agent's papers. It never sees the agent itself.
    `tasks` yields questions in blocks of a size that fits a cache; `grade` needs the papers of all kinds."""

    method: str  # how the result is known, in words: "greedy, on every problem"
    proven: bool  # whether the result holds for every problem, not for a sample

    @property
    def questions(self) -> int: ...  # how many there are
    def tasks(self, kinds: Sequence[int], device: torch.device | str) -> Iterator[Tasks]: ...
    def grade(self, papers: Papers) -> Evaluation: ...


class StochasticTwin(ScalarWorld, Protocol):
    """The scalar twin of a world that draws; its chances are exact, and a token that cannot come is left out."""

    def chance(self) -> dict[int, Fraction]: ...


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


@overload
def capable(world: World, capability: Literal["all_tasks"]) -> Enumerable | None: ...
@overload
def capable(world: World, capability: Literal["chance"]) -> Stochastic | None: ...
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
def capable(world: World, capability: Literal["registers"]) -> Registers | None: ...
@overload
def capable(world: World, capability: Literal["achieved"]) -> Achieves | None: ...
@overload
def capable(world: World, capability: Literal["advice"]) -> Advises | None: ...
@overload
def capable(world: World, capability: Literal["causal"]) -> Causal | None: ...
@overload
def capable(world: World, capability: Literal["teaches"]) -> Teaches | None: ...
def capable(world: World, capability: str) -> World | None:
    """The world, typed as one with that capability; None if it does not declare it."""
    return world if capability in world.capabilities else None
