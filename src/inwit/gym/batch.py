"""Many environments as one block of tensors: the base of the vectorised environment and of the adapters.

Unlike a rollout's, the rows of a `Batch` do not end together: `restart` starts some of them anew. No loop over rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit import worlds
from inwit.core.errors import UserError
from inwit.core.numbers import given_number
from inwit.core.types import State, Step, Task, Tasks
from inwit.gym.keywords import BUDGETS, OBSERVATIONS, check_choice
from inwit.gym.machine import showing
from inwit.gym.problems import Problems
from inwit.gym.rendering import METADATA, frame
from inwit.gym.turns import carry_out, carry_out_all
from inwit.policies.base import last_token
from inwit.worlds.play import marked


class Batch:
    """`count` rows, each in an episode of its own; `options` are those of `Problems`.

    `rows` are tensors by name: prompt, stage, last (token), steps, returns, terminated, truncated, ended, and `count.`
    with the name of each count; `tasks` and `state` are the world's own. They are replaced, never written to, so a
    tensor that was returned stays as it was. With `most_steps` episodes are cut off there, if not before. With a render
    mode the tokens are kept, for `frames`.
    """

    def __init__(
        self,
        world: str,
        count: int,
        *,
        observe: str = "tokens",
        budget: str = "truncates",
        most_steps: int | None = None,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        check_choice("observe", observe, OBSERVATIONS)
        check_choice("budget", budget, BUDGETS)
        if render_mode is not None:
            check_choice("render_mode", render_mode, tuple(METADATA["render_modes"]))
        self.count = given_number("num_envs", count)
        if self.count < 1:
            raise UserError(f"{count!r} environments: give a whole number of at least 1")
        self.observe, self.budget, self.most_steps, self.render_mode = observe, budget, most_steps, render_mode
        self.problems = Problems(world, **options)
        self.world = self.problems.world
        self.vocabulary_size = len(self.world.vocabulary)
        self._rows: dict[str, Tensor] | None = None

    @property
    def ended(self) -> Bool[Tensor, " B"]:
        return self.rows["ended"]

    @property
    def rows(self) -> dict[str, Tensor]:
        if self._rows is None:
            raise UserError("the environment has no problem yet: call reset() first")
        return self._rows

    @property
    def tasks(self) -> Tasks:
        return Tasks(self.rows["kind"], self._part("task."))

    def described(self) -> list[Task] | list[None]:
        """The task of each row, as the world writes it; None before the first."""
        return [None] * self.count if self._rows is None else self.world.describe(self.tasks)

    @property
    def state(self) -> State:
        return self._part("state.")

    def start(self, tasks: Tasks) -> None:
        """Begin an episode in every row."""
        assert len(tasks) == self.count
        self._rows = self._fresh(tasks)

    def restart(self, which: Bool[Tensor, " B"], random: np.random.Generator) -> None:
        """Begin an episode on a new problem in some rows."""
        if bool(which.any()):
            self.begin(which, self.problems.draw(int(which.sum()), random))

    def begin(self, which: Bool[Tensor, " B"], tasks: Tasks) -> None:
        """Begin an episode in some rows: a task for each of them."""
        places, fresh = which.nonzero()[:, 0], self._fresh(tasks)
        self._rows = {name: old.index_copy(0, places, fresh[name]) for name, old in self.rows.items()}

    def step(self, token: Int[Tensor, " B"]) -> Step:
        """Carry out a token in every row, and what the world answers; a row that has ended stays as it is."""
        rows, live = self.rows, ~self.ended
        steps = rows["steps"] + live
        state, step, last = carry_out_all(self.world, self.state, token, live)
        step = self._ending(step, live, steps)
        self._rows = {
            **rows,
            **{f"state.{name}": tensor for name, tensor in state.items()},
            "last": torch.where(live, last, rows["last"]),
            "steps": steps,
            "terminated": rows["terminated"] | step.terminated,
            "truncated": rows["truncated"] | step.truncated,
            "ended": rows["ended"] | step.terminated | step.truncated,
            "returns": rows["returns"] + step.reward,
            **{f"count.{name}": rows[f"count.{name}"] + number for name, number in step.counts.items()},
        }
        if "written" in rows:
            here = (torch.arange(self.world.max_steps) == rows["steps"][:, None]) & live[:, None]
            self._rows["written"] = torch.where(here, token[:, None], rows["written"])
        return step

    def _ending(self, step: Step, live: Bool[Tensor, " B"], steps: Int[Tensor, " B"]) -> Step:
        """The step, with the flags that `budget` and `most_steps` ask for."""
        if self.budget == "terminates":
            step = replace(
                step, terminated=step.terminated | step.truncated, truncated=torch.zeros_like(step.truncated)
            )
        if self.most_steps is not None:  # the world does not know of it, so it goes on in rows that were cut off
            flags = {"terminated": step.terminated & live, "success": step.success & live}
            extra = {name: flag & live for name, flag in step.extra.items()}
            counts = {name: number * live for name, number in step.counts.items()}
            cut = live & (step.truncated | (steps >= self.most_steps))
            step = replace(step, reward=step.reward * live, truncated=cut, extra=extra, counts=counts, **flags)
        return step

    def legal(self) -> Bool[Tensor, "B V"]:
        """The tokens that are legal now; all of them where the world has no masks."""
        if self.world.masks:
            return self.world.legal(self.state)
        return torch.ones(self.count, self.vocabulary_size, dtype=torch.bool)

    def counts(self) -> dict[str, Int[Tensor, " B"]]:
        """What else each row's episode is counted by, so far."""
        return self._part("count.")

    def observation(self) -> dict[str, Tensor]:
        """prompt Int[B, P], last and stage Int[B], action_mask Bool[B, V]; perhaps machine Float[B, M]."""
        seen = {name: self.rows[name] for name in ("prompt", "last", "stage")} | {"action_mask": self.legal()}
        if self.observe == "machine":
            seen["machine"] = showing(self.world).machine(self.tasks, self.state)
        return seen

    def frames(self) -> tuple[str | np.ndarray | None, ...]:
        """Each row as `render_mode` says, played again by the scalar twin: a loop over rows. None without a mode."""
        if self.render_mode is None:
            return (None,) * self.count
        shown = []
        for task, tokens, steps in zip(
            self.world.describe(self.tasks), self.rows["written"].tolist(), self.rows["steps"].tolist(), strict=True
        ):
            twin = worlds.make_scalar(self.world.id, task, **self.world.settings.to_dict())
            names, written = self.world.vocabulary.decode, list[str]()
            for token in tokens[:steps]:
                answers = carry_out(twin, token)
                written += [*names([token]), *marked(names(answers))]
            shown.append(frame(self.render_mode, self.world, twin, written))
        return tuple(shown)

    def _fresh(self, tasks: Tasks) -> dict[str, Tensor]:
        prompt, mask = self.world.prompt(tasks)
        state, no = self.world.reset(tasks), torch.zeros_like(tasks.kind, dtype=torch.bool)
        most = [len(tasks), self.world.max_steps]
        written = {} if self.render_mode is None else {"written": torch.zeros(most, dtype=torch.int64)}
        return {
            "kind": tasks.kind,
            **{f"task.{name}": tensor for name, tensor in tasks.data.items()},
            **{f"state.{name}": tensor for name, tensor in state.items()},
            "prompt": prompt,
            "stage": self.world.stage(tasks),
            "last": last_token(prompt, mask),
            "steps": torch.zeros_like(tasks.kind),
            "terminated": no,
            "truncated": no,
            "ended": no,
            "returns": torch.zeros(len(tasks), dtype=torch.float64),
            **{f"count.{name}": torch.zeros_like(tasks.kind) for name in self.problems.counts},
            **written,
        }

    def _part(self, prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): rows for name, rows in self.rows.items() if name.startswith(prefix)}
