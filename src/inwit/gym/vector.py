"""Many environments at once behind Gymnasium's vector interface: `make_vec(..., "vector_entry_point")`.

Rows start anew as Gymnasium's own vector environments do by default (`AutoresetMode.NEXT_STEP`): the step after a row's
end ignores its action, pays nothing and shows the next problem.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.gym.batch import Batch
from inwit.gym.spaces import observation_space, read_actions

Arrays = dict[str, np.ndarray]


class InwitVectorEnv(VectorEnv[Arrays, np.ndarray, np.ndarray]):
    """`num_envs` environments as one block of tensors. `options` are those of `Problems`."""

    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self, num_envs: int = 1, world: str = "tutorial-v1", *, observe: str = "tokens", **options: Any
    ) -> None:
        if options.pop("render_mode", None) is not None:
            raise UserError("render_mode is for single environments: leave it out")
        self.batch = Batch(world, num_envs, observe=observe, **options)
        self.num_envs = num_envs
        self.single_observation_space = observation_space(self.batch.world, observe)
        self.single_action_space = spaces.Discrete(self.batch.vocabulary_size)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, *, seed: int | None = None, options: Json | None = None
    ) -> tuple[Arrays, Json]:
        """New problems: drawn, or those that `options` describe (see `Problems.read_all`)."""
        super().reset(seed=seed)
        if seed is not None:
            self.batch.seed(seed)
        self.batch.start(self.batch.problems.read_all(options, self.num_envs, self.batch.draws))
        nothing = torch.zeros(self.num_envs, dtype=torch.bool)
        return self._observation(), self._info(nothing, dict.fromkeys(self.batch.world.extra_outcomes, nothing))

    def step(self, actions: object) -> tuple[Arrays, np.ndarray, np.ndarray, np.ndarray, Json]:
        tokens = read_actions(actions, self.num_envs, self.batch.vocabulary_size)
        ended = self.batch.ended
        step = self.batch.step(torch.from_numpy(tokens))
        self.batch.restart(ended)
        flags = (step.reward.double().numpy(), step.terminated.numpy(), step.truncated.numpy())
        return self._observation(), *flags, self._info(step.success, step.extra)

    def action_masks(self) -> np.ndarray:
        """Bool[num_envs, V]: the tokens that are legal now."""
        return self.batch.legal().numpy()

    def _observation(self) -> Arrays:
        seen = {name: tensor.numpy(force=True).copy() for name, tensor in self.batch.observation().items()}
        seen["action_mask"] = seen["action_mask"].astype(np.int8)
        return seen

    def _info(self, success: torch.Tensor, extra: dict[str, torch.Tensor]) -> Json:
        outcomes = {"action_mask": self.action_masks(), "success": success.numpy()}
        outcomes |= {name: flags.numpy() for name, flags in extra.items()}
        everywhere = np.ones(self.num_envs, bool)
        return outcomes | {f"_{name}": everywhere for name in outcomes}
