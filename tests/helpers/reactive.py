"""A scripted agent that needs no memory: on it the claims of the battery are calibrated."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.contracts import World
from inwit.core.types import Memory, Output, Tasks
from inwit.evidence.reciting import Prompts, output_of
from inwit.policies.replay import Prompt, PromptMask, Stage


class Reactive:
    """Writes what most often follows the last token in the task's own program: of what is legal the most frequent. Its
    memory is the task's `row` and the `last` token; V before the first."""

    def __init__(self, world: World, tasks: Tasks, programs: Int[Tensor, "N T"], lengths: Int[Tensor, " N"]) -> None:
        self.prompts, self.start = Prompts(world, tasks), len(world.vocabulary)
        size = self.start
        last = torch.nn.functional.pad(programs[:, :-1], (1, 0), value=size)
        written = torch.arange(programs.shape[1], device=programs.device) < lengths[:, None]
        counts = torch.zeros(len(programs), (size + 1) * size, device=programs.device)
        self.follows = counts.scatter_add_(1, last * size + programs, written.float()).view(-1, size + 1, size)

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        row = self.prompts.find(prompt, prompt_mask)
        memory = {"row": row, "last": torch.full_like(row, self.start)}
        return self.read(memory), memory

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        memory = memory | {"last": token}
        return self.read(memory), memory

    def read(self, memory: Memory) -> Output:
        return output_of(self.follows[memory["row"], memory["last"]])
