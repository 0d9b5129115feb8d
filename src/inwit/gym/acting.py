"""An agent plays an environment: observations in, actions out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from inwit.core.contracts import Agent
from inwit.core.distributions import choose
from inwit.core.errors import UserError, short
from inwit.core.isolation import on_own_terms
from inwit.core.types import Memory
from inwit.evaluation.exact import refuse_unfit
from inwit.gym.env import InwitEnv
from inwit.runs.loading import load
from inwit.worlds.vocabularies import other_tokens

if TYPE_CHECKING:
    import gymnasium


class Actor:
    """The greedy agent in one environment. It keeps the agent's memory, and reads what was written since: its own
    actions, what the world answered, and what somebody else wrote in its place."""

    def __init__(self, agent: Agent | str | Path, env: gymnasium.Env) -> None:
        inside = getattr(env, "unwrapped", env)
        if not isinstance(inside, InwitEnv):
            raise UserError(f"{short(env)} is not one environment of inwit's: make one with gymnasium.make")
        self.agent, self.env = agent if isinstance(agent, Agent) else load(agent), inside
        if differ := other_tokens(self.agent.world, inside.world):
            raise UserError(f"the agent does not fit this environment: {differ}")
        refuse_unfit(replace(self.agent, world=inside.world))  # which may have more stages
        self._heard: tuple[int, ...] = ()  # of the stream
        self._memory: Memory = {}
        self._mask: np.ndarray | None = None  # of the episode's prompt: each episode has its own

    def __call__(self, observation: Mapping[str, np.ndarray], info: object = None) -> int:
        """The token to write next, after the `observation` that `reset` or `step` gave; `info` is not read."""
        with on_own_terms(self.agent.threads), torch.no_grad():
            logits = self._read(observation)
            return int(choose(logits, self._row(observation["action_mask"]) > 0, None))

    def _read(self, observation: Mapping[str, np.ndarray]) -> Tensor:
        """Float[1, V], the agent's logits after all that stands in the stream."""
        stream, mask, policy = self.env.stream, self.env.prompt_mask, self.agent.policy
        if self._mask is not mask or len(stream) < len(self._heard):  # another episode
            prompt, stage = self._row(observation["prompt"]), self._row(observation["stage"])
            output, self._memory = policy.begin(prompt, self._row(mask) > 0, stage)
            self._mask, self._heard, self._logits = mask, (), output.logits
        for token in stream[len(self._heard) :]:
            output, self._memory = policy.step(self._row(token), self._memory)
            self._logits = output.logits
        self._heard = stream
        return self._logits

    def _row(self, value: object) -> Tensor:
        """Int64[1, ...], on the agent's device."""
        return torch.as_tensor(np.asarray(value), dtype=torch.int64, device=self.agent.device)[None]
