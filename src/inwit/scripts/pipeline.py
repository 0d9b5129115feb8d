"""A pipeline: a planner, a memory and an executor, three separate parts that a hand-written loop drives.

Start with `Pipeline`, the loop: it is one screen. Each part can be replaced by any object that meets its Protocol, as
in `scripted("pipeline", world, planner=mine)`. What a world needs of its own is registered in `PARTS` by the world's
id; another package adds its own with `PARTS.register` or through an entry point of the group `inwit.pipeline_parts`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from inwit.core.errors import UserError
from inwit.core.registry import Entry, Registry
from inwit.scripts.options import at_least, check_part, check_taken

if TYPE_CHECKING:
    from inwit.core.contracts import World

RETRIES = 2


@dataclass(frozen=True)
class Call:
    """One call of a plan. A plan is a graph of calls, listed in an order in which each comes after what it needs."""

    tool: str
    arguments: tuple[Hashable, ...] = ()  # keys that the memory finds, or what the executor can write as it is
    gives: Hashable = None  # the key of its result
    needs: tuple[Hashable, ...] = ()  # the keys of the results that it depends on


@dataclass(frozen=True)
class Event:
    """What a token completed: a call, whoever wrote it."""

    key: Hashable  # of the call's result, as the planner names it
    value: Hashable = None  # what the memory keeps for the key: the slot that holds it, or the value. None: nothing
    failed: bool = False  # the tool gave no result


GIVEN_UP = "given up"  # what the memory keeps for a result that no tool gives


class Planner(Protocol):
    """Reads the prompt, and says which calls lead from the machine as it is to the goal."""

    def goal(self, prompt: tuple[int, ...], stage: int) -> Hashable: ...
    def left(self, goal: Hashable, kept: Hashable) -> Hashable: ...  # of the goal, now that the memory keeps this
    def plan(self, goal: Hashable, machine: Hashable, kept: Hashable) -> tuple[Call, ...]: ...  # one call at least


class Whole:
    """Of a planner, or a rule, whose goal stays as it was read."""

    def left(self, goal: Hashable, kept: Hashable) -> Hashable:
        return goal


class Memory(Protocol):
    """An explicit store: key -> slot or value. `needed` are the keys that calls of the plan still need: a key that is
    not among them may be evicted."""

    def empty(self, goal: Hashable) -> Hashable: ...  # what is kept before the first token
    def store(self, kept: Hashable, event: Event, needed: Collection[Hashable]) -> Hashable: ...
    def find(self, kept: Hashable, key: Hashable) -> Hashable | None: ...  # None: the key is not kept
    def room(self, kept: Hashable, needed: Collection[Hashable]) -> Hashable | None: ...  # a slot to write to, if any


class Executor(Protocol):
    """Turns calls into tokens, and follows what the machine does from the tokens of the stream: its own, those that
    were written in their place, and the world's."""

    def start(self, goal: Hashable) -> Hashable: ...  # the machine before the first token
    def write(self, machine: Hashable, call: Call, look: Look) -> int: ...  # the call's next token
    def listens(self, machine: Hashable) -> bool: ...  # whether the next token is the world's
    def read(self, machine: Hashable, token: int) -> tuple[Hashable, Event | None]: ...
    def backup(self, call: Call) -> Call | None: ...  # the same with a tool that does not fail; None: there is none


@dataclass(frozen=True)
class Look:
    """The memory as an executor sees it while it writes a call."""

    memory: Memory
    kept: Hashable
    needed: frozenset[Hashable]

    def find(self, key: Hashable) -> Hashable | None:
        return self.memory.find(self.kept, key)

    def room(self) -> Hashable | None:
        return self.memory.room(self.kept, self.needed)


@dataclass(frozen=True)
class Moment:
    """The pipeline's state: all that it goes on from."""

    goal: Hashable  # what is left of the goal that the planner read
    machine: Hashable  # as the executor believes it to be
    kept: Hashable  # by the memory
    calls: tuple[Call, ...] = ()  # that are left of the plan; the first one is being written
    tries: int = 0  # of the present call that failed


@dataclass(frozen=True)
class Parts:
    planner: Planner
    memory: Memory
    executor: Executor


