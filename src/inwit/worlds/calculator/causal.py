"""What experiments ask of calculator-v0: which call each operator decides, the same task with another operator, and how
far a state is from a right end. What the registers hold is in `tensors`, beside the table of polynomials.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.capabilities import FAR
from inwit.core.errors import UserError, unknown
from inwit.core.types import State, Tasks
from inwit.worlds.calculator.rules import FIRST_SLOT, CalculatorSettings
from inwit.worlds.calculator.tables import FULL
from inwit.worlds.calculator.tasks import CalculatorTasks
from inwit.worlds.oracle.way import NEVER, Machines, fewest_calls
from inwit.worlds.oracle.way_ends import undoable


class CausalCalculator(CalculatorTasks):
    """The capability `causal`, where identity is defined and calls can be undone. Variable k, "call k", is the k-th
    operator of the expression in the order of evaluation: operands before their operator, left before right."""

    def __init__(self, settings: CalculatorSettings) -> None:
        super().__init__(settings)
        if self.identity_defined and undoable(settings.called):
            self.capabilities |= {"causal"}
        self.variables = tuple(f"call {place}" for place in range(1, settings.max_operators + 1))
        self.register_names = ("pending", "accumulator", *(f"m{slot}" for slot in range(settings.num_slots)))
        self._exchanged: dict[torch.device, Int[Tensor, "K N S"]] = {}

    def has(self, tasks: Tasks) -> Bool[Tensor, "B N"]:
        """Which operators the expressions have."""
        place = torch.arange(len(self.variables), device=tasks.kind.device)
        return place < self.stage(tasks)[:, None]

    def exchange(self, base: Tasks, donor: Tasks, name: str, source: str | None = None) -> Tasks:
        """Each expression of `base` with one operator exchanged, on its own letters and digits. Raises `UserError` for
        an unknown variable, or where an expression lacks it."""
        places = [self._place(variable, tasks) for variable, tasks in ((name, base), (source or name, donor))]
        tools = self._kinds_on(base.kind.device).operations[0]
        tool = tools[donor.kind, places[1]] - 1
        return Tasks(self._exchanged_on(base.kind.device)[base.kind, places[0], tool], base.data)

    def to_go(self, tasks: Tasks, state: State, most: int | Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """The fewest tokens to a right end: of up to `most`, and within the row's budget. Exact: every program is
        searched. Time grows about tenfold with each two tokens of `most`, so a limit for each row saves much."""
        device, rows = state["mode"].device, len(tasks)
        verb, full = state["mode"] // 2, state["mode"] % 2 == FULL
        vain = ((verb > 1) & ~full).long()  # a tool beside an empty accumulator, as a person may put it there
        pending = ((verb > 0) & ~vain.bool()).long()
        within = torch.as_tensor(most, device=device).expand(rows).minimum(state["limit"] - state["steps"]) - vain
        # A call is two tokens, a pending one is one, and the answer is one.
        calls = ((within - 1 + pending) // 2).clamp(min=0).masked_fill(state["ended"], 0)
        first = torch.where(full, verb, 1)
        found = torch.full((rows,), NEVER, device=device)
        for operators in self.stage(tasks).unique().tolist():
            asked = ((self.stage(tasks) == operators) & ~state["ended"]).nonzero()[:, 0]
            found[asked] = self._calls(state, asked, operators, first, calls)
        tokens = torch.where(found == NEVER, FAR, 2 * found + 1 - pending)
        return (tokens + vain).masked_fill(tokens > within, FAR).masked_fill(state["ended"], 0)

    def _calls(
        self, state: State, rows: Int[Tensor, " N"], operators: int, first: Int[Tensor, " B"], most: Int[Tensor, " B"]
    ) -> Int[Tensor, " N"]:
        """The search on some rows, all with expressions of as many operators."""
        filled = state["readable"][rows, FIRST_SLOT : FIRST_SLOT + self.settings.num_slots]
        machines = Machines(
            acc=_array(state["acc"][rows, 1:].T),
            slots=_array(state["cells"][rows, self.settings.num_letters :, 1:].permute(1, 2, 0)),
            filled=_array(filled.T),
            first=_array(first[rows]),
        )
        points = _array(self._kinds_on(rows.device).points[: operators + 1].T)
        goals, limits = _array(state["goal"][rows, 1:].T), _array(most[rows])
        return torch.from_numpy(fewest_calls(points, self.settings.called, machines, goals, limits)).to(rows.device)

    def _place(self, variable: str, tasks: Tasks) -> int:
        """The place of a variable that all of the tasks have."""
        if variable not in self.variables:
            raise unknown("variable", variable, self.variables)
        place = self.variables.index(variable)
        without = (~self.has(tasks)[:, place]).nonzero()
        if len(without):
            name = self.kinds.names[int(tasks.kind[int(without[0])])]
            raise UserError(f"{name} has no {variable}: ask `has` which expressions have it")
        return place

    def _exchanged_on(self, device: torch.device) -> Int[Tensor, "K N S"]:
        """Each kind with each of its operators exchanged for each tool: another kind; -1 for an operator it lacks."""
        if device not in self._exchanged:
            operations = self._kinds_on(torch.device("cpu")).operations.permute(1, 2, 0)
            index = {_bytes(each): kind for kind, each in enumerate(operations)}
            table = torch.full((len(index), len(self.variables), len(self.settings.tools)), -1)
            for kind, operators in enumerate(self.kinds.stages):
                for place in range(operators):
                    for tool in range(table.shape[2]):
                        changed = operations[kind].clone()
                        changed[place, 0] = 1 + tool
                        table[kind, place, tool] = index[_bytes(changed)]
            self._exchanged[device] = table.to(device)
        return self._exchanged[device]


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.cpu().numpy())


def _bytes(operations: Int[Tensor, "N 3"]) -> bytes:
    return operations.numpy().tobytes()
