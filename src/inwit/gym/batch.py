"""Many environments as one block of tensors: the base of the vectorised environment and of the adapters.

Unlike a rollout's, the rows of a `Batch` do not end together: `restart` starts some of them anew. No loop over rows.
"""

from __future__ import annotations

import secrets
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.core.types import State, Step, Tasks
from inwit.gym.machine import showing
from inwit.gym.problems import Problems, check_observe
from inwit.policies.base import last_token


class Batch:
    """`count` rows, each in an episode of its own; `options` are those of `Problems`.

    `rows` are tensors by name: prompt, stage, last (token), steps, returns, terminated, ended; `tasks` and `state` are
    the world's own. They are replaced, never written to, so a tensor that was returned stays as it was.
    """

    def __init__(self, world: str, count: int, *, observe: str = "tokens", **options: Any) -> None:
        check_observe(observe)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UserError(f"{count!r} environments: give a whole number of at least 1")
        self.count, self.observe = count, observe
        self.problems = Problems(world, **options)
        self.world = self.problems.world
        self.vocabulary_size = len(self.world.vocabulary)
        self.seed(secrets.randbits(62))
        self._rows: dict[str, Tensor] | None = None

    def seed(self, seed: int) -> None:
        """Restart the stream of problems. Before the first call its seed comes from the system."""
        self.draws = stream(seed, "gym tasks")

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

    @property
    def state(self) -> State:
        return self._part("state.")

    def start(self, tasks: Tasks) -> None:
        """Begin an episode in every row."""
        assert len(tasks) == self.count
        self._rows = self._fresh(tasks)

    def restart(self, which: Bool[Tensor, " B"]) -> None:
        """Begin an episode on a new problem in some rows."""
        places = which.nonzero()[:, 0]
        if len(places):
            fresh = self._fresh(self.problems.draw(len(places), self.draws))
            self._rows = {name: old.index_copy(0, places, fresh[name]) for name, old in self.rows.items()}

    def step(self, token: Int[Tensor, " B"]) -> Step:
        """Carry out a token in every row; a row that has ended stays as it is."""
        live = ~self.ended
        state, step = self.world.step(self.state, token)
        rows = self.rows
        self._rows = {
            **rows,
            **{f"state.{name}": tensor for name, tensor in state.items()},
            "last": torch.where(live, token, rows["last"]),
            "steps": rows["steps"] + live,
            "terminated": rows["terminated"] | step.terminated,
            "ended": rows["ended"] | step.terminated | step.truncated,
            "returns": rows["returns"] + step.reward,
        }
        return step

    def legal(self) -> Bool[Tensor, "B V"]:
        """The tokens that are legal now; all of them where the world has no masks."""
        if self.world.masks:
            return self.world.legal(self.state)
        return torch.ones(self.count, self.vocabulary_size, dtype=torch.bool)

    def observation(self) -> dict[str, Tensor]:
        """prompt Int[B, P], last and stage Int[B], action_mask Bool[B, V]; perhaps machine Float[B, M]."""
        seen = {name: self.rows[name] for name in ("prompt", "last", "stage")} | {"action_mask": self.legal()}
        if self.observe == "machine":
            seen["machine"] = showing(self.world).machine(self.tasks, self.state)
        return seen

    def _fresh(self, tasks: Tasks) -> dict[str, Tensor]:
        prompt, mask = self.world.prompt(tasks)
        state, no = self.world.reset(tasks), torch.zeros_like(tasks.kind, dtype=torch.bool)
        return {
            "kind": tasks.kind,
            **{f"task.{name}": tensor for name, tensor in tasks.data.items()},
            **{f"state.{name}": tensor for name, tensor in state.items()},
            "prompt": prompt,
            "stage": self.world.stage(tasks),
            "last": last_token(prompt, mask),
            "steps": torch.zeros_like(tasks.kind),
            "terminated": no,
            "ended": no,
            "returns": torch.zeros(len(tasks), dtype=torch.float64),
        }

    def _part(self, prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): rows for name, rows in self.rows.items() if name.startswith(prefix)}
