"""Agents whose memory is a code that a test chooses: they write the program of the task with the nearest code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from inwit.core.contracts import Agent, World
from inwit.core.taps import NO_EDITS, Edits, Taps
from inwit.core.types import Memory, Output, Tasks
from inwit.policies.replay import replay_by_stepping
from inwit.worlds import make

SCALE = 4.0  # how sure it is


class Coded:
    """Memory: `code` Float[B, H], which is its one tap, and `place`, a counter. Gradients pass."""

    taps = ("code",)

    def __init__(self, world: World, codes: Tensor, programs: Tensor, *, deaf: bool = False) -> None:
        self.deaf = deaf
        self.codes, self.programs = codes, torch.nn.functional.one_hot(programs, len(world.vocabulary)).float()
        prompts, mask = world.prompt(tasks_of(world))
        self.known = prompts.masked_fill(~mask, -1)

    def to(self, device: torch.device) -> None:
        self.codes, self.programs, self.known = (each.to(device) for each in (self.codes, self.programs, self.known))

    def begin(
        self, prompt: Tensor, prompt_mask: Tensor, stage: Tensor, *, capture: Iterable[str] = (), edit: Edits = NO_EDITS
    ) -> tuple[Output, Memory]:
        row = (prompt.masked_fill(~prompt_mask, -1)[:, None] == self.known).all(2).long().argmax(1)
        taps = Taps(self.taps, capture, NO_EDITS if self.deaf else edit)
        memory = {"code": taps("code", self.codes[row]), "place": torch.zeros_like(row)}
        return Output(*self._answer(memory), taps.taken), memory

    def step(
        self, token: Tensor, memory: Memory, *, capture: Iterable[str] = (), edit: Edits = NO_EDITS
    ) -> tuple[Output, Memory]:
        taps = Taps(self.taps, capture, edit)
        memory = {"code": taps("code", memory["code"]), "place": memory["place"] + 1}
        return Output(*self._answer(memory), taps.taken), memory

    def read(self, memory: Memory) -> Output:
        return Output(*self._answer(memory))

    replay = replay_by_stepping

    def _answer(self, memory: Memory) -> tuple[Tensor, Tensor]:
        code, last = memory["code"], self.programs.shape[1] - 1
        near = (-SCALE * torch.cdist(code, self.codes, compute_mode="donot_use_mm_for_euclid_dist")).softmax(1)
        place = min(int(memory["place"][0]), last)  # all episodes are as long
        likely = near @ self.programs[:, place]
        return (likely + 1e-6).log(), code.new_zeros(len(code))


def tasks_of(world: Any) -> Tasks:
    return world.greedy_tasks()


def coded(kind: str, *, deaf: bool = False, **settings: Any) -> Agent:
    """`plan`: the code is the program's outline and each of its calls. `lookup`: a unit for each task. `prompt`: the
    text's outline and each of its operators, in the order of the text. A `deaf` one writes as
    if its tap had not been edited."""
    world: Any = make("calculator-v0", **settings)
    found = [world.best_program(each) for each in range(len(world.kinds))]
    longest = max(map(len, found))
    programs = torch.tensor([program + [program[-1]] * (longest - len(program)) for program in found])
    prompts, mask = world.prompt(tasks_of(world))
    codes = {
        "plan": lambda: _parts(programs, world.vocabulary.ids(["ADD", "SUB", "MUL"])),
        "lookup": lambda: torch.eye(len(programs)),
        "prompt": lambda: _parts(prompts.masked_fill(~mask, 0), world.vocabulary.ids(["+", "-", "*"])),
    }
    return Agent(world, Coded(world, codes[kind](), programs, deaf=deaf))


def _parts(tokens: Tensor, calls: list[int]) -> Tensor:
    """The outline of each row, and each of its calls in turn, as units."""
    is_call = torch.isin(tokens, torch.tensor(calls))
    outline = tokens.masked_fill(is_call, -1).unique(dim=0, return_inverse=True)[1]
    number = is_call.long().cumsum(1)
    parts = [torch.nn.functional.one_hot(outline)]
    for place in range(1, int(number.max()) + 1):
        here = is_call & (number == place)
        parts += [(here & (tokens == call)).any(1, keepdim=True) for call in calls]
    return torch.cat([part.float() for part in parts], 1)
