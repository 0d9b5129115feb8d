"""tutorial-v1: the same task, repaired, in tensors. The tools compute, memory stores, success is the stated goal."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.types import State, Step, Tasks
from inwit.worlds.machine import register_columns, register_names
from inwit.worlds.tutorial.registers import NAMES, RegistersV1
from inwit.worlds.tutorial.rules import (
    ADD,
    ANS,
    IDLE,
    MAX_OPERANDS,
    MUL,
    RCL,
    STO,
    SUB,
    TAIL,
    VOCABULARY,
    TutorialSettings,
    num_shown,
)
from inwit.worlds.tutorial.tensors import TutorialWorld

TESTS = "this world tests planning, tools and memory along a fixed horizon, not reading"


class TutorialV1(RegistersV1, TutorialWorld):
    """The repaired world. State: acc, mem, held with a `_full` flag each (an empty register is 0), cursor, steps,
    ended, and the task's operands, their count and the goal."""

    id = "tutorial-v1"
    hidden = False
    machine_names = (*register_names([*NAMES]), "operands read", *TAIL)

    def __init__(self, settings: TutorialSettings) -> None:
        super().__init__(settings)
        self.idle = list(IDLE[: settings.idle])
        fixed = "one fixed program for each stage, three in all, suffices here"
        if not settings.masks:
            fixed = "one fixed program suffices here for all stages, since an illegal token does nothing"
        self.known_limit = f"{fixed}: {TESTS}"

    def reset(self, tasks: Tasks) -> State:
        operands, stage = tasks.data["operands"], tasks.kind
        a, b, c, d, e = operands.unbind(1)
        zero, no = torch.zeros_like(a), torch.zeros_like(a, dtype=torch.bool)
        goal = a * b + c - torch.where(stage == 2, d * e, d)  # in stage 0 there is no d: its cell is 0
        registers = {"acc": zero, "mem": zero, "held": zero, "acc_full": no, "mem_full": no, "held_full": no}
        # Two cells of zeros let the machine look ahead of its cursor without a bounds check.
        cells = torch.nn.functional.pad(operands, (0, 2))
        task = {"operands": cells, "count": num_shown(0) + stage, "goal": goal}
        return task | registers | {"cursor": zero, "steps": zero, "ended": no}

    def legal(self, state: State) -> Bool[Tensor, "B V"]:
        tool, sto, rcl, ans = self._permissions(state)
        legal = torch.zeros(tool.shape[0], len(VOCABULARY), dtype=torch.bool, device=tool.device)
        legal[:, MUL : SUB + 1] = tool[:, None]
        legal[:, ANS], legal[:, STO], legal[:, RCL] = ans, sto, rcl
        if self.idle:
            legal[:, self.idle] = True
        return legal

    def step(self, state: State, token: Int[Tensor, " B"]) -> tuple[State, Step]:
        may_tool, may_sto, may_rcl, may_ans = self._permissions(state)
        live = ~state["ended"]
        tool = live & may_tool & (token >= MUL) & (token <= SUB)
        sto = live & may_sto & (token == STO)
        rcl = live & may_rcl & (token == RCL)
        answered = live & may_ans & (token == ANS)

        acc, held = state["acc"], state["held"]
        full, held_full = state["acc_full"], state["held_full"]
        pair = state["cursor"][:, None] + torch.arange(2, device=acc.device)
        first, second = state["operands"].gather(1, pair).unbind(1)
        left = torch.where(full, acc, first)
        right = torch.where(held_full, held, torch.where(full, first, second))
        result = torch.where(token == MUL, left * right, left + torch.where(token == ADD, right, -right))
        read = 2 - full.long() - held_full.long()

        steps = state["steps"] + live
        truncated = live & ~answered & (steps >= self.max_steps)
        after = state | {
            "acc": torch.where(tool, result, torch.where(rcl, state["mem"], acc * ~sto)),
            "acc_full": (full | tool | rcl) & ~sto,
            "mem": torch.where(sto, acc, state["mem"] * ~rcl),
            "mem_full": (state["mem_full"] | sto) & ~rcl,
            "held": torch.where(rcl, acc, held * ~tool),
            "held_full": torch.where(rcl, full, held_full & ~tool),
            "cursor": state["cursor"] + read * tool,
            "steps": steps,
            "ended": state["ended"] | answered | truncated,
        }
        success = answered & (acc == state["goal"])
        return after, Step(success.double(), answered, truncated, success)

    def machine(self, tasks: Tasks, state: State) -> Float[Tensor, "B M"]:
        registers = [register_columns(state[f"{name}_full"], state[name]) for name in NAMES]
        columns = [column for register in registers for column in register]
        return self._shown([*columns, state["cursor"] / MAX_OPERANDS], tasks, state)

    def _permissions(self, state: State) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Whether MUL/ADD/SUB, STO, RCL and ANS are legal, Bool[B] each."""
        full, held_full = state["acc_full"], state["held_full"]
        unread = state["count"] - state["cursor"]
        tool = torch.where(full, held_full | (unread >= 1), unread >= 2)
        return tool, full & ~held_full, state["mem_full"], full
