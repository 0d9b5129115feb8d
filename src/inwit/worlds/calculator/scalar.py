"""calculator-v0 for one episode in plain Python: the rules as one reads them.

It plays any expression of 2 to 10 operands, also one that is too large for the batched world.
"""

from __future__ import annotations

from typing import Self

from inwit.core.results import Json, Task
from inwit.worlds.calculator.expressions import Tree, tool_of, write
from inwit.worlds.calculator.rules import (
    ID,
    IDENTITY_POINTS,
    TASK_FIELDS,
    THINK,
    CalculatorSettings,
    Problem,
    parse_task,
)
from inwit.worlds.calculator.tools import TOOLS, Tool, balanced, called
from inwit.worlds.machine import register_numbers

Lanes = tuple[int, ...]  # a register: its value on the episode's digits, then at each of the identity test's points


class ScalarCalculator:
    """One episode: `legal()`, `step(token)` and `state()` until `terminated` or `truncated`.

    `reward` is what the episode has earned so far; with the default settings that is 0 until ANS.
    """

    id = ID
    Settings = CalculatorSettings
    task_fields = TASK_FIELDS
    vocabulary = CalculatorSettings().vocabulary  # with the default tools

    def __init__(self, settings: CalculatorSettings, problem: Problem) -> None:
        self.settings = settings  # the number of slots is the problem's
        self.vocabulary = settings.vocabulary
        self._ids = {name: index for index, name in enumerate(self.vocabulary.names)}
        self.problem = problem
        self.operands = problem.operands
        self.stage = len(problem.letters) - 1
        self.max_steps = settings.budget(len(problem.letters))
        self.steps = 0
        self.reward = 0.0
        self.terminated = self.truncated = self.success = False
        self.extra: dict[str, bool] = dict.fromkeys(settings.extra_outcomes, False)
        self.counts: dict[str, int] = {"ticks": 0} if settings.ticks else {}

        points = zip(*IDENTITY_POINTS, strict=True)
        values = [(digit, *point) for digit, point in zip(problem.operands, points, strict=False)]
        self._cells: dict[str, Lanes | None] = dict(zip(problem.letters, values, strict=True))
        self._slots = [f"m{slot}" for slot in range(problem.num_slots)]
        self._cells |= dict.fromkeys(self._slots)
        self._acc: Lanes | None = None
        self._pending: str | None = None
        self._parts: list[Lanes] = []  # the values of the sub-expressions, the whole one last
        self._goal = self._evaluate(problem.tree, values)
        self._reached: set[int] = set()

    @classmethod
    def from_task(cls, settings: CalculatorSettings, task: Task) -> Self:
        """The episode of a task such as `{"expression": "(a*b)-(c*d)", "operands": [3, 5, 2, 7], "num_slots": 1}`;
        `num_slots` may be left to the settings. Raises `UserError` for one that does not fit."""
        return cls(settings, parse_task(settings, task))

    def task_dict(self) -> Task:
        """The task as `from_task` reads it."""
        problem = self.problem
        expression = write(problem.tree, problem.letters)
        return {"expression": expression, "operands": list(problem.operands), "num_slots": problem.num_slots}

    @property
    def ended(self) -> bool:
        return self.terminated or self.truncated

    def legal(self) -> list[int]:
        """The tokens that have their effect now, ids ascending."""
        return sorted(self._ids[name] for name in self._legal_names())

    def state(self) -> Json:
        """The machine as a person reads it, on the episode's digits; an empty register is None."""
        slots = [self._cells[slot] for slot in self._slots]
        return {
            "accumulator": None if self._acc is None else self._acc[0],
            "slots": [None if slot is None else slot[0] for slot in slots],
            "pending": self._pending,
            **self.counts,
        }

    def machine(self) -> list[float]:
        """The machine as numbers, as the batched world shows it."""
        state = self.state()
        registers = [n for value in (state["accumulator"], *state["slots"]) for n in register_numbers(value)]
        pending = [float(verb == self._pending) for verb in self.settings.verbs]
        operands = [digit / 9 for digit in self.operands]
        absent = [0.0] * (self.settings.max_operators + 1 - len(operands))
        ticks = [number / self.settings.ticks for number in self.counts.values()]
        return [*registers, *pending, *operands, *absent, self._spent / self.max_steps, *ticks]

    def forced(self) -> int:
        """-1: the policy chooses every token."""
        return -1

    def step(self, token: int) -> None:
        """Carry out one token. The episode must not have ended."""
        self.steps += 1
        name = self.vocabulary.names[token]
        legal = name in self._legal_names()
        if legal and name == THINK:
            self.counts["ticks"] += 1
            self.reward -= self.settings.tick_price
            return
        self.reward -= self.settings.step_cost
        if legal:
            self._execute(name)
        self.truncated = not self.terminated and self._spent >= self.max_steps

    @property
    def _spent(self) -> int:
        """The tokens that count against the budget: all but ticks."""
        return self.steps - self.counts.get("ticks", 0)

    def _legal_names(self) -> list[str]:
        if self._pending == "STO":
            return self._slots
        if self._pending is not None:
            return [name for name, value in self._cells.items() if value is not None]
        think = [THINK] * (self.counts.get("ticks", 0) < self.settings.ticks)
        if self._acc is None:
            return ["LOAD", *think]
        return ["LOAD", *self.settings.tools, "ANS", *(["STO"] if self._slots else []), *think]

    def _execute(self, name: str) -> None:
        """The effect of a legal token."""
        if name == "ANS":
            self._answer()
        elif self._pending is None:
            self._pending = name
        else:
            self._call(self._pending, name)
            self._pending = None

    def _call(self, verb: str, argument: str) -> None:
        value = self._cells[argument]
        if verb == "STO":
            self._cells[argument] = value if self._acc is None else self._acc
        elif verb == "LOAD":
            self._acc = value
        elif self._acc is not None and value is not None:
            self._acc = _apply(called(verb, verb in self.settings.crossed), self._acc, value)
        if self.settings.milestones:
            self._pay_milestones()

    def _pay_milestones(self) -> None:
        """A slot only ever holds what the accumulator held before, so the accumulator alone is looked at."""
        for index, part in enumerate(self._parts):
            if index not in self._reached and self._acc is not None and self._acc[1:] == part[1:]:
                self._reached.add(index)
                self.reward += self.settings.milestones / len(self._parts)

    def _answer(self) -> None:
        self.terminated = True
        assert self._acc is not None  # ANS is legal only then
        value, identity = self._acc[0] == self._goal[0], self._acc[1:] == self._goal[1:]
        self.extra = dict(zip(self.settings.extra_outcomes, (value, identity), strict=False))
        self.success = identity if self.settings.identity_defined else value
        self.reward += value if self.settings.reward == "value" else self.success

    def _evaluate(self, tree: Tree, values: list[Lanes]) -> Lanes:
        if isinstance(tree, int):
            return values[tree]
        left, right = self._evaluate(tree[1], values), self._evaluate(tree[2], values)
        tool = tool_of(tree[0], [TOOLS[name] for name in self.settings.tools])
        self._parts.append(_apply(tool, left, right))
        return self._parts[-1]


def _apply(tool: Tool, left: Lanes, right: Lanes) -> Lanes:
    return tuple(balanced(tool.apply(a, b)) for a, b in zip(left, right, strict=True))
