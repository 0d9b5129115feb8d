"""The worlds for Stable-Baselines3 and sb3-contrib: a batched VecEnv, stepped as one block of tensors.

MaskablePPO finds the legal tokens through `env_method("action_masks")`. The budget is part of the task, so by default
it `terminates` an episode (see `inwit.gym.keywords`). With `budget="truncates"` the learner is told that the episode
was cut off (`TimeLimit.truncated`); Stable-Baselines3 then adds the value of going on, and learns that stalling pays.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import Wrapper, spaces
from gymnasium.utils.seeding import np_random
from torch import Tensor

from inwit.core.errors import UserError, missing, unknown
from inwit.core.numbers import given_number
from inwit.core.results import Json
from inwit.gym.batch import Batch
from inwit.gym.keywords import SUCCESS, check_keywords
from inwit.gym.problems import Problems
from inwit.gym.spaces import observation_space, read_actions, shown

try:
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.torch_layers import CombinedExtractor
    from stable_baselines3.common.vec_env import VecEnv
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
except ModuleNotFoundError:
    raise missing("stable-baselines3", "rl") from None

Indices = None | int | Iterable[int]


class InwitVecEnv(VecEnv):
    """`num_envs` environments; what else can be set is as in `inwit.gym.env.InwitEnv`. Rows start anew within the step
    that ends them, as Stable-Baselines3 has it.

    `seed(s)`, which a learner may call, seeds the one generator that all rows draw from with `s`; that it returns a
    seed for each row is Stable-Baselines3's form. Every step tells each row's `action_mask`, `success`, `is_success`,
    `TimeLimit.truncated` and what the world counts, as single environments do; `reset_infos` tells it of the
    beginnings."""

    def __init__(
        self,
        world: str = "tutorial-v1",
        num_envs: int = 256,
        *,
        observe: str = "tokens",
        budget: str = "terminates",
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        check_keywords(InwitVecEnv, Problems, world, options)
        self.batch = Batch(world, num_envs, observe=observe, budget=budget, render_mode=render_mode, **options)
        self.render_mode, self.budget, self.world = render_mode, budget, self.batch.world
        self.np_random, _ = np_random()
        self._began = time.time()
        self._tokens: np.ndarray | None = None
        actions = spaces.Discrete(self.batch.vocabulary_size)
        super().__init__(self.batch.count, observation_space(self.batch.world, observe), actions)

    def reset(self) -> dict[str, np.ndarray]:
        """New problems; those that `set_options` described, once."""
        if self._seeds[0] is not None:
            self.np_random, _ = np_random(given_number("seed", self._seeds[0]))
        options = {"tasks": self._options} if any(self._options) else None
        self.batch.start(self.batch.problems.read_all(options, self.num_envs, self.np_random))
        self._reset_seeds()
        self._reset_options()
        seen = shown(self.batch.observation())
        self._tell_beginning(range(self.num_envs), seen)
        return seen

    def step_async(self, actions: np.ndarray) -> None:
        self._tokens = read_actions(actions, self.num_envs, self.batch.vocabulary_size)

    def step_wait(self) -> VecEnvStepReturn:
        if self._tokens is None:
            raise UserError("there is no action to carry out: call step_async(actions) first")
        step = self.batch.step(torch.from_numpy(self._tokens))
        self._tokens = None
        ended = step.terminated | step.truncated
        seen = shown(self.batch.observation())
        told = step.extra | self.batch.counts()
        infos = _infos(seen, step.success, step.truncated & ~step.terminated, told)
        if bool(ended.any()):
            rows = ended.nonzero()[:, 0].tolist()
            self._describe(infos, rows, seen)
            self.batch.restart(ended, self.np_random)
            seen = shown(self.batch.observation())
            self._tell_beginning(rows, seen)
        return seen, step.reward.float().numpy(), ended.numpy(), infos

    def action_masks(self) -> np.ndarray:
        """Int8[num_envs, V]: 1 for the tokens that are legal now."""
        return self.batch.legal().numpy().astype(np.int8)

    def get_images(self) -> Sequence[Any]:
        """A picture of each row, with `render_mode="rgb_array"`: a loop over rows. None for each without it."""
        return self.batch.frames() if self.render_mode == "rgb_array" else [None] * self.num_envs

    def close(self) -> None:
        """There is nothing to close."""

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[object]:
        rows = self._rows(indices)
        if attr_name == "task":  # the one that differs between rows
            tasks = self.batch.described()
            return [tasks[row] for row in rows]
        return [getattr(self, attr_name)] * len(rows)

    def set_attr(self, attr_name: str, value: object, indices: Indices = None) -> None:
        raise UserError(f"{attr_name} cannot be set: rows are not objects of their own; make another environment")

    def env_method(self, method_name: str, *args: object, indices: Indices = None, **keywords: object) -> list[object]:
        by_row = {"action_masks": self.action_masks, "render": self.batch.frames}
        if method_name not in by_row:
            raise unknown("method of single rows", method_name, by_row)
        found = by_row[method_name]()
        return [found[row] for row in self._rows(indices)]

    def env_is_wrapped(self, wrapper_class: type[Wrapper], indices: Indices = None) -> list[bool]:
        """True for Monitor: returns and lengths of episodes are told as it tells them."""
        return [issubclass(Monitor, wrapper_class)] * len(self._rows(indices))

    def _rows(self, indices: Indices) -> Sequence[int]:
        return list(self._get_indices(indices))

    def _describe(self, infos: list[Json], rows: list[int], last: dict[str, np.ndarray]) -> None:
        """Fill in what Stable-Baselines3 asks for about the rows that have just ended."""
        returns, lengths = self.batch.rows["returns"].tolist(), self.batch.rows["steps"].tolist()
        seconds = round(time.time() - self._began, 6)
        for row in rows:
            infos[row] |= {
                "terminal_observation": {name: part[row] for name, part in last.items()},
                "episode": {"r": returns[row], "l": lengths[row], "t": seconds},
            }

    def _tell_beginning(self, rows: Iterable[int], seen: dict[str, np.ndarray]) -> None:
        """Fill in what the environments' own `reset` tells."""
        outcomes = dict.fromkeys((*SUCCESS, *self.batch.world.extra_outcomes), False)
        outcomes |= dict.fromkeys(self.batch.problems.counts, 0)
        masks = seen["action_mask"].copy()
        for row in rows:
            self.reset_infos[row] = {"action_mask": masks[row], **outcomes}


def _infos(seen: dict[str, np.ndarray], success: Tensor, cut: Tensor, told: dict[str, Tensor]) -> list[Json]:
    """What a step tells of every row, as it would by itself. The loops do no more than put a row's values together."""
    each = zip(seen["action_mask"].copy(), success.tolist(), cut.tolist(), strict=True)
    infos: list[Json] = [
        {"TimeLimit.truncated": late, "action_mask": mask, "success": right, "is_success": right}
        for mask, right, late in each
    ]
    for name, values in told.items():
        for info, value in zip(infos, values.tolist(), strict=True):
            info[name] = value
    return infos


class TokenExtractor(CombinedExtractor):
    """Stable-Baselines3's own reading of our observations, every token one-hot, for policies with an LSTM:
    `policy_kwargs={"features_extractor_class": TokenExtractor}`. Its own counts features with a NumPy number, which
    PyTorch's LSTM refuses."""

    @property
    def features_dim(self) -> int:
        return int(self._features_dim)
