"""Which problems an environment poses: its world, its stages, and the problem that reset options name.

Shared by the Gymnasium environments and the adapters to other libraries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from inwit import worlds
from inwit.core.capabilities import capable
from inwit.core.errors import UserError
from inwit.core.numbers import given_number
from inwit.core.results import Json
from inwit.core.types import Tasks

Stages = int | Sequence[int] | None


class Problems:
    """A world and the kinds that an environment draws from, uniformly; held-out kinds are never drawn."""

    def __init__(
        self, world: str, stage: Stages = None, slots: int | None = None, masks: bool = True, **settings: Any
    ) -> None:
        """`stage` is one of the world's stages, several, or None for all; `slots` is short for the world's `num_slots`.
        Raises `UserError` for whatever the world does not have."""
        if slots is not None:
            if "num_slots" not in worlds.WORLDS.settings(world).__dataclass_fields__:
                raise UserError(f"slots = {slots}: {world} has no slots to choose; leave it out")
            if settings.setdefault("num_slots", slots) != slots:
                raise UserError(f"slots = {slots} contradicts num_slots = {settings['num_slots']}: give one of them")
        self.world = worlds.make(world, masks=masks, **settings)
        kinds, held_out = self.world.kinds, set(self.world.kinds.held_out)
        self._known = tuple(sorted(set(kinds.stages)))
        self.stages = self._read_stages(stage)
        drawn = [kind for kind, of in enumerate(kinds.stages) if of in self.stages and kind not in held_out]
        self._all, level = torch.tensor(drawn), torch.tensor(kinds.stages)
        self._kinds = {stage: self._all[level[self._all] == stage] for stage in self.stages}
        example = self.world.sample(torch.tensor([0]), torch.Generator().manual_seed(0))
        self._tasks_name_stage = "stage" in self.world.describe(example)[0]
        _, step = self.world.step(self.world.reset(example), torch.tensor([0]))
        self.counts = tuple(step.counts)  # the names of what the world counts in an episode

    def draw(self, count: int, random: np.random.Generator, stage: int | None = None) -> Tasks:
        """`count` problems, of one stage or of any that the environment poses. `random` alone decides them: nothing is
        kept from one call to the next, so whoever sets it, or its state, sets the problems."""
        pool = self._all if stage is None else self._kinds[self._allowed(stage)]
        generator = _generator(random)
        return self.world.sample(pool[torch.randint(len(pool), (count,), generator=generator)], generator)

    def read(self, options: object, random: np.random.Generator) -> Tasks:
        """The one problem that reset options describe: `{"stage": 2, "operands": [...]}`, `{"stage": 2}` with the rest
        drawn, `{"expression": "(a*b)-c", "operands": [...]}`, `{"query": "G F 3"}` with the hidden part drawn, or
        nothing. Raises `UserError` for a problem that there is not, and for a contradiction."""
        return self._drawn(self._read(options, random), random)

    def _drawn(self, tasks: Tasks, random: np.random.Generator) -> Tasks:
        """The tasks with what is hidden drawn, where the world draws."""
        world = capable(self.world, "chance")
        return world.draw(tasks, _generator(random)) if world else tasks

    def _read(self, options: object, random: np.random.Generator) -> Tasks:
        given = _mapping(options)
        stage = given_number("stage", given["stage"], text=True) if "stage" in given else None
        if set(given) <= {"stage"}:
            return self.draw(1, random, stage)
        if not self._tasks_name_stage:
            given.pop("stage", None)
        elif stage is None and len(self.stages) == 1:
            given["stage"] = self.stages[0]
        task = self.world.task(given)
        found = int(self.world.stage(task)[0])
        if stage is not None and stage != found:
            named = ", ".join(f"{name} {value}" for name, value in given.items())
            raise UserError(f"stage {stage} contradicts the task {named}, which is of stage {found}")
        self._allowed(found)
        return task

    def read_all(self, options: object, count: int, random: np.random.Generator) -> Tasks:
        """As `read`, for each of `count` rows; `{"tasks": [...]}` has a problem for each."""
        given = _mapping(options)
        if not set(given) - {"stage"}:
            stage = given_number("stage", given["stage"], text=True) if given else None
            return self.draw(count, random, stage)
        if "tasks" not in given:
            return self._drawn(self._read(given, random).repeat_interleave(count), random)
        tasks = given["tasks"]
        if len(given) > 1 or not isinstance(tasks, Sequence) or len(tasks) != count:
            raise UserError(f"tasks must stand alone and be a list of {count}, one for each environment that starts")
        return Tasks.joined([self.read(task, random) for task in tasks])

    def _read_stages(self, stage: Stages) -> tuple[int, ...]:
        if stage is None:
            return self._known
        many = isinstance(stage, Iterable) and not isinstance(stage, str) and getattr(stage, "ndim", 1) > 0
        asked: Iterable[object] = stage if many else [stage]  # pyright: ignore[reportAssignmentType]
        stages = tuple(sorted({self._existing(given_number("stage", each)) for each in asked}))
        if not stages:
            raise UserError(f"stage = {stage!r} leaves no problems: give some of {_listed(self._known)}, or none")
        return stages

    def _existing(self, stage: int) -> int:
        if stage not in self._known:
            raise UserError(f"stage {stage} does not exist: {self.world.id} has stages {_listed(self._known)}")
        return stage

    def _allowed(self, stage: int) -> int:
        if self._existing(stage) not in self.stages:
            made = _listed(self.stages)
            raise UserError(f"stage {stage} contradicts this environment, which was made with stage = {made}")
        return stage


def _generator(random: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(random.integers(1 << 62)))


def _listed(stages: tuple[int, ...]) -> str:
    return ", ".join(map(str, stages))


def _mapping(options: object) -> Json:
    if options is not None and not isinstance(options, Mapping):
        raise UserError(f"reset options {options!r} are not a dict, as in {{'stage': 0}}")
    return dict(options or {})
