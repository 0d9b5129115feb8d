"""A scripted agent of known truth in a world that answers: it writes what the world knows to be best."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.capabilities import Advises
from inwit.core.errors import UserError
from inwit.core.types import Memory, Output, Tasks
from inwit.core.vocabulary import CHOICE
from inwit.evidence.reciting import Prompts, output_of
from inwit.policies.replay import Prompt, PromptMask, Stage
from inwit.worlds import make_scalar

NOTHING = 0  # what it writes on the world's turn, where nobody reads it


class Advised:
    """Writes the best token, of several the lowest. Its memory is the task's `row`, and the `stream` of all tokens,
    `NOTHING` after the `length` that was written.

    `tasks` are those that it may meet, with nothing drawn. Raises `UserError` where the world knows no best token."""

    def __init__(self, world: Advises, tasks: Tasks) -> None:
        self.world, self.prompts, self.tasks = world, Prompts(world, tasks), world.describe(tasks)
        self.known: dict[tuple[int, ...], int] = {}

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        row = self.prompts.find(prompt, prompt_mask)
        stream = torch.full((len(row), self.world.num_columns), NOTHING, device=row.device)
        memory = {"row": row, "stream": stream, "length": torch.zeros_like(row)}
        return self.read(memory), memory

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        place = memory["length"].clamp(max=self.world.num_columns - 1)[:, None]
        stream = memory["stream"].scatter(1, place, token[:, None])
        memory = {"row": memory["row"], "stream": stream, "length": memory["length"] + 1}
        return self.read(memory), memory

    def read(self, memory: Memory) -> Output:
        rows = torch.cat([memory["row"][:, None], memory["length"][:, None], memory["stream"]], 1)
        moments, which = rows.unique(dim=0, return_inverse=True)
        token = torch.tensor([self._best(tuple(moment)) for moment in moments.tolist()], device=rows.device)
        return output_of(torch.nn.functional.one_hot(token[which], len(self.world.vocabulary)))

    def _best(self, moment: tuple[int, ...]) -> int:
        """The best token for a task after a stream, kept for the next time."""
        if moment not in self.known:
            row, length, *stream = moment
            twin = make_scalar(self.world.id, self.tasks[row], **self.world.settings.to_dict())
            for token in stream[:length]:
                if not twin.ended:
                    twin.step(token)
            self.known[moment] = NOTHING if twin.ended or twin.forced() != CHOICE else self._advised(twin)
        return self.known[moment]

    def _advised(self, twin: object) -> int:
        best = self.world.advice(twin).best  # pyright: ignore[reportArgumentType]
        if not best:
            raise UserError(f"nobody knows the best token of {self.world.id} with these settings")
        return min(best)
