"""The TorchRL environment: its specs by TorchRL's own check, recorded episodes, and partial resets."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
import torch

from golden_records import WORLDS, groups
from gymnasium_ids import skip_without_machine
from inwit import UserError

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("torchrl") is None, reason="needs the extra rl")]


def make_env(*arguments: Any, **settings: Any) -> Any:
    """TorchRL is imported when a test runs, since that takes a second."""
    from inwit.integrations.torchrl import InwitTorchRLEnv

    return InwitTorchRLEnv(*arguments, **settings)


@pytest.mark.parametrize("observe", ["tokens", "machine"])
@pytest.mark.parametrize("world_id", WORLDS)
def test_torchrls_own_checks(world_id: str, observe: str) -> None:
    from torchrl.envs import check_env_specs

    skip_without_machine(world_id, observe)
    env = make_env(world_id, 8, observe=observe)
    check_env_specs(env)
    assert env.observation_spec["action_mask"].shape == (8, env.batch.vocabulary_size)


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_the_device_is_named_as_torchrl_names_it(device: Any) -> None:
    assert make_env("tutorial-v1", 2, device=device).rollout(2).device == torch.device("cpu")
    for wrong in ("tpu", "cuda:99", None):
        with pytest.raises(UserError, match=rf"unknown device '{wrong}': .*valid: cpu"):
            make_env("tutorial-v1", 2, device=wrong)


@pytest.mark.parametrize("world_id", WORLDS)
def test_the_masks_are_kept_to(world_id: str) -> None:
    from torchrl.envs import TransformedEnv, check_env_specs
    from torchrl.envs.transforms import ActionMask

    env = TransformedEnv(make_env(world_id, 32), ActionMask())
    check_env_specs(env)
    block = env.rollout(40, break_when_any_done=False)
    assert bool(block["action_mask"].gather(-1, block["action"][..., None]).all())
    assert int(block["next", "done"].sum()) > 32, "Too few episodes ended to say anything of new beginnings."
    fresh = block["next", "done"][:, :-1, 0]
    assert bool((block["last"][:, 1:][fresh] == block["last"][0, 0]).all()), "An episode must begin anew after its end."


@pytest.mark.parametrize("every", [41, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("world_id", WORLDS)
def test_recorded_episodes(world_id: str, every: int) -> None:
    for settings, records in groups(world_id, every):
        env = make_env(world_id, len(records), **settings)
        now = env.reset(options={"tasks": [record.task for record in records]})
        lengths = torch.tensor([len(record.actions) for record in records])
        paid, last = torch.zeros(len(records)), {}
        for column in range(int(lengths.max())):
            live = column < lengths
            for row in live.nonzero()[:, 0].tolist():
                if (legal := records[row].legal) is not None:
                    assert now["action_mask"][row].nonzero()[:, 0].tolist() == legal[column], records[row]
            actions = [(record.actions[column : column + 1] or [0])[0] for record in records]
            now = env.step(now.set("action", torch.tensor(actions)))["next"]
            paid += now["reward"][:, 0] * live
            last |= {row: now[row] for row in (lengths == column + 1).nonzero()[:, 0].tolist()}
        assert paid.tolist() == pytest.approx([record.reward for record in records], abs=1e-6)
        for row, record in enumerate(records):
            assert bool(last[row]["terminated"]) == record.terminated, record
            assert record.truncated in (None, bool(last[row]["truncated"])), record


def test_the_worlds_answers_and_counts_are_shown() -> None:
    env = make_env("lookup-v0", 2, price=0.25)
    names = env.batch.world.vocabulary
    now = env.reset(options={"query": "F 3", "table": [4] * 35})
    assert now["calls"].tolist() == [[0], [0]]
    for actions in (["F", "ANS"], ["3", "4"]):
        now = env.step(now.set("action", torch.tensor(names.ids(actions))))["next"]
    assert names.decode(now["last"].tolist()) == ["4", "4"]
    assert now["reward"].tolist() == [[-0.25], [1.0]]
    assert now["calls"].tolist() == [[1], [0]]
    assert now["terminated"].tolist() == [[False], [True]]


def test_rows_start_anew_by_themselves() -> None:
    env = make_env("tutorial-v1", 4)
    env.set_seed(0)
    now = env.reset()
    again = make_env("tutorial-v1", 4)
    again.set_seed(0)
    assert torch.equal(again.reset()["prompt"], now["prompt"])
    for _ in range(7):
        now = env.step(now.set("action", torch.zeros(4, dtype=torch.int64)))["next"]
    assert bool(now["truncated"].all())
    assert not bool(now["terminated"].any())
    later = env.step(now.clone().set("action", torch.full((4,), 11)))["next"]
    assert bool(later["done"].all())
    assert bool(later["truncated"].all())
    assert later["last"].tolist() == [0] * 4, "What is written after the end leaves no trace."
    which = torch.tensor([[True], [False], [True], [False]])
    fresh = env.reset(now.exclude("reward").set("_reset", which))
    assert fresh["done"][:, 0].tolist() == [False, True, False, True]
    assert (fresh["last"] == 10).tolist() == [True, False, True, False]
    with pytest.raises(UserError, match="cannot be given where _reset marks some"):
        env.reset(now.exclude("reward").set("_reset", which), options={"stage": 0})


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (torch.zeros(3), "type float32"),
        (torch.zeros(3, dtype=torch.bool), "type bool"),
        (torch.tensor([0, 18, 1]), "18 is out of range"),
    ],
)
def test_wrong_actions(action: Any, message: str) -> None:
    from tensordict import TensorDict

    env = make_env("tutorial-v1", 3)
    env.reset()
    with pytest.raises(UserError, match=message):
        env.step(TensorDict({"action": action}, [3]))


def test_no_two_tensors_of_a_reset_share_their_memory() -> None:
    env = make_env("tutorial-v1", 3)
    now = env.reset()
    places = [tensor.data_ptr() for tensor in now.values()]
    assert len(set(places)) == len(places)
    now["done"].fill_(True)
    assert not now["success"].any()


def test_text_is_no_seed() -> None:
    with pytest.raises(UserError, match="seed = '5' is not a whole number"):
        make_env("tutorial-v1", 2)._set_seed("5")
