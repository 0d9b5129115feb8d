"""TorchRL does with our ids what it does with environments of its own: its checks, its collectors, its losses."""

from __future__ import annotations

import warnings
from functools import partial
from importlib.util import find_spec
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from gymnasium_ids import every_id, skip_without_machine
from inwit import UserError
from inwit.gym import env_ids

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("torchrl") is None, reason="needs the extra rl")]


def masked(env: Any) -> Any:
    from torchrl.envs import TransformedEnv
    from torchrl.envs.transforms import ActionMask

    return TransformedEnv(env, ActionMask())


def ours(world: str = "tutorial-v1", num_envs: int = 4, **settings: Any) -> Any:
    from inwit.integrations.torchrl import InwitTorchRLEnv

    return InwitTorchRLEnv(world, num_envs, **settings)


SETTINGS: list[dict[str, Any]] = [
    {},
    {"categorical_action_encoding": True},
    {"observe": "machine", "budget": "terminates"},
    {"frame_skip": 2},
    {"from_pixels": True, "pixels_only": False},
]


@every_id
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(settings) or "plain")
def test_gym_env(env_id: str, settings: dict[str, Any]) -> None:
    from torchrl.envs import GymEnv, check_env_specs

    skip_without_machine(env_ids()[env_id], settings.get("observe", "tokens"))
    env = masked(GymEnv(env_id, **settings))
    check_env_specs(env)
    block = env.rollout(40, break_when_any_done=False)
    actions = block["action"] if "categorical_action_encoding" in settings else block["action"].argmax(-1)
    assert block["action_mask"].gather(-1, actions[..., None]).all()
    assert block["next", "done"].any()
    assert ("pixels" in block) == ("from_pixels" in settings)


@every_id
@pytest.mark.parametrize("vectorization", ["sync", "vector_entry_point"])
@pytest.mark.parametrize("mode", ["SameStep", "Disabled"])
def test_gym_wrapper_around_vector_environments(env_id: str, vectorization: str, mode: str) -> None:
    from torchrl.envs import GymWrapper, check_env_specs

    asked = {"autoreset_mode": mode}
    settings = {"vector_kwargs": asked} if vectorization == "sync" else asked
    envs = gymnasium.make_vec(env_id, 3, vectorization_mode=vectorization, **settings)
    first = int(envs.reset()[0]["last"][0])
    env = GymWrapper(envs, categorical_action_encoding=True)
    check_env_specs(env)
    env.set_seed(0)
    block = env.rollout(40, break_when_any_done=False)
    ended = block["next", "done"][:, :-1, 0]
    assert ended.any()
    assert (block["last"][:, 1:][ended] == first).all(), "An episode must begin anew after its end."
    if mode == "Disabled":  # of a Dict, TorchRL does not read what SAME_STEP tells of the end, and shows zeros
        last, action = (tokens[:, :-1][ended] for tokens in (block["next", "last"], block["action"]))
        assert (last == action).all(), "What an episode ends with must not be lost."


def test_gym_wrapper_refuses_the_mode_that_it_cannot_use() -> None:
    from torchrl.envs import GymWrapper

    with pytest.raises(RuntimeError, match="must be one of SAME_STEP or DISABLED"):
        GymWrapper(gymnasium.make_vec("inwit/Tutorial-v1", 3))


@every_id
def test_several_of_ours_as_one(env_id: str) -> None:
    from torchrl.envs import SerialEnv, check_env_specs

    make = partial(ours, env_ids()[env_id])
    check_env_specs(SerialEnv(2, make))
    both = [SerialEnv(2, make) for _ in range(2)]
    assert both[0].set_seed(3) == both[1].set_seed(3) != 3
    told = [env.reset()["prompt"] for env in both]
    assert torch.equal(*told)
    assert not torch.equal(told[0][0], told[0][1]), "Each has a seed of its own."


def test_seeds_and_generators_decide_the_problems() -> None:
    env = ours(num_envs=np.int64(20))
    assert env.set_seed(np.int64(3), static_seed=True) == 3
    told = [env.reset()["prompt"] for _ in range(2)]
    env.np_random = np.random.default_rng(1)
    other = [env.reset()["prompt"] for _ in range(2)]
    env.set_seed(3)
    assert torch.equal(env.reset()["prompt"], told[0])
    env.np_random = np.random.default_rng(1)
    assert torch.equal(env.reset()["prompt"], other[0])
    assert not torch.equal(*told)
    with pytest.raises(
        TypeError, match=r"InwitTorchRLEnv.__init__\(\) got an unexpected keyword argument 'stages'"
    ) as caught:
        ours(stages=0)
    assert isinstance(caught.value, UserError)
    assert "did you mean 'stage'" in str(caught.value)


