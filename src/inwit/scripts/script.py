"""A script, in plain Python, one episode at a time; and the policy that runs it on all rows of a batch.

A script's states are values: hashable, and equal where the script would go on alike. `Scripted` numbers the states as
it meets them. It keeps what follows on each token, and the state that each prompt begins with. So Python runs once for
each prompt and each state that is new, and a batch of episodes is a look-up. A script that forgets what it needs no
longer meets fewer states, and is faster.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.types import Memory, Output
from inwit.policies.replay import Prompt, PromptMask, Stage

SURE = 1000.0  # the logit of the one token that a script writes: the others have the probability 0, in float32 too
UNSEEN = -1


class Script(Protocol):
    """An agent that a person wrote. It sees the prompt's tokens, the stage, and the stream: its own tokens, those that
    were written in its place, and the world's."""

    def begin(self, prompt: tuple[int, ...], stage: int) -> Hashable: ...  # the state before the first token
    def write(self, state: Hashable) -> int: ...  # the token that it writes next
    def read(self, state: Hashable, token: int) -> Hashable: ...  # the state after any token of the stream


class Scripted:
    """The policy of a script. Its memory is `state` Int[B], the number of each row's state. It has no value: 0.

    Where the script's token is illegal and masks are on, all legal tokens are equally likely: the first one is written,
    or a random one where tokens are sampled. Nothing is refused, as a policy does not know what is legal. The script
    reads which token was written, as it reads anybody else's. So it is never wrong about the stream, and only a script
    that misjudges its world comes to this: the one of another world, or of one that was changed without telling."""

    def __init__(self, script: Script, vocabulary_size: int) -> None:
        self.script, self.size = script, vocabulary_size
        self._states: list[Hashable] = []
        self._numbers: dict[Hashable, int] = {}
        self._begun: dict[tuple[int, ...], int] = {}
        self._writes = torch.zeros(1, dtype=torch.int64)
        self._after = torch.full((1, vocabulary_size), UNSEEN)

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        shown = torch.cat([prompt.masked_fill(~prompt_mask, -1), stage[:, None]], 1).cpu()
        different, row = shown.unique(dim=0, return_inverse=True)
        numbers = [self._begin(tuple(each)) for each in different.tolist()]
        memory = {"state": torch.tensor(numbers, dtype=torch.int64)[row].to(prompt.device)}
        return self.read(memory), memory

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        state, written = memory["state"].cpu(), token.cpu()
        new = self._after[state, written] == UNSEEN
        if bool(new.any()):
            for pair in (state[new] * self.size + written[new]).unique().tolist():
                before, read = divmod(pair, self.size)
                number = self._number(self.script.read(self._states[before], read))
                self._after[before, read] = number
        memory = {"state": self._after[state, written].to(token.device)}
        return self.read(memory), memory

    def read(self, memory: Memory) -> Output:
        state = memory["state"]
        token = self._writes[state.cpu()].to(state.device)
        logits = torch.nn.functional.one_hot(token, self.size) * SURE
        return Output(logits, torch.zeros(len(state), device=state.device))

    def _begin(self, shown: tuple[int, ...]) -> int:
        if shown not in self._begun:
            *prompt, stage = shown
            state = self.script.begin(tuple(token for token in prompt if token >= 0), stage)
            self._begun[shown] = self._number(state)
        return self._begun[shown]

    def _number(self, state: Hashable) -> int:
        number = self._numbers.setdefault(state, len(self._states))
        if number == len(self._states):
            self._states.append(state)
            if number == len(self._writes):  # twice the room: a long course of states costs no more than its states
                self._writes = torch.cat([self._writes, torch.zeros_like(self._writes)])
                self._after = torch.cat([self._after, torch.full_like(self._after, UNSEEN)])
            self._writes[number] = self.script.write(state)
        return number
