"""Scripted agents of known truth, that other agents are compared with: two reciters and a re-planner.

They answer to the prompts of given tasks alone. Their memories are dicts of tensors, as those of networks are.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.capabilities import FAR, Causal
from inwit.core.contracts import World
from inwit.core.errors import UserError
from inwit.core.types import Memory, Output, State, Tasks, map_rows
from inwit.evidence.away import SOON, after_token, away, right_again, right_from
from inwit.policies.replay import Prompt, PromptMask, Stage
from inwit.scripts.script import SURE


class Reciter:
    """Writes one program for each of N tasks, whatever was written. Its memory is the task's `row`, and `place`, a
    counter. Where its token is illegal, the first legal one is written, and the counter goes on."""

    def __init__(self, world: World, tasks: Tasks, programs: Int[Tensor, "N T"]) -> None:
        self.prompts, self.programs, self.size = Prompts(world, tasks), programs, len(world.vocabulary)

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        row = self.prompts.find(prompt, prompt_mask)
        memory = {"row": row, "place": torch.zeros_like(row)}
        return self.read(memory), memory

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        memory = memory | {"place": memory["place"] + 1}
        return self.read(memory), memory

    def read(self, memory: Memory) -> Output:
        token = self.programs[memory["row"], memory["place"].clamp(max=self.programs.shape[1] - 1)]
        return output_of(torch.nn.functional.one_hot(token, self.size) * SURE)


class Restarter(Reciter):
    """A reciter that begins its program again after each token that is not its own. Nothing is planned by that."""

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        place = memory["place"]
        own = self.programs[memory["row"], place.clamp(max=self.programs.shape[1] - 1)]
        memory = memory | {"place": torch.where(token == own, place + 1, 0)}
        return self.read(memory), memory


class Replanner:
    """Follows the machine through what was written. It knows a right program for each of N tasks. While a right end is
    as near as that program's, it writes a token that leads there; else it starts over, with the program that it knows;
    and where there is no time for that, it looks for any right end. Its memory is the task's `row`, the number of
    tokens `written`, the `place` in the program that it follows, and the machine's state."""

    def __init__(self, world: Causal, tasks: Tasks, programs: Int[Tensor, "N T"], lengths: Int[Tensor, " N"]) -> None:
        self.prompts, self.world, self.tasks = Prompts(world, tasks), world, tasks
        self.programs, self.lengths = programs, lengths

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        row = self.prompts.find(prompt, prompt_mask)
        none = torch.zeros_like(row)
        memory = {"row": row, "written": none, "place": none} | _machine(self.world.reset(self.tasks[row]))
        return self.read(memory), memory

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        row, state = memory["row"], after_token(self.world, _state(memory), token)
        follows = token == self._next(row, memory["place"])
        again = (token == self.programs[row, 0]).long()
        place = torch.where(follows, memory["place"] + 1, again)
        memory = {"row": row, "written": memory["written"] + 1, "place": place} | _machine(state)
        return self.read(memory), memory

    def read(self, memory: Memory) -> Output:
        """The token of the program that it knows has the logit 1; one that leads to an end as near as the program's
        more, the nearer the more."""
        row, place, state = memory["row"], memory["place"], _state(memory)
        legal = self.world.legal(state) & (self.world.forced(state) < 0)[:, None]
        logits = torch.zeros(legal.shape, device=row.device)
        logits.scatter_(1, self._next(row, place)[:, None], 1.0)
        left = self.lengths[row] - memory["written"] - 1  # after the next token
        budget = (self.world.max_steps - memory["written"] - 1).clamp(max=SOON)
        left = torch.where(self._goes_on(row, place, state), left, budget.maximum(left))
        astray = legal & ((place != memory["written"]) & (left >= 0))[:, None]
        logits[astray] += self._nearness(row, state, astray, left)
        return output_of(logits)

    def _goes_on(self, row: Int[Tensor, " B"], place: Int[Tensor, " B"], state: State) -> Bool[Tensor, " B"]:
        """Whether the program that it knows is right from its place on, or from its start."""
        column = place[:, None] + torch.arange(self.programs.shape[1], device=row.device)
        rest = self.programs[row[:, None], column.clamp(max=self.programs.shape[1] - 1)]
        again = (place == 0) & right_again(self.world, state, self.programs[row])
        return again | right_from(self.world, state, rest)

    def _nearness(
        self, row: Int[Tensor, " B"], state: State, tried: Bool[Tensor, "B V"], left: Int[Tensor, " B"]
    ) -> Tensor:
        """For each of the L tokens to be tried: 0 where no right end is within `left` tokens after it."""
        place, token = tried.nonzero().unbind(1)
        after, step = self.world.step(map_rows(state, lambda tensor: tensor[place]), token)
        ended = step.terminated | step.truncated
        end = away(self.world, self.tasks[row[place]], after, left[place].masked_fill(ended, 0))
        end = torch.where(ended, torch.where(step.success, 0, FAR), end)
        return torch.where(end <= left[place], 2.0 + left[place] - end, 0.0)

    def _next(self, row: Int[Tensor, " B"], place: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        return self.programs[row, place.clamp(max=self.programs.shape[1] - 1)]


class Prompts:
    """Finds the task that a prompt belongs to."""

    def __init__(self, world: World, tasks: Tasks) -> None:
        self.world = world.id
        generator = torch.Generator().manual_seed(0)
        self.weights = torch.randint(2**62, (world.prompt_width,), generator=generator).to(tasks.kind.device)
        self.keys, self.order = self._key(*world.prompt(tasks)).sort()

    def find(self, prompt: Prompt, prompt_mask: PromptMask) -> Int[Tensor, " N"]:
        """The row of each prompt's task; of several with one prompt any. Raises `UserError` for a prompt of none."""
        key = self._key(prompt, prompt_mask)
        place = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        if not bool((self.keys[place] == key).all()):
            raise UserError(
                f"a script that was made for {len(self.keys)} tasks of {self.world} met another one's prompt"
            )
        return self.order[place]

    def _key(self, prompt: Prompt, prompt_mask: PromptMask) -> Int[Tensor, " N"]:
        return ((prompt + 1) * prompt_mask * self.weights).sum(1)  # a hash: whole numbers that run over


def _machine(state: State) -> Memory:
    return {f"machine {name}": tensor for name, tensor in state.items()}


def _state(memory: Memory) -> State:
    return {name.removeprefix("machine "): tensor for name, tensor in memory.items() if name.startswith("machine ")}


def output_of(logits: Tensor) -> Output:
    logits = logits.float()
    return Output(logits, logits.new_zeros(len(logits)))