@pytest.mark.parametrize(("budget", "terminated"), [("terminates", True), ("truncates", False)])
def test_what_a_spent_budget_is(budget: str, terminated: bool) -> None:
    env = ours(budget=budget)
    now = env.reset()
    for _ in range(7):
        now = env.step(now.set("action", torch.zeros(4, dtype=torch.int64)))["next"]
    assert now["done"].all()
    assert (now["terminated"] == terminated).all()
    assert (now["truncated"] != terminated).all()


def learn(env: Any, frames: int) -> None:
    """PPO of TorchRL's own parts, a collector among them, on an environment with categorical actions."""
    with warnings.catch_warnings():  # a deprecated class of its own, which it makes itself
        warnings.filterwarnings("ignore", "Creating .* which inherits from WeightUpdaterBase", DeprecationWarning)
        from torchrl.collectors import Collector
    from tensordict.nn import TensorDictModule
    from torchrl.envs import InitTracker, TransformedEnv
    from torchrl.modules import MaskedCategorical, ProbabilisticActor
    from torchrl.objectives import ClipPPOLoss
    from torchrl.objectives.value import GAE

    size = env.action_spec.space.n
    width = size * (env.observation_spec["prompt"].shape[-1] + 1)
    actor = ProbabilisticActor(
        TensorDictModule(_Net(width, size, size), ["prompt", "last", "action_mask"], ["logits", "mask"]),
        in_keys=["logits", "mask"],
        distribution_class=MaskedCategorical,
        return_log_prob=True,
    )
    critic = TensorDictModule(_Net(width, size, 1), ["prompt", "last", "action_mask"], ["state_value", "_mask"])
    loss, gae = ClipPPOLoss(actor, critic), GAE(gamma=1.0, lmbda=0.95, value_network=critic)
    optimiser = torch.optim.Adam(loss.parameters(), 3e-3)
    before = [tensor.clone() for tensor in loss.parameters()]
    collector = Collector(TransformedEnv(env, InitTracker()), actor, frames_per_batch=500, total_frames=frames)
    for block in collector:
        assert block["action_mask"].gather(-1, block["action"][..., None]).all()
        with torch.no_grad():
            gae(block)
        told = loss(block.reshape(-1))
        optimiser.zero_grad()
        (told["loss_objective"] + told["loss_critic"] + told["loss_entropy"]).backward()
        optimiser.step()
    collector.shutdown()
    assert all(tensor.isfinite().all() for tensor in loss.parameters())
    assert any(not was.equal(now) for was, now in zip(before, loss.parameters(), strict=True))


class _Net(torch.nn.Module):
    def __init__(self, width: int, size: int, outputs: int) -> None:
        super().__init__()
        self.size = size
        self.layers = torch.nn.Sequential(torch.nn.Linear(width, 32), torch.nn.Tanh(), torch.nn.Linear(32, outputs))

    def forward(self, prompt: Any, last: Any, action_mask: Any) -> tuple[Any, Any]:
        tokens = torch.cat([prompt, last[..., None]], -1)
        return self.layers(torch.nn.functional.one_hot(tokens, self.size).flatten(-2).float()), action_mask.bool()


@pytest.mark.slow
@every_id
def test_collectors_and_a_policy_that_learns(env_id: str) -> None:
    from torchrl.envs import GymEnv, GymWrapper

    learn(GymEnv(env_id, categorical_action_encoding=True), 2000)
    learn(ours(env_ids()[env_id], 20), 2000)
    envs = gymnasium.make_vec(env_id, 20, autoreset_mode="DISABLED")
    block = GymWrapper(envs, categorical_action_encoding=True).rollout(100, break_when_any_done=False)
    assert block.numel() == 2000


@pytest.mark.slow
def test_in_processes_of_their_own() -> None:
    from torchrl.envs import GymEnv, ParallelEnv

    for env in (
        GymEnv("inwit:inwit/Calculator-v0", num_envs=2, categorical_action_encoding=True),
        ParallelEnv(2, partial(ours, "calculator-v0")),
    ):
        assert env.rollout(40, break_when_any_done=False)["next", "done"].any()
        env.close()
