"""Scripts for a server that keeps no session: the memory of such an agent is all that it was told."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.types import Memory, Output
from inwit.policies.replay import Prompt, PromptMask, Stage
from inwit.scripts.script import Script, Scripted


class Retold:
    """The policy of a script. Its memory is the prompt and the `stream` Int[B, n] of all tokens since, which the script
    reads again for every answer.

    The memory of `Scripted` is a number of a state that this process has met. After a restart of the server such a
    number would mean another state, and a page that is open for long would fill the table of states."""

    def __init__(self, script: Script, vocabulary_size: int) -> None:
        self.script, self.size = script, vocabulary_size

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        stream = torch.empty(len(stage), 0, dtype=torch.int64)
        memory = {"prompt": prompt, "mask": prompt_mask, "stage": stage, "stream": stream}
        return self.read(memory), memory

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        after = memory | {"stream": torch.cat([memory["stream"], token[:, None]], 1)}
        return self.read(after), after

    def read(self, memory: Memory) -> Output:
        policy = Scripted(self.script, self.size)
        output, state = policy.begin(memory["prompt"], memory["mask"], memory["stage"])
        for token in memory["stream"].unbind(1):
            output, state = policy.step(token, state)
        return output
