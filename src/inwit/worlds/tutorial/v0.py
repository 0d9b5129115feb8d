"""tutorial-v0: the published rules in tensors, quirks included, so that the published system can be measured as it is.

The rules pay for the goal one step before the stated one, STO stores no value and RCL makes d*e out of nothing.
`success` is the stated goal, `paid_success` the one that is paid for.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.types import State, Step, Tasks
from inwit.worlds.machine import register_columns, register_names
from inwit.worlds.tutorial.registers import RegistersV0
from inwit.worlds.tutorial.rules import ADD, ANS, MUL, RCL, STO, SUB, TAIL, VOCABULARY, TutorialV0Settings
from inwit.worlds.tutorial.tensors import TutorialWorld

# Per stage, the share of `near` that an answer equal to g0, g1, g2, g3, g4 earns.
NEAR = ((0.25, 0.5, 0.0, 0.0, 0.0), (0.25, 0.5, 0.75, 0.0, 0.0), (0.2, 0.4, 0.0, 0.6, 0.6))
STATED = (1, 2, 4)  # which of g0..g4 a stage asks for
PAID = (0, 1, 2)  # and which one it pays for


class TutorialV0(RegistersV0, TutorialWorld):
    """The published world. State: acc, acc_full, mem (a flag), steps, ended, and the task's operands, stage and
    goals."""

    id = "tutorial-v0"
    Settings = TutorialV0Settings
    hidden = True
    extra_outcomes: tuple[str, ...] = ("paid_success",)
    known_limit = "these rules pay for another goal than they state, and no program reaches the stated one in stage 2"

    machine_names = (*register_names(["acc"]), "mem", *TAIL)

    def __init__(self, settings: TutorialV0Settings) -> None:
        super().__init__(settings)
        self._tables: dict[torch.device, tuple[Tensor, Tensor, Tensor]] = {}

    def reset(self, tasks: Tasks) -> State:
        a, b, c, d, e = operands = tasks.data["operands"].unbind(1)
        zero, no = torch.zeros_like(a), torch.zeros_like(a, dtype=torch.bool)
        g0, g1, g3 = a * b, a * b + c, d * e
        goals = torch.stack([g0, g1, g1 - d, g3, g1 - g3], 1)
        near, stated, paid = (table[tasks.kind] for table in self._tables_on(a.device))
        return {
            **dict(zip("abcde", operands, strict=True)),
            "stage": tasks.kind,
            "goals": goals,
            "near": near,
            "stated": goals.gather(1, stated[:, None])[:, 0],
            "paid": goals.gather(1, paid[:, None])[:, 0],
            "acc": zero,
            "acc_full": no,
            "mem": no,
            "steps": zero,
            "ended": no,
        }

    def legal(self, state: State) -> Bool[Tensor, "B V"]:
        """Every token, always: the published rules have no masks."""
        acc = state["acc"]
        return torch.ones(acc.shape[0], len(VOCABULARY), dtype=torch.bool, device=acc.device)

    def step(self, state: State, token: Int[Tensor, " B"]) -> tuple[State, Step]:
        acc, full, mem, stage = state["acc"], state["acc_full"], state["mem"], state["stage"]
        live = ~state["ended"]
        is_mul, is_rcl = live & (token == MUL), live & (token == RCL) & mem
        last_stage = stage == 2

        product = torch.where(full, acc * torch.where(stage == 0, 1, state["d"]), state["a"] * state["b"])
        subtracted = torch.where(last_stage & mem, state["e"], state["d"]) * (stage > 0)
        recalled = torch.where(last_stage, state["d"] * state["e"], acc)
        value = torch.where(is_mul, product, acc)
        value = torch.where(live & (token == ADD) & full, acc + state["c"], value)
        value = torch.where(live & (token == SUB) & full, acc - subtracted, value)
        value = torch.where(is_rcl, recalled, value)

        answered = live & (token == ANS)
        steps = state["steps"] + live
        truncated = live & ~answered & (steps >= self.max_steps)
        after = state | {
            "acc": value,
            "acc_full": full | is_mul | is_rcl,
            "mem": mem | (live & (token == STO)),
            "steps": steps,
            "ended": state["ended"] | answered | truncated,
        }
        return after, self._judge(state, answered, truncated)

    def machine(self, tasks: Tasks, state: State) -> Float[Tensor, "B M"]:
        return self._shown([*register_columns(state["acc_full"], state["acc"]), state["mem"].double()], tasks, state)

    def _tables_on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """NEAR, STATED and PAID, copied to a device once."""
        if device not in self._tables:
            near = torch.tensor(NEAR, dtype=torch.float64, device=device)
            self._tables[device] = near, torch.tensor(STATED, device=device), torch.tensor(PAID, device=device)
        return self._tables[device]

    def _judge(self, state: State, answered: Bool[Tensor, " B"], truncated: Bool[Tensor, " B"]) -> Step:
        """Rewards are float64: the table of expected rewards in the docs is exact to 1e-9."""
        acc, judged = state["acc"], answered & state["acc_full"]
        equal = (acc[:, None] == state["goals"]) & judged[:, None]
        stated, paid = judged & (acc == state["stated"]), judged & (acc == state["paid"])
        near = (state["near"] * equal).sum(1)
        return Step(paid + 0.2 * near, answered, truncated, stated, {"paid_success": paid})
