"""An LSTM (Hochreiter and Schmidhuber 1997, with forget gates) that reads its prompt and writes token by token.

As in `gru`, tokens are one-hot and their gate inputs a table; a padding position leaves the memory as it was.
`matrix_dtype` chooses bfloat16 operands for the recurrent products; weights stay float32. `auto` is decided when an
LSTM is made, by what its device can do; the decision stays with the agent (`settings.matrix_dtype`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Generator, Tensor
from torch.nn import functional as F

from inwit.core.settings import Settings, setting
from inwit.core.taps import NO_EDITS, Edits, Taps
from inwit.core.types import Memory, Output
from inwit.policies import init
from inwit.policies.base import TokenPolicy
from inwit.policies.lstm_cell import lstm_cell
from inwit.policies.replay import Prompt, PromptMask, Stage


@dataclass(frozen=True)
class LSTMSettings(Settings):
    width: int = setting(128, "units of memory", at_least=1, at_most=4096)
    stage_aware: bool = setting(True, "let the stage's embedding be the first memory")
    matrix_dtype: str = setting("auto", "operands of the recurrent products", choices=("auto", "float32", "bfloat16"))


class LSTM(TokenPolicy[LSTMSettings]):
    """Memory: `hidden` and `cell`, Float[B, width] each."""

    Settings = LSTMSettings
    taps = ("hidden", "cell")

    def __init__(self, settings: LSTMSettings, *, vocabulary_size: int, num_stages: int, generator: Generator) -> None:
        dtype = matrix_dtype(settings.matrix_dtype, generator.device)
        # The settings name the type that was chosen, so that a trained agent computes alike on every machine.
        super().__init__(replace(settings, matrix_dtype=str(dtype).removeprefix("torch.")))
        self.dtype = dtype
        width, scale = settings.width, settings.width**-0.5
        stages = num_stages if settings.stage_aware else 1
        self.stage_embedding = init.normal(stages, width, scale=1.0, generator=generator)
        self.input_table = init.normal(vocabulary_size, 4 * width, scale=1.0, generator=generator)
        self.hidden_weight = init.uniform(4 * width, width, scale=scale, generator=generator)
        self.gate_bias = init.zeros(4 * width, generator=generator)
        self.head_weight = init.uniform(vocabulary_size + 1, width, scale=scale, generator=generator)
        self.head_bias = init.zeros(vocabulary_size + 1, generator=generator)
        with torch.no_grad():
            self.gate_bias[:width] = 1.0  # remember by default

    def begin(
        self,
        prompt: Prompt,
        prompt_mask: PromptMask,
        stage: Stage,
        *,
        capture: Iterable[str] = (),
        edit: Edits = NO_EDITS,
    ) -> tuple[Output, Memory]:
        taps = Taps(self.taps, capture, edit)
        cell = self._stage(stage)
        hidden = torch.tanh(cell)
        table = self.input_table + self.gate_bias
        for token, real in zip(prompt.unbind(1), prompt_mask.unbind(1), strict=True):
            read_hidden, read_cell = lstm_cell(F.embedding(token, table), hidden, cell, self.hidden_weight, self.dtype)
            hidden = torch.where(real[:, None], read_hidden, hidden)
            cell = torch.where(real[:, None], read_cell, cell)
        hidden, cell = taps("hidden", hidden), taps("cell", cell)
        return self._head(hidden, taps.taken), {"hidden": hidden, "cell": cell}

    def step(
        self, token: Int[Tensor, " B"], memory: Memory, *, capture: Iterable[str] = (), edit: Edits = NO_EDITS
    ) -> tuple[Output, Memory]:
        taps = Taps(self.taps, capture, edit)
        inputs = F.embedding(token, self.input_table) + self.gate_bias
        hidden, cell = lstm_cell(inputs, memory["hidden"], memory["cell"], self.hidden_weight, self.dtype)
        hidden, cell = taps("hidden", hidden), taps("cell", cell)
        return self._head(hidden, taps.taken), {"hidden": hidden, "cell": cell}


def matrix_dtype(choice: str, device: torch.device) -> torch.dtype:
    """bfloat16 where asked for, or with `auto` where the processor multiplies it natively; else float32. By capability,
    never by timing: the same machine always takes the same path."""
    if choice == "auto":
        choice = "bfloat16" if device.type == "cuda" or _cpu_has_bfloat16() else "float32"
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[choice]


def _cpu_has_bfloat16() -> bool:
    """PyTorch's own questions are private and may be renamed: where one is missing the answer is no."""
    questions = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(question() for question in questions if question is not None)
