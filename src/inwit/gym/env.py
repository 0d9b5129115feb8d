"""One environment: the scalar twin of a world behind Gymnasium's interface."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, cast

import gymnasium
import numpy as np
from gymnasium import spaces

from inwit import worlds
from inwit.core.capabilities import ShowingTwin
from inwit.core.contracts import ScalarWorld
from inwit.core.errors import UserError
from inwit.core.numbers import given_number
from inwit.core.results import Json, Task
from inwit.gym.keywords import BUDGETS, OBSERVATIONS, SUCCESS, check_choice, check_keywords
from inwit.gym.machine import showing
from inwit.gym.problems import Problems
from inwit.gym.rendering import METADATA, frame
from inwit.gym.spaces import observation_space, read_action
from inwit.gym.turns import carry_out
from inwit.policies.base import last_token
from inwit.worlds.play import marked


class InwitEnv(gymnasium.Env[Json, Any]):
    """An action is a token id; an illegal one has no effect and costs a step, with masks and without. Where the world
    answers, a step goes on to the policy's next turn: `last` is then the answer, and the reward that of both.

    `observe="tokens"` hides the machine, so that memory must be in the agent; `observe="machine"` shows all of it.
    `budget` is told in `keywords`. `options` are those of `Problems`: `stage`, `slots`, `masks` and the world's
    settings. Problems follow `np_random`: whoever sets it sets them.
    """

    metadata: ClassVar[dict[str, Any]] = METADATA  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        world: str = "tutorial-v1",
        *,
        observe: str = "tokens",
        budget: str = "truncates",
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        check_keywords(InwitEnv, Problems, world, options)
        check_choice("observe", observe, OBSERVATIONS)
        check_choice("budget", budget, BUDGETS)
        self.render_mode, self.budget = render_mode, budget
        self.problems = Problems(world, **options)
        self.world = self.problems.world
        self.observation_space = observation_space(self.world, observe)
        self.action_space = spaces.Discrete(len(self.world.vocabulary))
        # The names of the machine's numbers; none where it is hidden.
        self.machine_names = list(showing(self.world).machine_names) if observe == "machine" else []
        self._twin: ScalarWorld | None = None
        self._task: Task | None = None

    def reset(self, *, seed: int | None = None, options: Json | None = None) -> tuple[Json, Json]:
        """A new problem: drawn, or the one that `options` describe (see `Problems.read`)."""
        super().reset(seed=None if seed is None else given_number("seed", seed))
        row = self.problems.read(options, self.np_random)
        [task] = self.world.describe(row)
        self._twin = worlds.make_scalar(self.world.id, task, **self.world.settings.to_dict())
        self._task = task
        prompt, mask = self.world.prompt(row)
        self._fixed = {"prompt": prompt[0].numpy(), "stage": np.int64(self.world.stage(row)[0])}
        self._last = int(last_token(prompt, mask)[0])
        self._written: list[str] = []
        self._prompt_mask, self._stream = mask[0].numpy(), tuple[int, ...]()
        return self._observation(), self._info()

    def step(self, action: object) -> tuple[Json, float, bool, bool, Json]:
        token = read_action(action, len(self.world.vocabulary))
        twin = self._started()
        if twin.ended:
            raise UserError("the episode has ended: call reset() before the next step")
        before = twin.reward
        answers, names = carry_out(twin, token), self.world.vocabulary.decode
        self._last = answers[-1] if answers else token
        self._written += [*names([token]), *marked(names(answers))]
        self._stream += (token, *answers)
        over = twin.terminated or (twin.truncated and self.budget == "terminates")
        cut = twin.truncated and not over
        return self._observation(), float(twin.reward - before), over, cut, self._info()

    @property
    def task(self) -> Task | None:
        """The problem, as reset options name it; None before the first. It is not in `info`: others stack what is there
        over environments."""
        return copy.deepcopy(self._task)

    @property
    def stream(self) -> tuple[int, ...]:
        """The episode's tokens so far, in order: those of the actions, and what the world answered to each."""
        self._started()
        return self._stream

    @property
    def prompt_mask(self) -> np.ndarray:
        """Bool[P], False where the prompt is padding; another array in each episode."""
        self._started()
        return self._prompt_mask

    def action_masks(self) -> np.ndarray:
        """Int8[V], as `action_space.sample` takes it: 1 for the tokens that are legal now; all with `masks=False`."""
        mask = np.full(len(self.world.vocabulary), not self.world.masks, np.int8)
        if self.world.masks:
            mask[self._started().legal()] = 1
        return mask

    def render(self) -> str | np.ndarray | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Three lines of text, or a picture (UInt8[H, W, 3]), as `render_mode` says; None without one."""
        if self.render_mode is None:
            return None
        return frame(self.render_mode, self.world, self._started(), self._written)

    def _started(self) -> ScalarWorld:
        if self._twin is None:
            raise UserError("the environment has no problem yet: call reset() first")
        return self._twin

    def _observation(self) -> Json:
        seen = {
            "prompt": self._fixed["prompt"].copy(),
            "last": np.int64(self._last),
            "stage": self._fixed["stage"],
            "action_mask": self.action_masks(),
        }
        if self.machine_names:
            seen["machine"] = np.array(cast(ShowingTwin, self._started()).machine(), np.float32)
        return seen

    def _info(self) -> Json:
        twin = self._started()
        outcome = {name: bool(value) for name, value in twin.extra.items()}
        success = dict.fromkeys(SUCCESS, bool(twin.success))
        return {"action_mask": self.action_masks(), **success, **outcome, **twin.counts}
