"""Many environments at once behind Gymnasium's vector interface: `make_vec(..., "vector_entry_point")`.

Rows start anew as in Gymnasium's own vector environments, in each of its three autoreset modes. NEXT_STEP: the step
after a row's end ignores its action, pays nothing and shows the next problem. SAME_STEP: the step that ends a row shows
the next problem; what was last seen is in `final_obs` and `final_info`. DISABLED: `reset` with a `reset_mask` does it.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from inwit.core.errors import UserError, unknown
from inwit.core.numbers import given_number
from inwit.core.results import Json, Task
from inwit.gym.batch import Batch
from inwit.gym.keywords import SUCCESS, WrongTypeError, check_keywords
from inwit.gym.problems import Problems
from inwit.gym.rendering import METADATA
from inwit.gym.spaces import observation_space, read_actions, shown

Arrays = dict[str, np.ndarray]


class InwitVectorEnv(VectorEnv[Arrays, np.ndarray, np.ndarray]):
    """`num_envs` environments as one block of tensors; what else can be set is as in `inwit.gym.env.InwitEnv`.

    `max_episode_steps` cuts episodes off as Gymnasium's `TimeLimit` does. Problems follow `np_random`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        world: str = "tutorial-v1",
        *,
        observe: str = "tokens",
        budget: str = "truncates",
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        check_keywords(InwitVectorEnv, Problems, world, options)
        self.autoreset_mode = _mode(autoreset_mode)
        self.render_mode = render_mode
        self.metadata = METADATA | {"autoreset_mode": self.autoreset_mode}
        most = _most(max_episode_steps)
        self.batch = Batch(
            world, num_envs, observe=observe, budget=budget, most_steps=most, render_mode=render_mode, **options
        )
        self.num_envs, self.world, self.budget = self.batch.count, self.batch.world, budget
        self.single_observation_space = observation_space(self.batch.world, observe)
        self.single_action_space = spaces.Discrete(self.batch.vocabulary_size)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, *, seed: int | None = None, options: Json | None = None
    ) -> tuple[Arrays, Json]:
        """New problems: drawn, or those that `options` describe (see `Problems.read_all`); with a `reset_mask` among
        them, Bool[num_envs], in the rows that it marks."""
        super().reset(seed=None if seed is None else given_number("seed", seed))
        fresh = np.ones(self.num_envs, bool)
        if isinstance(options, dict) and "reset_mask" in options:
            options = dict(options)
            fresh = self._read_mask(options.pop("reset_mask"))
        tasks = self.batch.problems.read_all(options, int(fresh.sum()), self.np_random)
        if fresh.all():
            self.batch.start(tasks)
        else:
            self.batch.begin(torch.from_numpy(fresh), tasks)
        return shown(self.batch.observation()), self._fresh_info(fresh)

    def step(self, actions: object) -> tuple[Arrays, np.ndarray, np.ndarray, np.ndarray, Json]:
        tokens = read_actions(actions, self.num_envs, self.batch.vocabulary_size)
        fresh, mode = self.batch.ended, self.autoreset_mode
        if mode is AutoresetMode.DISABLED and bool(fresh.any()):
            row = int(fresh.nonzero()[0])
            raise UserError(f"environment {row} has ended: reset it with options={{'reset_mask': ...}} before a step")
        step = self.batch.step(torch.from_numpy(tokens))
        outcomes = dict.fromkeys(SUCCESS, step.success) | step.extra
        everywhere, info = np.ones(self.num_envs, bool), {}
        if mode is AutoresetMode.SAME_STEP:
            fresh = step.terminated | step.truncated
            if bool(fresh.any()):
                info = self._final(outcomes | self.batch.counts(), fresh.numpy())
                outcomes = {name: flags & ~fresh for name, flags in outcomes.items()}
        self.batch.restart(fresh, self.np_random)
        flags = (step.reward.double().numpy(), step.terminated.numpy(), step.truncated.numpy())
        return shown(self.batch.observation()), *flags, info | self._info(outcomes | self.batch.counts(), everywhere)

    def action_masks(self) -> np.ndarray:
        """Int8[num_envs, V]: 1 for the tokens that are legal now. `tuple(...)` of it is what `action_space.sample`
        takes."""
        return self.batch.legal().numpy().astype(np.int8)

    def render(self) -> tuple[Any, ...] | None:
        """What each row's environment would render: a loop over rows."""
        return None if self.render_mode is None else self.batch.frames()

    @property
    def task(self) -> list[Task] | list[None]:
        """The problem of each row, as reset options name it; None before the first."""
        return self.batch.described()

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """For each row its part of `action_masks`, `render` or `task`, else this environment's attribute or result."""
        found = getattr(self, name)
        value = cast(Any, found(*args, **kwargs) if callable(found) else found)
        if value is not None and name in ("action_masks", "render", "task"):
            return tuple(value)
        return (value,) * self.num_envs

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """As `call`, which is what Gymnasium's own vector environments do."""
        return self.call(name)

    def set_attr(self, name: str, values: object) -> None:
        """Refused: the rows are one block of tensors. `np_random` can be set, for all of them."""
        raise UserError(f"{name} cannot be set: rows are not objects of their own; make another environment")

    def _read_mask(self, mask: object) -> np.ndarray:
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise WrongTypeError(f"reset_mask must be an array of booleans: {type(mask).__name__} was given")
        if mask.shape != (self.num_envs,) or not mask.any():
            raise UserError(
                f"reset_mask must have {self.num_envs} values, one True at least: {mask.tolist()} was given"
            )
        return mask.copy()

    def _final(self, outcomes: dict[str, torch.Tensor], ended: np.ndarray) -> Json:
        """What SAME_STEP tells of the rows that have just ended."""
        last, final = shown(self.batch.observation()), np.full(self.num_envs, None, object)
        for row in ended.nonzero()[0]:
            final[row] = {name: part[row] for name, part in last.items()}
        told = {"final_obs": final, "final_info": self._info(outcomes, ended)}
        return told | {f"_{name}": ended.copy() for name in told}

    def _fresh_info(self, fresh: np.ndarray) -> Json:
        nothing = torch.zeros(self.num_envs, dtype=torch.bool)
        outcomes = dict.fromkeys((*SUCCESS, *self.batch.world.extra_outcomes), nothing)
        return self._info(outcomes | self.batch.counts(), fresh)

    def _info(self, outcomes: dict[str, torch.Tensor], told: np.ndarray) -> Json:
        """The rows `told` of masks and outcomes, and nothing of others, as Gymnasium has it."""
        info = {"action_mask": self.action_masks(), **{name: flags.numpy() for name, flags in outcomes.items()}}
        info = {name: part * told.reshape(-1, *[1] * (part.ndim - 1)) for name, part in info.items()}
        return info | {f"_{name}": told.copy() for name in info}


def _mode(given: object) -> AutoresetMode:
    """An autoreset mode by itself, its name or Gymnasium's value (`"SAME_STEP"`, `"SameStep"`)."""
    for mode in AutoresetMode:
        if given in (mode, mode.name, mode.value):
            return mode
    raise unknown("autoreset mode", given, [mode.name for mode in AutoresetMode])


def _most(given: object) -> int | None:
    """`max_episode_steps` as `gymnasium.make` reads it: None and -1 are no limit."""
    most = -1 if given is None else given_number("max_episode_steps", given)
    if most == -1:
        return None
    if most < 1:
        raise UserError(f"max_episode_steps = {most} is too small: it must be at least 1, or -1 for none")
    return most
