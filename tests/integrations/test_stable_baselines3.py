"""The VecEnv for Stable-Baselines3: recorded episodes, what it tells of endings, and learners that really learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sb3_contrib")

from gymnasium.utils.env_checker import data_equivalence
from sb3_contrib import MaskablePPO, RecurrentPPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecMonitor

import inwit
from golden_records import WORLDS, groups
from inwit import UserError
from inwit.integrations.stable_baselines3 import InwitVecEnv, TokenExtractor


@pytest.mark.parametrize("every", [41, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("world_id", WORLDS)
def test_recorded_episodes(world_id: str, every: int) -> None:
    """All records as the rows of one environment; what follows a record in its row is another problem."""
    for settings, records in groups(world_id, every):
        env = InwitVecEnv(world_id, len(records), **settings)
        env.set_options([record.task for record in records])
        env.reset()
        lengths = np.array([len(record.actions) for record in records])
        paid, endings = np.zeros(len(records)), [{} for _ in records]
        for column in range(lengths.max()):
            live = column < lengths
            masks = env.env_method("action_masks")
            actions = np.array([(record.actions[column : column + 1] or [0])[0] for record in records])
            for row, record in enumerate(records):
                if record.legal is not None and live[row]:
                    assert masks[row].nonzero()[0].tolist() == record.legal[column], record
            _, reward, done, infos = env.step(actions)
            paid += reward * live
            for row in (done & live).nonzero()[0]:
                assert not endings[row], f"{records[row]} ends twice."
                endings[row] = infos[row]
                assert infos[row]["terminal_observation"]["last"] == records[row].actions[-1]
                assert infos[row]["episode"]["l"] == lengths[row]
                assert infos[row]["episode"]["r"] == pytest.approx(records[row].reward, abs=1e-6)
        assert paid == pytest.approx([record.reward for record in records], abs=1e-6)
        assert all(endings[row] for row, record in enumerate(records) if record.terminated or record.truncated)


def test_what_the_world_counts_is_told() -> None:
    """At the end of each step, and from nothing at a beginning; `last` is then the world's answer."""
    env = InwitVecEnv("lookup-v0", 2, price=0.25)
    env.set_options({"query": "F 3", "table": [4] * 35})
    env.reset()
    assert [info["calls"] for info in env.reset_infos] == [0, 0]
    names = env.batch.world.vocabulary
    for actions, reward, calls, last in (
        (["F", "ANS"], [0, 0], [0, 0], ["F", "ANS"]),
        (["3", "4"], [-0.25, 1], [1, 0], ["4", "="]),
        (["F", "F"], [0, 0], [1, 0], ["F", "F"]),
        (["3", "1"], [-0.25, -0.25], [2, 1], None),
    ):
        seen, paid, done, infos = env.step(np.array(names.ids(actions)))
        assert paid.tolist() == reward
        assert [info["calls"] for info in infos] == calls
        assert last is None or names.decode(seen["last"].tolist()) == last
        if done.any():
            assert infos[1]["terminal_observation"]["last"] == names.id("4")
            assert env.reset_infos[1]["calls"] == 0


def test_truncation_is_an_ending_unless_asked() -> None:
    for budget in ("terminates", "truncates"):
        env = InwitVecEnv("tutorial-v1", 2, budget=budget)
        env.set_options({"stage": 0, "operands": [3, 4, 5]})
        first = env.reset()
        for _ in range(6):
            assert not env.step(np.array([0, 0]))[2].any()
        seen, reward, done, infos = env.step(np.array([0, 0]))
        assert done.all()
        assert not reward.any()
        assert [info["TimeLimit.truncated"] for info in infos] == [budget == "truncates"] * 2
        assert infos[0]["terminal_observation"]["last"] == 0
        assert (seen["last"] == first["last"]).all(), "The next episode must have begun."


def ids(count: int, budget: str) -> Any:
    """The registered id in Stable-Baselines3's own vector environment."""
    return make_vec_env("inwit/Tutorial-v1", count, env_kwargs={"stage": 0, "budget": budget})


@pytest.mark.parametrize("budget", ["terminates", "truncates"])
def test_infos_are_those_of_single_environments(budget: str) -> None:
    """Over several episodes of one problem, right and wrong and too long: DummyVecEnv and ours tell the same."""
    ours, theirs = InwitVecEnv("tutorial-v1", 2, stage=0, budget=budget), ids(2, budget)
    problem = {"stage": 0, "operands": [3, 4, 5]}
    for program in (["MUL", "ADD", "ANS"], ["MUL", "ANS"], ["0"] * 7):
        for env in (ours, theirs):
            env.set_options(problem)
            env.reset()
        assert data_equivalence(ours.reset_infos, theirs.reset_infos)
        ours.reset_infos[0]["action_mask"][:] = 0
        for token in ours.world.vocabulary.ids(program):
            told = [env.step(np.full(2, token)) for env in (ours, theirs)]
            for infos in (told[0][3], told[1][3]):
                for info in infos:
                    info.get("episode", {}).pop("t", None)
            assert data_equivalence(told[0][2:], told[1][2:])
            told[0][3][0]["action_mask"][:] = 0
            assert told[0][0]["action_mask"][0].any(), "What is told must be the caller's own."
        assert told[0][2].all()
        assert set(ours.reset_infos[0]) == {"action_mask", "success", "is_success"}


