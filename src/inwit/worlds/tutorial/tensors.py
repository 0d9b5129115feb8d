"""What both batched tutorial worlds share: kinds, sampling, enumeration, prompts and padding."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.results import Task
from inwit.core.types import Kinds, State, Tasks
from inwit.worlds.tutorial.rules import (
    CTX,
    EOS,
    GOALS,
    MAX_OPERANDS,
    PROMPT_WIDTH,
    STAGES,
    VOCABULARY,
    TutorialSettings,
    num_operands,
    num_shown,
    parse_task,
)


class TutorialWorld:
    """Base of the two batched worlds. Task data: `operands`, Int[B, 5] (0 where an operand does not exist)."""

    id: str
    hidden: bool  # whether operands that the prompt does not show exist all the same
    extra_outcomes: tuple[str, ...] = ()
    known_limit: str
    capabilities = frozenset({"all_tasks", "constant_programs", "machine", "registers"})
    machine_names: tuple[str, ...]
    vocabulary = VOCABULARY
    kinds = Kinds(names=tuple(f"stage {stage}" for stage in STAGES), stages=STAGES, classes=STAGES, goals=GOALS)
    prompt_width = PROMPT_WIDTH
    Settings = TutorialSettings

    def __init__(self, settings: TutorialSettings) -> None:
        self.settings = settings
        self.max_steps = self.num_columns = settings.max_steps
        self.masks = settings.masks

    def sample(self, kinds: Int[Tensor, " B"], generator: torch.Generator) -> Tasks:
        """Tasks of the given kinds with uniform digits."""
        shape = (kinds.shape[0], MAX_OPERANDS)
        digits = torch.randint(0, 10, shape, generator=generator, device=generator.device)
        return Tasks(kinds, {"operands": digits * self._exists(kinds)})

    def all_tasks(self, kinds: list[int], device: torch.device | str = "cpu") -> Tasks:
        """Every task of the given kinds, once each: 10 ** (number of operands that exist) rows a kind."""
        return Tasks.joined([self._all_of(kind, device) for kind in kinds])

    def task(self, task: Task) -> Tasks:
        """One row from `{"stage": s, "operands": [...]}`; raises `UserError` for one that does not fit."""
        stage, operands = parse_task(task, self.id, hidden=self.hidden)
        padded = operands + [0] * (MAX_OPERANDS - len(operands))
        return Tasks(torch.tensor([stage]), {"operands": torch.tensor([padded])})

    def describe(self, tasks: Tasks) -> list[Task]:
        """Each row as the dict that `task` reads."""
        counts = self._exists(tasks.kind).sum(1).tolist()
        rows = zip(tasks.kind.tolist(), tasks.data["operands"].tolist(), counts, strict=True)
        return [{"stage": stage, "operands": operands[:count]} for stage, operands, count in rows]

    def stage(self, tasks: Tasks) -> Int[Tensor, " B"]:
        return tasks.kind

    def prompt(self, tasks: Tasks) -> tuple[Int[Tensor, "B P"], Bool[Tensor, "B P"]]:
        """The shown digits, then CTX, right-padded with EOS; the mask is False on the padding."""
        shown = num_shown(0) + tasks.kind[:, None]
        place = torch.arange(PROMPT_WIDTH, device=tasks.kind.device)
        digits = torch.nn.functional.pad(tasks.data["operands"], (0, 1))
        tokens = torch.where(place < shown, digits, torch.where(place == shown, CTX, EOS))
        return tokens, place <= shown

    def forced(self, state: State) -> Int[Tensor, " B"]:
        """EOS for a row that has ended, -1 (the policy chooses) for every other."""
        return torch.where(state["ended"], EOS, -1)

    def _shown(self, registers: list[Tensor], tasks: Tasks, state: State) -> Float[Tensor, "B M"]:
        """The machine as numbers, named by `machine_names`; `registers` are the columns before the operands."""
        operands = (tasks.data["operands"] / 9).unbind(1)
        return torch.stack([*registers, *operands, state["steps"] / self.max_steps], 1).float()

    def _exists(self, kinds: Int[Tensor, " B"]) -> Bool[Tensor, "B 5"]:
        place = torch.arange(MAX_OPERANDS, device=kinds.device)
        return (place < num_shown(0) + kinds[:, None]) | self.hidden

    def _all_of(self, kind: int, device: torch.device | str) -> Tasks:
        count = num_operands(STAGES[kind], hidden=self.hidden)
        digits = torch.cartesian_prod(*[torch.arange(10, device=device)] * count)
        operands = torch.nn.functional.pad(digits, (0, MAX_OPERANDS - count))
        return Tasks(torch.full_like(operands[:, 0], kind), {"operands": operands})
