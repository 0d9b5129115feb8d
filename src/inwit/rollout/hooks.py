"""What an experiment does to episodes while they run: write in the agent's place, tell the agent something else than
what was written, change what the agent remembers, and keep what it remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.contracts import Policy, Readable
from inwit.core.errors import UserError
from inwit.core.types import Memory, Output, State
from inwit.core.vocabulary import UNDECIDED


@dataclass(frozen=True)
class Hooks:
    """Rows are those of the block, T at most the world's columns. Where a column is beyond T nothing is done.

    `force`: tokens that are written in place of the policy's, or of an answer that the world has not decided yet, where
    they are then what is legal; -1 where nothing is forced. What the world has decided stays. `feed`: tokens that the
    policy is told were written, in place of those that were; -1 where it is told the truth. `edit(t, memory, state)`:
    the memory that the policy answers from in column t, in place of its own; the policy must be `Readable`. `record`
    keeps the memory before each column (after an edit), and the outputs: `Rollout.memories`, `Rollout.outputs`.
    """

    force: Int[Tensor, "B T"] | None = None
    feed: Int[Tensor, "B T"] | None = None
    edit: Callable[[int, Memory, State], Memory] | None = None
    record: bool = False

    def remembered(
        self, column: int, policy: Policy, output: Output, memory: Memory, state: State
    ) -> tuple[Output, Memory]:
        """What the policy answers in this column, and the memory that it goes on with. Raises `UserError` for a policy
        that cannot answer from a memory."""
        if self.edit is None:
            return output, memory
        if not isinstance(policy, Readable):
            raise UserError(
                f"the policy {type(policy).__name__} has no read(memory): nobody can say what it would write from a "
                "memory that was changed; give it one, see docs/extending.md"
            )
        memory = self.edit(column, memory, state)
        return policy.read(memory), memory

    def written(
        self, column: int, token: Int[Tensor, " B"], legal: Bool[Tensor, "B V"], forced: Int[Tensor, " B"]
    ) -> tuple[Int[Tensor, " B"], Bool[Tensor, "B V"]]:
        """The column's tokens, and what is legal. `forced` is what the world says (`World.forced`)."""
        if self.force is None or column >= self.force.shape[1]:
            return token, legal
        answers = (forced == UNDECIDED) & (self.force[:, column] >= 0)
        token = _replaced(token, self.force, column, forced < 0)
        answer = torch.arange(legal.shape[1], device=legal.device) == token[:, None]
        return token, torch.where(answers[:, None], answer, legal)

    def told(self, column: int, token: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """What the policy is told was written in this column."""
        return _replaced(token, self.feed, column, torch.ones_like(token, dtype=torch.bool))

    def kept(self, memory: Memory) -> Memory:
        """What is recorded of a memory."""
        return memory if self.record else {}


NO_HOOKS = Hooks()


def _replaced(
    token: Int[Tensor, " B"], others: Int[Tensor, "B T"] | None, column: int, where: Bool[Tensor, " B"]
) -> Int[Tensor, " B"]:
    if others is None or column >= others.shape[1]:
        return token
    return torch.where(where & (others[:, column] >= 0), others[:, column], token)