@pytest.mark.slow
def test_both_names_of_success_are_counted() -> None:
    for env in (ids(2, "truncates"), InwitVecEnv("tutorial-v1", 2, stage=0)):
        model = MaskablePPO("MultiInputPolicy", env, n_steps=16, batch_size=32, n_epochs=1, seed=0, device="cpu")
        model.learn(32)
        assert len(model.ep_success_buffer) == len(model.ep_info_buffer) > 0
    with pytest.warns(UserWarning, match="already wrapped"):
        env = VecMonitor(InwitVecEnv("tutorial-v1", 2), info_keywords=("success", "is_success"))
    env.set_options({"stage": 0, "operands": [3, 4, 5]})
    env.reset()
    for token in (11, 12, 14):
        infos = env.step(np.full(2, token))[3]
    assert [(info["episode"]["success"], info["episode"]["is_success"]) for info in infos] == [(True, True)] * 2


def test_attributes_that_single_environments_have() -> None:
    many = InwitVecEnv("tutorial-v1", 2, budget="truncates")
    for name in ("world", "budget", "render_mode", "action_space"):
        assert many.has_attr(name)
        assert len(many.get_attr(name)) == len(ids(2, "truncates").get_attr(name)) == 2
    assert many.get_attr("world")[0].id == "tutorial-v1"
    assert many.get_attr("budget") == ids(2, "truncates").get_attr("budget")
    with pytest.raises(UserError, match="render_mode = 'human' does not exist: valid: ansi, rgb_array"):
        InwitVecEnv("tutorial-v1", 2, render_mode="human")


def test_masks_reach_maskable_learners() -> None:
    env = InwitVecEnv("tutorial-v1", 3, stage=0)
    env.seed(1)
    env.reset()
    assert is_masking_supported(env)
    assert [row.nonzero()[0].tolist() for row in get_action_masks(env)] == [[11, 12, 13]] * 3
    assert env.env_method("action_masks", indices=[1])[0].nonzero()[0].tolist() == [11, 12, 13]


def test_a_seed_decides_the_problems() -> None:
    told = []
    for seed in (5, 5, 6):
        env = InwitVecEnv("tutorial-v1", 20)
        env.seed(seed)
        told.append([env.reset()["prompt"], *(env.step(np.full(20, 11))[0]["prompt"] for _ in range(9))])
    assert np.array_equal(told[0], told[1])
    assert not np.array_equal(told[0], told[2])


def test_what_is_refused() -> None:
    env = InwitVecEnv("tutorial-v1", 2)
    env.reset()
    for actions, message in ((np.zeros(2), "type float64"), (np.array([0, 18]), "18 is out of range")):
        with pytest.raises(UserError, match=message):
            env.step(actions)
    with pytest.raises(UserError, match=r"call step_async\(actions\) first"):
        env.step_wait()
    with pytest.raises(UserError, match="valid: action_masks, render"):
        env.env_method("reset")
    with pytest.raises(UserError, match="cannot be set"):
        env.set_attr("stage", 1)


def greedy_success(model: Any, stage: int, *, masks: bool = True) -> float:
    """The share of *all* problems of a stage that the greedy model solves."""
    world = inwit.make("tutorial-v1")
    tasks = world.describe(world.all_tasks([stage]))
    env = InwitVecEnv("tutorial-v1", len(tasks), masks=masks)
    env.set_options(tasks)
    seen, memory, start = env.reset(), None, np.ones(len(tasks), bool)
    success, over = np.zeros(len(tasks), bool), np.zeros(len(tasks), bool)
    for _ in range(world.max_steps):
        masked = isinstance(model, MaskablePPO)
        more = {"action_masks": env.action_masks()} if masked else {"episode_start": start}
        actions, memory = model.predict(seen, memory, deterministic=True, **more)
        seen, _, start, infos = env.step(actions)
        for row in (start & ~over).nonzero()[0]:
            success[row] = infos[row]["is_success"]
        over |= start
    assert over.all()
    return float(success.mean())


QUICK: dict[str, Any] = {"n_steps": 8, "batch_size": 1024, "n_epochs": 4, "learning_rate": 3e-3} | {
    "ent_coef": 0.02,
    "gamma": 1.0,
    "seed": 0,
    "device": "cpu",
}


@pytest.mark.slow
def test_maskable_ppo_learns() -> None:
    model = MaskablePPO("MultiInputPolicy", InwitVecEnv("tutorial-v1", stage=0), **QUICK)
    assert greedy_success(model, 0) < 0.5
    model.learn(15 * 2048)
    assert greedy_success(model, 0) >= 0.9


@pytest.mark.slow
def test_recurrent_ppo_learns_without_masks() -> None:
    memory = {"lstm_hidden_size": 64, "shared_lstm": True, "enable_critic_lstm": False}
    model = RecurrentPPO(
        "MultiInputLstmPolicy",
        InwitVecEnv("tutorial-v1", stage=0, masks=False),
        policy_kwargs={"features_extractor_class": TokenExtractor, **memory},
        **QUICK,
    )
    assert greedy_success(model, 0, masks=False) < 0.5
    for _ in range(4):
        model.learn(15 * 2048, reset_num_timesteps=False)
        if greedy_success(model, 0, masks=False) >= 0.9:
            return
    pytest.fail("RecurrentPPO has not learnt stage 0 in 122,880 steps.")


@pytest.mark.parametrize("mode", [None, "ansi", "rgb_array"])
def test_pictures_where_there_are_some(mode: str | None) -> None:
    env = InwitVecEnv("tutorial-v1", 3, render_mode=mode)
    env.reset()
    env.step(np.array([11, 11, 11]))
    shown, images = env.env_method("render", indices=[0, 2]), env.get_images()
    assert [type(each) for each in shown] == [{None: type(None), "ansi": str, "rgb_array": np.ndarray}[mode]] * 2
    assert [image is None for image in images] == [mode != "rgb_array"] * 3
