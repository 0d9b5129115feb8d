"""The worlds for TorchRL: a batched EnvBase whose steps are our tensors, unconverted.

The legal tokens are the observation `action_mask`. `TransformedEnv(env, ActionMask())` makes random actions, and
the action spec, respect them; policies read the mask from the tensordict.
"""

from __future__ import annotations

from typing import Any

import torch
from gymnasium.utils.seeding import np_random

from inwit.core.devices import usable_device
from inwit.core.errors import UserError, missing
from inwit.core.numbers import given_number
from inwit.gym.batch import Batch
from inwit.gym.keywords import check_keywords
from inwit.gym.machine import LIMIT, showing
from inwit.gym.problems import Problems
from inwit.gym.spaces import read_actions

try:
    from tensordict import TensorDict, TensorDictBase
    from torchrl.data import Binary, Bounded, Categorical, Composite, Unbounded
    from torchrl.envs import EnvBase
except ModuleNotFoundError:
    raise missing("torchrl", "rl") from None


class InwitTorchRLEnv(EnvBase):
    """`num_envs` environments of batch size `[num_envs]`; what else can be set is as in `inwit.gym.env.InwitEnv`.

    The world computes on the CPU; tensors come from and go to `device`. TorchRL's own estimators
    of advantages add the value of going on where `terminated` is false: `budget="terminates"` ends that.
    """

    def __init__(
        self,
        world: str = "tutorial-v1",
        num_envs: int = 256,
        *,
        observe: str = "tokens",
        budget: str = "truncates",
        device: torch.device | str = "cpu",
        **options: Any,
    ) -> None:
        check_keywords(InwitTorchRLEnv, Problems, world, options)
        place = usable_device(str(device), "device")
        batch = Batch(world, num_envs, observe=observe, budget=budget, **options)
        num_envs = batch.count
        super().__init__(device="cpu", batch_size=torch.Size([num_envs]))
        self.batch = batch
        self.np_random, _ = np_random()
        size, each, one = self.batch.vocabulary_size, torch.Size([num_envs]), torch.Size([num_envs, 1])
        parts: dict[str, Any] = {
            "prompt": Categorical(size, shape=torch.Size([num_envs, self.batch.world.prompt_width])),
            "last": Categorical(size, shape=each),
            "stage": Categorical(self.batch.world.kinds.num_stages, shape=each),
            "action_mask": Binary(size, shape=torch.Size([num_envs, size]), dtype=torch.bool),
            "success": Binary(1, shape=one, dtype=torch.bool),
        }
        if self.batch.observe == "machine":
            numbers = len(showing(self.batch.world).machine_names)
            parts["machine"] = Bounded(-LIMIT, LIMIT, shape=torch.Size([num_envs, numbers]), dtype=torch.float32)
        parts |= {name: Unbounded(shape=one, dtype=torch.int64) for name in self.batch.problems.counts}
        self.observation_spec = Composite(parts, shape=each)
        self.action_spec = Categorical(size, shape=each)
        self.reward_spec = Unbounded(shape=one)
        flags = {name: Binary(1, shape=one, dtype=torch.bool) for name in ("done", "terminated", "truncated")}
        self.done_spec = Composite(flags, shape=each)
        if place.type != "cpu":
            self.to(place)

    def _reset(self, tensordict: TensorDictBase | None = None, **settings: Any) -> TensorDictBase:
        """New problems, in the rows that `_reset` marks or in all; `env.reset(options=...)` describes them."""
        which = None if tensordict is None else tensordict.get("_reset", None)
        if which is None:
            tasks = self.batch.problems.read_all(settings.get("options"), self.batch.count, self.np_random)
            self.batch.start(tasks)
        else:
            if settings.get("options"):
                raise UserError("options pose problems in all rows: they cannot be given where _reset marks some")
            self.batch.restart(which.reshape(self.batch.count).cpu(), self.np_random)
        none = torch.zeros(self.batch.count, 1, dtype=torch.bool)
        return self._shown({name: none.clone() for name in ("success", "done", "terminated", "truncated")})

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        """A row that has ended stays as it is, done and unpaid, until it is reset."""
        actions = read_actions(tensordict["action"], self.batch.count, self.batch.vocabulary_size)
        step = self.batch.step(torch.from_numpy(actions))
        rows = self.batch.rows
        flags = {"done": rows["ended"], "terminated": rows["terminated"], "truncated": rows["truncated"]}
        shown = {name: flag[:, None] for name, flag in flags.items()} | {"success": step.success[:, None]}
        return self._shown({**shown, "reward": step.reward.float()[:, None]})

    def _set_seed(self, seed: int | None) -> None:
        if seed is not None:
            self.np_random, _ = np_random(given_number("seed", seed))

    def _shown(self, more: dict[str, torch.Tensor]) -> TensorDictBase:
        counts = {name: number[:, None] for name, number in self.batch.counts().items()}
        shown = self.batch.observation() | counts | more
        return TensorDict(shown, batch_size=[self.batch.count], device=self.device)
