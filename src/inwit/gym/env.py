"""One environment: the scalar twin of a world behind Gymnasium's interface."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import gymnasium
import numpy as np
import torch
from gymnasium import spaces

from inwit import worlds
from inwit.core.contracts import ScalarWorld, ShowingTwin
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.gym.machine import showing
from inwit.gym.problems import Problems, check_observe
from inwit.gym.spaces import observation_space, read_action
from inwit.policies.base import last_token


class InwitEnv(gymnasium.Env[Json, Any]):
    """An action is a token id; an illegal one has no effect and costs a step, with masks and without.

    `observe="tokens"` hides the machine, so that memory must be in the agent; `observe="machine"` shows all of it.
    `options` are those of `Problems`: `stage`, `slots`, `masks` and the world's settings.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi"], "render_fps": 1}  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self, world: str = "tutorial-v1", *, observe: str = "tokens", render_mode: str | None = None, **options: Any
    ) -> None:
        check_observe(observe)
        if render_mode not in (None, "ansi"):
            raise UserError(f"render_mode = {render_mode!r} does not exist: valid: 'ansi'")
        self.render_mode = render_mode
        self.problems = Problems(world, **options)
        self.world = self.problems.world
        self.observation_space = observation_space(self.world, observe)
        self.action_space = spaces.Discrete(len(self.world.vocabulary))
        # The names of the machine's numbers; none where it is hidden.
        self.machine_names = list(showing(self.world).machine_names) if observe == "machine" else []
        self._draws: torch.Generator | None = None
        self._twin: ScalarWorld | None = None

    def reset(self, *, seed: int | None = None, options: Json | None = None) -> tuple[Json, Json]:
        """A new problem: drawn, or the one that `options` describe (see `Problems.read`)."""
        super().reset(seed=seed)
        if seed is not None or self._draws is None:
            self._draws = stream(self.np_random_seed, "gym tasks")
        row = self.problems.read(options, self._draws)
        [task] = self.world.describe(row)
        self._twin = worlds.make_scalar(self.world.id, task, **self.world.settings.to_dict())
        prompt, mask = self.world.prompt(row)
        self._fixed = {"prompt": prompt[0].numpy(), "stage": np.int64(self.world.stage(row)[0])}
        self._last = int(last_token(prompt, mask)[0])
        self._written: list[int] = []
        seen = self._observation()
        return seen, {"task": task, **self._info(seen)}

    def step(self, action: object) -> tuple[Json, float, bool, bool, Json]:
        token = read_action(action, len(self.world.vocabulary))
        twin = self._started()
        if twin.ended:
            raise UserError("the episode has ended: call reset() before the next step")
        before = twin.reward
        twin.step(token)
        self._last = token
        self._written.append(token)
        reward, seen = float(twin.reward - before), self._observation()
        return seen, reward, twin.terminated, twin.truncated, self._info(seen)

    def action_masks(self) -> np.ndarray:
        """Bool[V]: the tokens that are legal now; all of them with `masks=False`."""
        mask = np.full(len(self.world.vocabulary), not self.world.masks)
        if self.world.masks:
            mask[self._started().legal()] = True
        return mask

    def render(self) -> str | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The task, what was written, and the machine, as three lines; None without a render mode."""
        if self.render_mode is None:
            return None
        twin = self._started()
        task = "  ".join(f"{name} {_shown(value)}" for name, value in twin.task_dict().items())
        machine = "  ".join(f"{name} {_shown(value)}" for name, value in twin.state().items())
        program = " ".join(self.world.vocabulary.decode(self._written)) or "nothing yet"
        return f"{task}\nwritten {program}\n{machine}"

    def _started(self) -> ScalarWorld:
        if self._twin is None:
            raise UserError("the environment has no problem yet: call reset() first")
        return self._twin

    def _observation(self) -> Json:
        seen = {
            "prompt": self._fixed["prompt"].copy(),
            "last": np.int64(self._last),
            "stage": self._fixed["stage"],
            "action_mask": self.action_masks().astype(np.int8),
        }
        if self.machine_names:
            seen["machine"] = np.array(cast(ShowingTwin, self._started()).machine(), np.float32)
        return seen

    def _info(self, seen: Json) -> Json:
        twin = self._started()
        outcome = {name: bool(value) for name, value in twin.extra.items()}
        return {"action_mask": seen["action_mask"].astype(bool), "success": bool(twin.success), **outcome}


def _shown(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(_shown, value)) or "none"
    return "·" if value is None else str(value)
