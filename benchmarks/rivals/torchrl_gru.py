"""TorchRL: collector, GAE and ClipPPOLoss around its GRUModule, actor and critic on one body, legal tokens masked."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from tensordict.nn import InteractionType, TensorDictModule, TensorDictSequential, set_interaction_type
from torch import Tensor, nn
from torch.nn import functional as F
from torchrl.collectors import Collector
from torchrl.envs import Compose, InitTracker, TransformedEnv
from torchrl.modules import GRUModule, MaskedCategorical, ProbabilisticActor, set_recurrent_mode
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

from inwit.integrations.torchrl import InwitTorchRLEnv


class TorchRLGRU:
    """`settings`: num_envs, n_steps, epochs, minibatches, learning_rate, entropy, gamma, lmbda, budget, and
    gae_each_epoch, as in the library's tutorial, where others estimate advantages once."""

    observe = "tokens"

    def __init__(self, settings: dict[str, Any], world: dict[str, Any], width: int, seed: int) -> None:
        torch.manual_seed(seed)
        self.settings, self.width = settings, width
        base = InwitTorchRLEnv(num_envs=settings["num_envs"], budget=settings["budget"], **world)
        base.set_seed(seed)
        size, stages = base.batch.vocabulary_size, base.batch.world.kinds.num_stages
        inputs = size * (base.batch.world.prompt_width + 2) + stages
        self.gru = GRUModule(
            inputs, width, in_keys=["seen", "memory", "is_init"], out_keys=["read", ("next", "memory")]
        )
        read = TensorDictModule(_OneHot(size, stages), ["prompt", "last", "stage", "action_mask"], ["seen"])
        self.body = TensorDictSequential(read, self.gru)
        logits = TensorDictModule(nn.Linear(width, size), ["read"], ["logits"])
        self.actor = ProbabilisticActor(
            TensorDictSequential(self.body, logits),
            in_keys={"logits": "logits", "mask": "action_mask"},
            distribution_class=MaskedCategorical,
            return_log_prob=True,
        )
        self.critic = TensorDictSequential(self.body, TensorDictModule(nn.Linear(width, 1), ["read"], ["state_value"]))
        env = TransformedEnv(base, Compose(InitTracker(), self.gru.make_tensordict_primer()))
        frames = settings["num_envs"] * settings["n_steps"]
        self.collector = Collector(env, self.actor, frames_per_batch=frames, total_frames=-1)
        self._batches = iter(self.collector)
        self.loss = ClipPPOLoss(self.actor, self.critic, entropy_coeff=settings["entropy"], normalize_advantage=True)
        self.gae = GAE(gamma=settings["gamma"], lmbda=settings["lmbda"], value_network=self.critic, shifted=True)
        self.optimiser = torch.optim.Adam(self.loss.parameters(), lr=settings["learning_rate"])

    def advance(self) -> int:
        block = next(self._batches)
        with set_recurrent_mode(True):
            for epoch in range(self.settings["epochs"]):
                if epoch == 0 or self.settings["gae_each_epoch"]:
                    with torch.no_grad():
                        self.gae(block)
                for rows in torch.randperm(block.shape[0]).chunk(self.settings["minibatches"]):
                    self._descend(block[rows])
        self.collector.update_policy_weights_()
        return block.numel()

    def _descend(self, part: Any) -> None:
        losses = self.loss(part)
        total = losses["loss_objective"] + losses["loss_critic"] + losses["loss_entropy"]
        self.optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.loss.parameters(), 1.0)
        self.optimiser.step()

    def player(self) -> Any:
        carried: dict[str, Tensor] = {}

        def play(seen: dict[str, Tensor], first: bool) -> Tensor:
            rows = len(seen["last"])
            memory = torch.zeros(rows, 1, self.width) if first else carried["now"]
            given = TensorDict(seen | {"memory": memory, "is_init": torch.full((rows, 1), first)}, [rows])
            with set_interaction_type(InteractionType.DETERMINISTIC):
                told = self.actor(given)
            carried["now"] = told["next", "memory"]
            return told["action"]

        return play


class _OneHot(nn.Module):
    def __init__(self, size: int, stages: int) -> None:
        super().__init__()
        self.size, self.stages = size, stages

    def forward(self, prompt: Tensor, last: Tensor, stage: Tensor, action_mask: Tensor) -> Tensor:
        tokens = F.one_hot(torch.cat([prompt, last[..., None]], -1), self.size).flatten(-2)
        return torch.cat([tokens, F.one_hot(stage, self.stages), action_mask], -1).float()
