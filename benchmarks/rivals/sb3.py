"""Stable-Baselines3 and sb3-contrib on the batched VecEnv."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inwit.integrations.stable_baselines3 import InwitVecEnv, TokenExtractor

LEAST = 1000  # steps in a call of `advance`


class StableBaselines:
    """`settings`: `algorithm`, `num_envs`, `budget`, and what is left for the algorithm's constructor."""

    def __init__(self, settings: dict[str, Any], world: dict[str, Any], width: int, seed: int) -> None:
        settings = dict(settings)
        self.algorithm = settings.pop("algorithm")
        self.observe = "tokens" if self.algorithm == "RecurrentPPO" else "machine"
        env = InwitVecEnv(
            num_envs=settings.pop("num_envs"), budget=settings.pop("budget"), observe=self.observe, **world
        )
        self.model = _class(self.algorithm)(
            "MultiInputLstmPolicy" if self.algorithm == "RecurrentPPO" else "MultiInputPolicy",
            env,
            policy_kwargs=self._network(width) | settings.pop("network", {}),
            seed=seed,
            device="cpu",
            **settings,
        )
        rollout = env.num_envs * self.model.n_steps
        self.steps = rollout * ceil(LEAST / rollout)  # `learn` sets up anew at each call: not after every 20 steps

    def _network(self, width: int) -> dict[str, Any]:
        if self.algorithm != "RecurrentPPO":
            return {"net_arch": [width, width]}
        return {"lstm_hidden_size": width, "net_arch": [], "features_extractor_class": TokenExtractor}

    def advance(self) -> int:
        self.model.learn(self.steps, reset_num_timesteps=False)
        return self.steps

    def player(self) -> Any:
        memory: dict[str, Any] = {}

        def play(seen: dict[str, Tensor], first: bool) -> Tensor:
            arrays = {name: tensor.numpy() for name, tensor in seen.items()}
            arrays["action_mask"] = arrays["action_mask"].astype(np.int8)
            more: dict[str, Any] = {}
            if self.algorithm == "MaskablePPO":
                more["action_masks"] = seen["action_mask"].numpy()
            if self.algorithm == "RecurrentPPO":
                more = {"state": None if first else memory["now"], "episode_start": np.full(len(seen["last"]), first)}
            actions, memory["now"] = self.model.predict(arrays, deterministic=True, **more)
            return torch.from_numpy(actions)

        return play


def _class(name: str) -> Any:
    if name in ("A2C", "PPO"):
        import stable_baselines3

        return getattr(stable_baselines3, name)
    import sb3_contrib

    return getattr(sb3_contrib, name)
