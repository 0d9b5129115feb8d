"""What a person sees of the tutorials' machines, and may change."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.types import Register, State
from inwit.worlds.tutorial.rules import MAX_OPERANDS

MOST = 99_999  # the five digits make no more than 9**5; three registers of this size, multiplied, are exact in a double
NAMES = ("acc", "mem", "held")


class RegistersV0:
    """tutorial-v0: the accumulator, and the flag that STO sets."""

    machine_registers = (Register("acc"), Register("mem", least=0, most=1, optional=False))

    def read_registers(self, state: State) -> tuple[Int[Tensor, "B 2"], Bool[Tensor, "B 2"]]:
        full, mem = state["acc_full"], state["mem"]
        return torch.stack([state["acc"], mem.long()], 1), torch.stack([full, torch.ones_like(mem)], 1)

    def write_registers(self, state: State, values: Int[Tensor, "B 2"], present: Bool[Tensor, "B 2"]) -> State:
        full = present[:, 0]
        return state | {"acc": values[:, 0] * full, "acc_full": full, "mem": values[:, 1] > 0}


class RegistersV1:
    """tutorial-v1: three registers, and the cursor, which points at the digit that is read next."""

    machine_registers = (
        *(Register(name, least=-MOST, most=MOST) for name in NAMES),
        Register("cursor", "pointer", least=0, most=MAX_OPERANDS, optional=False),
    )

    def read_registers(self, state: State) -> tuple[Int[Tensor, "B 4"], Bool[Tensor, "B 4"]]:
        values = torch.stack([*(state[name] for name in NAMES), state["cursor"]], 1)
        full = [state[f"{name}_full"] for name in NAMES]
        return values, torch.stack([*full, torch.ones_like(full[0])], 1)

    def write_registers(self, state: State, values: Int[Tensor, "B 4"], present: Bool[Tensor, "B 4"]) -> State:
        *held, cursor = (values * present).unbind(1)
        full = dict(zip((f"{name}_full" for name in NAMES), present.unbind(1), strict=False))
        pointer = {"cursor": torch.minimum(cursor.clamp_min(0), state["count"])}
        return state | dict(zip(NAMES, held, strict=True)) | full | pointer
