"""calculator-v0 in tensors. The settings are in `rules`, the rules as one reads them in `scalar`.

A register holds 1 + 3 balanced residues ("lanes"): its value on the row's digits, then at the points of the identity
test.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.capabilities import Exam
from inwit.core.errors import UserError
from inwit.core.types import Lessons, State, Step, Tasks
from inwit.worlds.calculator import registers
from inwit.worlds.calculator.causal import CausalCalculator
from inwit.worlds.calculator.exam import CalculatorExam
from inwit.worlds.calculator.expressions import LETTERS
from inwit.worlds.calculator.noisy_exam import NoisyExam
from inwit.worlds.calculator.rules import (
    FIRST_OPERAND,
    FIRST_SLOT,
    NUM_POINTS,
    PAD,
    STEPS_PER_OPERAND,
    CalculatorSettings,
)
from inwit.worlds.calculator.tables import EMPTY, FULL, Control, Polynomials, control, polynomials
from inwit.worlds.calculator.thrift import Thrift
from inwit.worlds.calculator.tools import Tool, balanced
from inwit.worlds.machine import register_columns, register_names

LANES = 1 + NUM_POINTS
NOTHING = -2  # what `registers` says of an empty register

Row = Int[Tensor, " B"]
Flag = Bool[Tensor, " B"]
Lanes = Int[Tensor, "B 4"]


class CalculatorV0(CausalCalculator):
    """The batched world, with C = L + num_slots cells and M = N - 1 operators at most.

    State: `acc` Int[B, 4] (0 while empty) and `mode` Int[B] (see `tables`); `cells` Int[B, C, 4], the
    letters' values and then the slots'; `readable` Bool[B, V], the letters present and the slots filled; `goal`
    Int[B, 4]; `steps` and `limit` Int[B]; `ended` Bool[B]. With milestones also `parts` Int[B, M, 3], the values of the
    sub-expressions, `missing` Bool[B, M], those not yet reached, and `operators` Int[B], their number. With ticks also
    `ticks` Int[B], those written; `steps` counts the other tokens.

    Where a tool is not polynomial identity is undefined (`identity_defined` is False). `success` is then by value, and
    there is neither `identity_success` nor `achieved`.
    """

    def __init__(self, settings: CalculatorSettings) -> None:
        super().__init__(settings)
        self.machine_registers = registers.registers_of(settings)
        names = register_names(["accumulator", *(f"m{slot}" for slot in range(settings.num_slots))])
        pending = [f"{verb} pending" for verb in settings.verbs]
        operands = [f"operand {place}" for place in range(self.num_operands)]
        spent = ["budget spent", "ticks spent"] if settings.ticks else ["budget spent"]
        self.machine_names = [*names, *pending, *operands, *spent]
        self._controls: dict[torch.device, Control] = {}
        self._polynomials: dict[torch.device, tuple[Polynomials, Int[Tensor, "K S"]]] = {}

    def exam(self) -> Exam:
        """One run of each expression; among noise, many. A world without identity does not declare this capability."""
        return NoisyExam(self) if self.settings.noise else CalculatorExam(self)

    def reset(self, tasks: Tasks) -> State:
        letters, device = tasks.data["letters"], tasks.kind.device
        kinds, exists = self._kinds_on(device), letters >= 0
        rows, num_letters = len(tasks), self.settings.num_letters
        values = self._operand_values(tasks)
        results = self._results(tasks.kind, values)

        # Absent operands go to a cell of their own, which is cut off.
        place = torch.where(exists, letters, num_letters)[:, :, None].expand_as(values)
        cells = values.new_zeros(rows, num_letters + 1, LANES).scatter(1, place, values)[:, :num_letters]
        slots = values.new_zeros(rows, self.settings.num_slots, LANES)
        readable = torch.zeros(rows, len(self.vocabulary), dtype=torch.bool, device=device)
        operators, most = kinds.num_operators[tasks.kind], self.settings.max_steps
        state = {
            "acc": torch.zeros_like(values[:, 0]),
            "mode": torch.full_like(tasks.kind, EMPTY),
            "cells": torch.cat([cells, slots], 1),
            "readable": readable.scatter(1, torch.where(exists, FIRST_OPERAND + letters, PAD), exists),
            "goal": results[:, -1],
            "steps": torch.zeros_like(tasks.kind),
            "limit": torch.full_like(operators, most) if most else STEPS_PER_OPERAND * (operators + 1),
            "ended": torch.zeros_like(tasks.kind, dtype=torch.bool),
        }
        if self.settings.milestones:
            missing = torch.arange(self.num_operands - 1, device=device) < operators[:, None]
            state |= {"parts": results[:, :, 1:], "missing": missing, "operators": operators}
        if self.settings.ticks:
            state["ticks"] = torch.zeros_like(tasks.kind)
        return state

    def legal(self, state: State) -> Bool[Tensor, "B V"]:
        tables, mode = self._control_on(state["mode"].device), state["mode"]
        legal = tables.legal.index_select(0, mode) | (tables.reads.index_select(0, mode) & state["readable"])
        if self.settings.ticks:
            legal[:, self.think] &= state["ticks"] < self.settings.ticks
        return legal

    def forced(self, state: State) -> Row:
        """PAD for a row that has ended, -1 (the policy chooses) for every other."""
        return torch.where(state["ended"], PAD, -1)

    def step(self, state: State, token: Row) -> tuple[State, Step]:
        tables, mode, acc, live = self._control_on(token.device), state["mode"], state["acc"], ~state["ended"]
        code, column = mode * len(self.vocabulary) + token, token[:, None]
        known = state["readable"].gather(1, column)[:, 0]
        allowed = (tables.legal.take(code) | (tables.reads.take(code) & known)) & live
        if self.settings.ticks:
            allowed &= (token != self.think) | (state["ticks"] < self.settings.ticks)
        thought = allowed & (token == self.think) if self.settings.ticks else None
        effect = tables.effect.take(code) * allowed

        cells, place = state["cells"], tables.cell.take(token)
        value = _pick(cells, place)
        after_acc = _carry_out(self._called, effect, acc, value)
        answered = effect == tables.ans
        spent = live if thought is None else live & ~thought
        steps = state["steps"] + spent
        truncated = live & ~answered & (steps >= state["limit"])
        after = state | {
            "acc": after_acc,
            "mode": torch.where(allowed, tables.following.take(code), mode),
            "steps": steps,
            "ended": state["ended"] | answered | truncated,
        }
        if self.settings.num_slots:
            stored = effect == tables.sto
            kept = torch.where(stored[:, None], acc, value)[:, None]
            after["cells"] = cells.scatter(1, place[:, None, None].expand_as(kept), kept)
            after["readable"] = state["readable"].scatter(1, column, (known | stored)[:, None])
        step = self._judge(state, answered, truncated, spent)
        if thought is not None:
            after["ticks"] = state["ticks"] + thought
            step.reward.sub_(self.settings.tick_price * thought.double())
            step.counts["ticks"] = thought.long()
        if self.settings.milestones:
            called = (effect > 0) & ~answered
            after["missing"], bonus = self._milestones(state, after_acc, called)
            step.reward.add_(bonus)
        return after, step

    def machine(self, tasks: Tasks, state: State) -> Float[Tensor, "B M"]:
        """The machine as numbers, named by `machine_names`, on the rows' digits."""
        slots = range(self.settings.num_slots)
        filled = [state["readable"][:, FIRST_SLOT + slot] for slot in slots]
        values = [state["cells"][:, self.settings.num_letters + slot, 0] for slot in slots]
        registers = [(state["mode"] % 2 == FULL, state["acc"][:, 0]), *zip(filled, values, strict=True)]
        columns = [column for full, value in registers for column in register_columns(full, value)]
        pending = [state["mode"] // 2 == verb for verb in range(1, len(self.settings.verbs) + 1)]
        operands = (tasks.data["operands"] / 9).unbind(1)
        spent = [state["steps"] / state["limit"]]
        if self.settings.ticks:
            spent.append(state["ticks"] / self.settings.ticks)
        return torch.stack([*columns, *pending, *operands, *spent], 1).float()

    def read_registers(self, state: State) -> tuple[Int[Tensor, "B R"], Bool[Tensor, "B R"]]:
        return registers.read(self.settings, self._control_on(state["mode"].device), state)

    def write_registers(self, state: State, values: Int[Tensor, "B R"], present: Bool[Tensor, "B R"]) -> State:
        return registers.write(self.settings, self._control_on(state["mode"].device), state, values, present)

    def achieved(self, state: State) -> Row:
        """The class whose polynomial the accumulator holds; -1 for none, while it is empty or while a verb is pending.

        Higher numbers are polynomials that are only parts of expressions (`Lessons.parts`). Raises `UserError` where
        identity is undefined.
        """
        if not self.identity_defined:
            tools = ", ".join(self.settings.tools)
            raise UserError(f"{self.id} has no classes with the tools {tools}: not all are polynomial")
        found = self._polynomials_on(state["acc"].device)[0].find(state["acc"][:, 1:])
        return torch.where(state["mode"] == FULL, found, -1)

    def registers(self, state: State) -> Int[Tensor, "B R"]:
        """The number of the pending verb, 0 for none, and of the polynomial in each register: as `achieved` numbers
        them, with the operands a, b, c, ... after them; -1 for one that has no number, -2 where nothing is held."""
        slots = range(self.settings.num_slots)
        held = [(state["acc"], state["mode"] % 2 != EMPTY)]
        held += [
            (state["cells"][:, self.settings.num_letters + slot], state["readable"][:, FIRST_SLOT + slot])
            for slot in slots
        ]
        numbers = [torch.where(filled, self._number(lanes[:, 1:]), NOTHING) for lanes, filled in held]
        return torch.stack([state["mode"] // 2, *numbers], 1)

    def _number(self, lanes: Int[Tensor, "B 3"]) -> Int[Tensor, " B"]:
        known, points = self._polynomials_on(lanes.device)[0], self._kinds_on(lanes.device).points
        operand = (lanes[:, None] == points).all(2)
        number = len(known) + operand.long().argmax(1)
        return torch.where(operand.any(1), number, known.find(lanes))

    def lessons(self, device: torch.device | str = "cpu") -> Lessons:
        """What hindsight needs to know: each kind's class and parts, and what its programs may name. No programs."""
        kinds, (known, parts) = self._kinds_on(torch.device(device)), self._polynomials_on(torch.device(device))
        argument = torch.full((len(self.vocabulary),), -1, device=device)
        place = torch.arange(len(LETTERS), device=device)
        argument[FIRST_OPERAND + place] = place.clamp(max=self.num_operands)
        may_teach = torch.ones(len(self.kinds), dtype=torch.bool, device=device)
        may_teach[list(self.kinds.held_out)] = False
        budgets = [self.settings.budget(operators + 1) for operators in self.kinds.stages]
        return Lessons(
            class_of=kinds.classes,
            parts=parts,
            num_polynomials=len(known),
            num_operands=kinds.num_operators + 1,
            argument=argument,
            may_teach=may_teach,
            budget=torch.tensor(budgets, device=device),
            answer=self.answer,
            idle=self.think,
            without_idle={"ticks": 0, "tick_price": 0.0},
            pad=PAD,
        )

    def thrift(self, state: State) -> Thrift:
        """Which tokens waste nothing, for programs that start in this state."""
        return Thrift(self.settings, self.vocabulary, state)

    def _judge(self, state: State, answered: Flag, truncated: Flag, spent: Flag) -> Step:
        """All readings of success, and the reward in float64. `spent`: the token counts against the budget."""
        value, *points = (state["acc"] == state["goal"]).unbind(1)
        value, identity = value & answered, points[0] & points[1] & points[2] & answered
        success = identity if self.identity_defined else value
        reward = (value if self.settings.reward == "value" else success).double()
        if self.settings.step_cost:
            reward -= self.settings.step_cost * spent.double()
        extra = dict(zip(self.extra_outcomes, (value, identity), strict=False))
        return Step(reward, answered, truncated, success, extra)

    def _milestones(self, state: State, acc: Lanes, called: Flag) -> tuple[Bool[Tensor, "B M"], Float[Tensor, " B"]]:
        """The sub-expressions still missing after a call, and what reaching the others pays.

        A slot only ever holds what the accumulator held before, so the accumulator alone is looked at.
        """
        holds = (state["parts"] == acc[:, None, 1:]).all(2) & called[:, None]
        reached = (holds & state["missing"]).sum(1)
        return state["missing"] & ~holds, reached.double() * self.settings.milestones / state["operators"]

    def _operand_values(self, tasks: Tasks) -> Int[Tensor, "B N 4"]:
        digits = tasks.data["operands"][:, :, None]
        points = self._kinds_on(tasks.kind.device).points
        return torch.cat([digits, points.expand(len(tasks), -1, -1)], 2)

    def _results(self, kinds: Row, operands: Int[Tensor, "B N 4"]) -> Int[Tensor, "B M 4"]:
        """The value of every sub-expression; the last is the expression's."""
        registers = operands
        columns = (table[kinds].unbind(1) for table in self._kinds_on(kinds.device).operations)
        for tool, left, right in zip(*columns, strict=True):
            sides = torch.stack([left, right], 1)[:, :, None].expand(-1, -1, LANES)
            a, b = registers.gather(1, sides).unbind(1)
            # The numbering of effects: 1 takes the value as it is, which copies; tools follow.
            result = _carry_out(self._tools, tool + 1, a, b)
            registers = torch.cat([registers, result[:, None]], 1)
        return registers[:, operands.shape[1] :]

    def _control_on(self, device: torch.device) -> Control:
        if device not in self._controls:
            self._controls[device] = control(self.settings, device)
        return self._controls[device]

    def _polynomials_on(self, device: torch.device) -> tuple[Polynomials, Int[Tensor, "K S"]]:
        if device not in self._polynomials:
            tasks = self.greedy_tasks(device)
            results = self._results(tasks.kind, self._operand_values(tasks))
            self._polynomials[device] = polynomials(self._kinds_on(device), results[:, :, 1:])
        return self._polynomials[device]


def _carry_out(tools: Sequence[Tool], effect: Row, acc: Lanes, value: Lanes) -> Lanes:
    """The accumulator after a call: effect 1 loads the value, the tools follow."""
    effect = effect[:, None]
    result = torch.where(effect == 1, value, acc)
    for number, tool in enumerate(tools, 2):
        result = torch.where(effect == number, tool.apply(acc, value), result)
    return balanced(result)


def _pick(cells: Int[Tensor, "B C 4"], place: Row) -> Lanes:
    """One cell of each row: whole cells are copied, which is faster than `gather`."""
    rows, count = cells.shape[:2]
    first = torch.arange(0, rows * count, count, device=place.device)
    return cells.reshape(rows * count, LANES).index_select(0, first + place)