class Pipeline:
    """The loop. It is the script of a pipeline (see `script.Script`)."""

    def __init__(self, parts: Parts, retries: int = RETRIES) -> None:
        self.planner, self.memory, self.executor = parts.planner, parts.memory, parts.executor
        self.retries = retries
        self._begun: dict[Hashable, Moment] = {}

    def begin(self, prompt: tuple[int, ...], stage: int) -> Moment:
        goal = self.planner.goal(prompt, stage)
        if goal not in self._begun:  # thousands of prompts may have one goal
            self._begun[goal] = self._plan(Moment(goal, self.executor.start(goal), self.memory.empty(goal)))
        return self._begun[goal]

    def write(self, state: Moment) -> int:
        return self.executor.write(state.machine, state.calls[0], self._look(state))

    def read(self, state: Moment, token: int) -> Moment:
        machine, event = read = self.executor.read(state.machine, token)
        if read == (state.machine, None):  # a token without effect
            return state
        answered = self.executor.listens(state.machine)
        expected = answered or read == self._expected(state)
        after = replace(state, machine=machine)
        if event and event.failed and expected:
            return self._failed(after, event)
        if event:
            after = self._keep(after, event)
        if not expected:  # somebody else wrote: the machine is not in the state that the plan expects
            return self._plan(after)
        if event is None:  # the call goes on
            return after
        after = replace(after, calls=state.calls[1:], tries=0)
        return self._plan(after) if answered or not after.calls else after  # an answer may spare calls

    def _failed(self, state: Moment, event: Event) -> Moment:
        """Try again; after `retries` further tries with the backup tool; without one, or where the backup itself
        failed, give the result up, and plan."""
        again = self._plan(state)
        backup = self.executor.backup(again.calls[0])
        if state.calls[0] == backup:
            return self._plan(self._keep(again, Event(event.key, GIVEN_UP)))
        if again.calls[0] != state.calls[0]:  # the try took budget, and now the plan is another
            return again
        if state.tries < self.retries:
            return replace(again, tries=state.tries + 1)
        if backup:
            return replace(again, calls=(backup, *again.calls[1:]))
        return self._plan(self._keep(again, Event(event.key, GIVEN_UP)))

    def _plan(self, state: Moment) -> Moment:
        goal = self.planner.left(state.goal, state.kept)
        calls = self.planner.plan(goal, state.machine, state.kept)
        if not calls:
            raise UserError(f"the planner {type(self.planner).__name__} gave a plan of no calls: end it with an answer")
        return replace(state, goal=goal, calls=calls, tries=0)

    def _expected(self, state: Moment) -> tuple[Hashable, Event | None]:
        return self.executor.read(state.machine, self.write(state))

    def _keep(self, state: Moment, event: Event) -> Moment:
        return replace(state, kept=self.memory.store(state.kept, event, needed_by(state.calls[1:])))

    def _look(self, state: Moment) -> Look:
        return Look(self.memory, state.kept, needed_by(state.calls))


def needed_by(calls: tuple[Call, ...]) -> frozenset[Hashable]:
    """The keys of the results that the calls depend on."""
    return frozenset(key for call in calls for key in call.needs)


class PartsMaker(Protocol):
    """Makes a world's parts; `options` are those that the world's documentation suggests, as `votes` of lookup-v0."""

    def __call__(self, world: World, **options: int) -> Parts: ...


PARTS: Registry[PartsMaker] = Registry(
    "set of pipeline parts",
    "inwit.pipeline_parts",
    {
        "tutorial-v0": Entry("inwit.scripts.tutorial:parts_v0", "the stage's formula, as far as the rules allow it"),
        "tutorial-v1": Entry("inwit.scripts.tutorial:parts_v1", "the stage's formula"),
        "calculator-v0": Entry("inwit.scripts.calculator.planner:parts", "a compiler for an accumulator and slots"),
        "lookup-v0": Entry("inwit.scripts.lookup:parts", "asks each cell once, and none that an answer spares"),
    },
)


PROTOCOLS: dict[str, type] = {"planner": Planner, "memory": Memory, "executor": Executor}
OPTIONS = (*PROTOCOLS, "retries")


def make(
    world: World,
    *,
    planner: Planner | None = None,
    memory: Memory | None = None,
    executor: Executor | None = None,
    retries: int = RETRIES,
    **options: int,
) -> Pipeline:
    """The pipeline of a world, from its documented settings. A part that is given replaces the world's own; `options`
    are those of the world's own parts.

    Raises `UserError` for a world without parts, for options that there are not, and for `retries` below 0."""
    retries = at_least("retries", retries, 0)
    own = {"planner": planner, "memory": memory, "executor": executor}
    given = {name: part for name, part in own.items() if part is not None}
    for name, part in given.items():
        check_part(name, part, PROTOCOLS[name])
    if len(given) == len(own):
        check_taken("a pipeline of given parts", lambda world: None, world, options, OPTIONS)
        return Pipeline(Parts(**given), retries)
    if world.id not in PARTS.names():
        raise UserError(
            f"the pipeline knows {', '.join(PARTS.names())} and not {world.id}: "
            "register parts for it, as docs/extending.md says, or give a planner, a memory and an executor"
        )
    maker = PARTS.load(world.id)
    check_taken(f"the pipeline of {world.id}", maker, world, options, OPTIONS)
    return Pipeline(replace(maker(world, **options), **given), retries)
