"""A2C with masks on Gymnasium's vector interface, on one screen, as others write it: it knows of no world of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from torch import Tensor, nn
from torch.nn import functional as F


class Network(nn.Module):
    def __init__(self, space: spaces.Dict, actions: int, width: int = 64) -> None:
        super().__init__()
        self.space = space
        inputs = self.read({name: part.sample()[None] for name, part in space.items()}).shape[1]
        self.body = nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.logits, self.value = nn.Linear(width, actions), nn.Linear(width, 1)

    def read(self, seen: Any) -> Tensor:
        parts = []
        for name, part in self.space.items():
            told = torch.as_tensor(seen[name])
            if isinstance(part, spaces.Discrete | spaces.MultiDiscrete):
                told = F.one_hot(told, int(np.max(part.n if isinstance(part, spaces.Discrete) else part.nvec)))
            parts.append(told.flatten(1).float())
        return torch.cat(parts, 1)

    def forward(self, seen: Any) -> tuple[torch.distributions.Categorical, Tensor]:
        found = self.body(self.read(seen))
        mask = torch.as_tensor(seen["action_mask"], dtype=torch.bool)
        logits = self.logits(found).masked_fill(~mask, -1e8)
        return torch.distributions.Categorical(logits=logits), self.value(found)[:, 0]


def train(envs: VectorEnv[Any, Any, Any], steps: int, horizon: int = 8, rate: float = 3e-3) -> tuple[Network, float]:
    """Learn for at least `steps` steps; the network, and what the last quarter of the episodes was paid on average."""
    mode = envs.metadata["autoreset_mode"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(envs.single_observation_space, int(envs.single_action_space.n))
        optimiser = torch.optim.Adam(network.parameters(), rate)
        seen, _ = envs.reset(seed=0)
        over, returns, paid = np.zeros(envs.num_envs, bool), np.zeros(envs.num_envs), []
        for _ in range(-(-steps // (horizon * envs.num_envs))):
            told: list[tuple[Tensor, ...]] = []
            for _ in range(horizon):
                policy, value = network(seen)
                action = policy.sample()
                seen, reward, terminated, truncated, _ = envs.step(action.numpy())
                void = (
                    over if mode is AutoresetMode.NEXT_STEP else np.zeros_like(over)
                )  # its action was not carried out
                over = terminated | truncated
                returns += reward
                paid += returns[over].tolist()
                returns[over] = 0.0
                if mode is AutoresetMode.DISABLED and over.any():
                    seen, _ = envs.reset(options={"reset_mask": over})
                numbers = (torch.tensor(each, dtype=torch.float32) for each in (reward, ~over, ~void))
                told.append((value, policy.log_prob(action), policy.entropy(), *numbers))
            with torch.no_grad():
                ahead = network(seen)[1]
            losses = []
            for value, log_prob, entropy, reward, goes_on, real in reversed(told):
                ahead = reward + ahead * goes_on
                gain = ahead - value
                losses.append(((gain**2 / 2 - log_prob * gain.detach() - 0.02 * entropy) * real).mean())
            optimiser.zero_grad()
            torch.stack(losses).mean().backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
    return network, float(np.mean(paid[-(len(paid) // 4 + 1) :]))
