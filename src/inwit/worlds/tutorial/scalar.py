"""The tutorial worlds for one episode in plain Python: the rules as one reads them.

These twins explain and play single episodes, and the tests compare the batched worlds with them. Which register a token
changes never depends on values. So an operand may also be a NumPy column of values: one episode then runs one program
on every problem of a stage, which is how the oracle counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Self

import numpy as np

from inwit.core.results import Json, Task
from inwit.worlds.machine import register_numbers
from inwit.worlds.tutorial.rules import (
    ADD,
    ANS,
    IDLE,
    MAX_OPERANDS,
    MUL,
    RCL,
    STO,
    SUB,
    TASK_FIELDS,
    VOCABULARY,
    TutorialSettings,
    TutorialV0Settings,
    num_operands,
    parse_task,
)

Value = int | np.ndarray  # of one problem, or of all problems of a stage


class _ScalarTutorial:
    """One episode: `legal()`, `step(token)` and `state()` until `terminated` or `truncated`."""

    id: str
    hidden: bool
    extra_outcomes: tuple[str, ...] = ()
    acc: Any = None
    vocabulary = VOCABULARY
    task_fields = TASK_FIELDS
    Settings: type[TutorialSettings] = TutorialSettings

    def __init__(self, settings: TutorialSettings, stage: int, operands: Sequence[Value]) -> None:
        self.settings, self.stage, self.operands = settings, stage, operands
        self.steps = 0
        self.terminated = self.truncated = False
        self.reward: Any = 0.0
        self.success: Any = False
        self.extra: dict[str, Any] = dict.fromkeys(self.extra_outcomes, False)
        self.counts: dict[str, int] = {}

    @classmethod
    def from_task(cls, settings: TutorialSettings, task: Task) -> Self:
        """The episode of a task such as `{"stage": 0, "operands": [3, 4, 5]}`; raises `UserError` for one that does
        not fit."""
        return cls(settings, *parse_task(task, cls.id, hidden=cls.hidden))

    @classmethod
    def on_all_problems(cls, settings: TutorialSettings, stage: int) -> Self:
        """One episode on every problem of a stage at once: each operand is a column of all its values."""
        count = num_operands(stage, hidden=cls.hidden)
        return cls(settings, stage, list(np.indices((10,) * count).reshape(count, -1)))

    def task_dict(self) -> Task:
        """The task as `from_task` reads it."""
        return {"stage": self.stage, "operands": list(self.operands)}

    @property
    def ended(self) -> bool:
        return self.terminated or self.truncated

    def forced(self) -> int:
        """-1: the policy chooses every token."""
        return -1

    def step(self, token: int) -> None:
        """Carry out one token. The episode must not have ended."""
        self.steps += 1
        self.terminated = self._execute(token)
        self.truncated = not self.terminated and self.steps >= self.settings.max_steps

    def _shown(self, registers: list[float]) -> list[float]:
        """The machine of one episode as numbers, as the batched world shows it."""
        operands = [float(digit) / 9 for digit in self.operands] + [0.0] * (MAX_OPERANDS - len(self.operands))
        return [*registers, *operands, self.steps / self.settings.max_steps]

    def _execute(self, token: int) -> bool:
        """The effect of a token; True if it ends the episode."""
        raise NotImplementedError


class ScalarTutorialV0(_ScalarTutorial):
    """The published rules, quirks included: five operands always exist, the flag stores no value."""

    id = "tutorial-v0"
    Settings = TutorialV0Settings
    hidden = True
    extra_outcomes = ("paid_success",)
    mem = False

    def legal(self) -> list[int]:
        """The legal tokens: all of them, always."""
        return list(range(len(VOCABULARY)))

    def state(self) -> Json:
        """The machine as a person reads it; an empty register is None."""
        return {"acc": self.acc, "mem": self.mem}

    def machine(self) -> list[float]:
        return self._shown([*register_numbers(self.acc), float(self.mem)])

    def _execute(self, token: int) -> bool:
        a, b, c, d, e = self.operands
        if token == MUL:
            self.acc = a * b if self.acc is None else self.acc * (1 if self.stage == 0 else d)
        elif token == ADD and self.acc is not None:
            self.acc = self.acc + c
        elif token == SUB and self.acc is not None:
            self.acc = self.acc - (0, d, e if self.mem else d)[self.stage]
        elif token == STO:
            self.mem = True
        elif token == RCL and self.mem:
            unchanged = 0 if self.acc is None else self.acc
            self.acc = d * e if self.stage == 2 else unchanged
        elif token == ANS:
            self._answer()
            return True
        return False

    def _answer(self) -> None:
        a, b, c, d, e = self.operands
        g0, g1, g2, g3, g4 = a * b, a * b + c, a * b + c - d, d * e, a * b + c - d * e
        stated = (g1, g2, g4)[self.stage]
        paid = (g0, g1, g2)[self.stage]  # the goal one step before the stated one
        near = (
            ((0.25, g0), (0.5, g1)),
            ((0.25, g0), (0.5, g1), (0.75, g2)),
            ((0.2, g0), (0.4, g1), (0.6, g4), (0.6, g3)),
        )[self.stage]
        self.reward = (self.acc == paid) + 0.2 * sum(share * (self.acc == goal) for share, goal in near)
        self.success = self.acc == stated
        self.extra = {"paid_success": self.acc == paid}


class ScalarTutorialV1(_ScalarTutorial):
    """The repaired rules: tools compute, memory stores, success is the stated goal."""

    id = "tutorial-v1"
    hidden = False
    mem: Any = None
    held: Any = None
    cursor = 0

    def legal(self) -> list[int]:
        """The legal tokens, ids ascending."""
        unread, full = len(self.operands) - self.cursor, self.acc is not None
        tokens = list(IDLE[: self.settings.idle])
        if (not full and unread >= 2) or (full and (self.held is not None or unread >= 1)):
            tokens += [MUL, ADD, SUB]
        if full:
            tokens.append(ANS)
        if full and self.held is None:
            tokens.append(STO)
        if self.mem is not None:
            tokens.append(RCL)
        return sorted(tokens)

    def state(self) -> Json:
        """The machine as a person reads it; an empty register is None."""
        return {"acc": self.acc, "mem": self.mem, "held": self.held, "cursor": self.cursor}

    def machine(self) -> list[float]:
        registers = [number for value in (self.acc, self.mem, self.held) for number in register_numbers(value)]
        return self._shown([*registers, self.cursor / MAX_OPERANDS])

    def _execute(self, token: int) -> bool:
        if token not in self.legal():
            return False
        if token in (MUL, ADD, SUB):
            left = self._next_operand() if self.acc is None else self.acc
            right, self.held = (self._next_operand() if self.held is None else self.held), None
            self.acc = {MUL: left * right, ADD: left + right, SUB: left - right}[token]
        elif token == STO:
            self.mem, self.acc = self.acc, None
        elif token == RCL:
            self.held, self.acc, self.mem = self.acc, self.mem, None
        elif token == ANS:
            self.success = self.acc == self._goal()
            self.reward = self.success * 1.0
            return True
        return False

    def _goal(self) -> Value:
        a, b, c, *rest = self.operands
        return a * b + c - (prod(rest) if rest else 0)

    def _next_operand(self) -> Value:
        self.cursor += 1
        return self.operands[self.cursor - 1]
