"""No plan: one decision at a time, from what is seen now, by a fixed rule.

It shares the executor and the memory with the pipeline: both designs write calls and follow the machine alike. In the
planner's place stands a rule, which names the next call and sees no further. What rule a world has is registered in
`RULES` by the world's id; another package adds its own with `RULES.register` or through an entry point of the group
`inwit.react_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from inwit.core.errors import UserError
from inwit.core.registry import Entry, Registry
from inwit.scripts.options import check_part
from inwit.scripts.pipeline import Call, Executor, Look, Memory

if TYPE_CHECKING:
    from inwit.core.contracts import World


class Rule(Protocol):
    """Reads the prompt, and says which call is next, from the machine as it is. While a call is open (somebody's own,
    perhaps) it names a call that finishes it."""

    def goal(self, prompt: tuple[int, ...], stage: int) -> Hashable: ...
    def left(self, goal: Hashable, kept: Hashable) -> Hashable: ...  # of the goal, now that the memory keeps this
    def decide(self, goal: Hashable, machine: Hashable, kept: Hashable) -> Call: ...


@dataclass(frozen=True)
class Sight:
    """React's state: what it sees now. There is no plan in it."""

    goal: Hashable  # as the rule read it
    machine: Hashable  # as the executor believes it to be
    kept: Hashable  # by the memory


@dataclass(frozen=True)
class Reaction:
    """What a world's react is made of."""

    rule: Rule
    memory: Memory
    executor: Executor


class React:
    """The loop. It is a script (see `script.Script`)."""

    def __init__(self, reaction: Reaction) -> None:
        self.rule, self.memory, self.executor = reaction.rule, reaction.memory, reaction.executor

    def begin(self, prompt: tuple[int, ...], stage: int) -> Sight:
        goal = self.rule.goal(prompt, stage)
        return Sight(goal, self.executor.start(goal), self.memory.empty(goal))

    def write(self, state: Sight) -> int:
        call = self.rule.decide(state.goal, state.machine, state.kept)
        return self.executor.write(state.machine, call, Look(self.memory, state.kept, frozenset(call.needs)))

    def read(self, state: Sight, token: int) -> Sight:
        machine, event = self.executor.read(state.machine, token)
        kept = self.memory.store(state.kept, event, ()) if event else state.kept
        goal = self.rule.left(state.goal, kept)
        return Sight(goal, machine, kept if goal == state.goal else self.memory.empty(goal))  # the goal holds it now


RULES: Registry[Callable[[World], Reaction]] = Registry(
    "rule for react",
    "inwit.react_rules",
    {
        "tutorial-v0": Entry("inwit.scripts.tutorial:reaction_v0", "the formula from left to right"),
        "tutorial-v1": Entry("inwit.scripts.tutorial:reaction_v1", "the formula from left to right"),
        "calculator-v0": Entry("inwit.scripts.calculator.rule:reaction", "the first sub-expression that can be done"),
        "lookup-v0": Entry("inwit.scripts.lookup:reaction", "the first call whose arguments it sees; both branches"),
    },
)


def make(world: World, *, rule: Rule | None = None) -> React:
    """The react of a world, from its documented settings; a rule that is given replaces the world's own.

    Raises `UserError` for a world without a rule."""
    if rule is not None:
        check_part("rule", rule, Rule)
    if world.id not in RULES.names():
        raise UserError(
            f"react knows {', '.join(RULES.names())} and not {world.id}: "
            "register a rule for it, as docs/extending.md says"
        )
    own = RULES.load(world.id)(world)
    return React(own if rule is None else Reaction(rule, own.memory, own.executor))
