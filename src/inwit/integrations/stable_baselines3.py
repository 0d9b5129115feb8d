"""The worlds for Stable-Baselines3 and sb3-contrib: a batched VecEnv, stepped as one block of tensors.

MaskablePPO finds the legal tokens through `env_method("action_masks")`. The budget is part of the task, so by default
an episode that has spent it has simply ended. With `bootstrap=True` the learner is told that it was cut off
(`TimeLimit.truncated`); Stable-Baselines3 then adds the value of going on, and learns that stalling pays.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import Wrapper, spaces

from inwit.core.errors import UserError
from inwit.core.types import Step
from inwit.gym.batch import Batch
from inwit.gym.spaces import observation_space, read_actions
from inwit.integrations import missing

try:
    from stable_baselines3.common.torch_layers import CombinedExtractor
    from stable_baselines3.common.vec_env import VecEnv
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
except ModuleNotFoundError:
    raise missing("stable-baselines3", "rl") from None

Indices = None | int | Iterable[int]


class InwitVecEnv(VecEnv):
    """`num_envs` environments; what else can be set is as in `inwit.gym.env.InwitEnv`. Rows start anew within the step
    that ends them, as Stable-Baselines3 has it; `seed` may also be given by the learner."""

    def __init__(
        self, world: str = "tutorial-v1", num_envs: int = 256, *, bootstrap: bool = False, **settings: Any
    ) -> None:
        self.batch = Batch(world, num_envs, **settings)
        self.bootstrap = bootstrap
        self.render_mode = None
        self._began = time.time()
        self._tokens: np.ndarray | None = None
        actions = spaces.Discrete(self.batch.vocabulary_size)
        super().__init__(num_envs, observation_space(self.batch.world, self.batch.observe), actions)

    def reset(self) -> dict[str, np.ndarray]:
        """New problems; those that `set_options` described, once."""
        if self._seeds[0] is not None:
            self.batch.seed(self._seeds[0])
        options = {"tasks": self._options} if any(self._options) else None
        self.batch.start(self.batch.problems.read_all(options, self.num_envs, self.batch.draws))
        self._reset_seeds()
        self._reset_options()
        return self._observation()

    def step_async(self, actions: np.ndarray) -> None:
        self._tokens = read_actions(actions, self.num_envs, self.batch.vocabulary_size)

    def step_wait(self) -> VecEnvStepReturn:
        if self._tokens is None:
            raise UserError("there is no action to carry out: call step_async(actions) first")
        step = self.batch.step(torch.from_numpy(self._tokens))
        self._tokens = None
        ended = step.terminated | step.truncated
        infos: list[dict[str, object]] = [{} for _ in range(self.num_envs)]
        if bool(ended.any()):
            self._describe(infos, ended.nonzero()[:, 0].tolist(), step)
            self.batch.restart(ended)
        return self._observation(), step.reward.float().numpy(), ended.numpy(), infos

    def action_masks(self) -> np.ndarray:
        """Bool[num_envs, V]: the tokens that are legal now."""
        return self.batch.legal().numpy()

    def close(self) -> None:
        """There is nothing to close."""

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[object]:
        return [getattr(self, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: object, indices: Indices = None) -> None:
        raise UserError(f"{attr_name} cannot be set: rows are not objects of their own; make another environment")

    def env_method(self, method_name: str, *args: object, indices: Indices = None, **keywords: object) -> list[object]:
        if method_name != "action_masks":
            raise UserError(f"the environment has no method {method_name!r} for single rows: valid: action_masks")
        return list(self.action_masks()[self._rows(indices)])

    def env_is_wrapped(self, wrapper_class: type[Wrapper], indices: Indices = None) -> list[bool]:
        return [False] * len(self._rows(indices))

    def _rows(self, indices: Indices) -> Sequence[int]:
        return list(self._get_indices(indices))

    def _observation(self) -> dict[str, np.ndarray]:
        seen = {name: tensor.numpy(force=True).copy() for name, tensor in self.batch.observation().items()}
        seen["action_mask"] = seen["action_mask"].astype(np.int8)
        return seen

    def _describe(self, infos: list[dict[str, object]], rows: list[int], step: Step) -> None:
        """Fill in what Stable-Baselines3 asks for about the rows that have just ended."""
        last = self._observation()
        returns, lengths = self.batch.rows["returns"].tolist(), self.batch.rows["steps"].tolist()
        seconds = round(time.time() - self._began, 6)
        for row in rows:
            infos[row] |= {
                "terminal_observation": {name: part[row] for name, part in last.items()},
                "TimeLimit.truncated": self.bootstrap and bool(step.truncated[row]),
                "episode": {"r": returns[row], "l": lengths[row], "t": seconds},
                "is_success": bool(step.success[row]),
                **{name: bool(flags[row]) for name, flags in step.extra.items()},
            }


class TokenExtractor(CombinedExtractor):
    """Stable-Baselines3's own reading of our observations, every token one-hot, for policies with an LSTM:
    `policy_kwargs={"features_extractor_class": TokenExtractor}`. Its own counts features with a NumPy number, which
    PyTorch's LSTM refuses."""

    @property
    def features_dim(self) -> int:
        return int(self._features_dim)
