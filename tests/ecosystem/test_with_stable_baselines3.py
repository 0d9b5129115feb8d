"""Stable-Baselines3 and sb3-contrib do with every id what they do with environments of their own, without a warning."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from gymnasium_ids import every_id, skip_without_machine
from inwit import UserError
from inwit.gym import env_ids

pytestmark = pytest.mark.skipif(find_spec("sb3_contrib") is None, reason="needs the extra rl")


def vec_env(world: str = "tutorial-v1", num_envs: int = 2, **settings: Any) -> Any:
    from inwit.integrations.stable_baselines3 import InwitVecEnv

    return InwitVecEnv(world, num_envs, **settings)


def made(env_id: str, num_envs: int = 2, **settings: Any) -> Any:
    from stable_baselines3.common.env_util import make_vec_env

    return make_vec_env(env_id, num_envs, **settings)


@every_id
def test_make_vec_env(env_id: str) -> None:
    """It asks for pictures; each environment is wrapped in Monitor."""
    env = made(env_id, seed=3)
    assert env.reset()["prompt"].shape[0] == 2
    assert env.render().shape == (2 * 384, 640, 3)
    for _ in range(60):
        masks = np.stack(env.env_method("action_masks"))
        _, _, done, infos = env.step([env.action_space.sample(mask) for mask in masks])
        for row in done.nonzero()[0]:
            assert {"episode", "terminal_observation", "success"} <= infos[row].keys()
    again, other = made(env_id, seed=3), made(env_id, seed=3)
    assert np.array_equal(again.reset()["prompt"], other.reset()["prompt"])
    assert again.get_attr("task") == other.get_attr("task")
    assert again.get_attr("np_random_seed") == [3, 4]


@every_id
def test_its_own_check(env_id: str) -> None:
    from stable_baselines3.common.env_checker import check_env

    check_env(gymnasium.make(env_id, render_mode="rgb_array"))
    skip_without_machine(env_ids()[env_id])
    check_env(gymnasium.make(env_id, observe="machine"))


@pytest.mark.parametrize("budget", [None, "terminates", "truncates"])
def test_one_choice_for_what_a_spent_budget_is(budget: str | None) -> None:
    """Given the same `budget`, all adapters report the same; by default each reports what its documentation says."""
    given = {} if budget is None else {"budget": budget}
    cut = {}
    for name, env in {"ours": vec_env(**given), "made": made("inwit/Tutorial-v1", env_kwargs=given)}.items():
        env.set_options({"stage": 2, "operands": [5, 5, 7, 9, 8]})
        env.reset()
        for _ in range(7):
            _, _, done, infos = env.step(np.zeros(2, int))
        assert done.all()
        cut[name] = [info["TimeLimit.truncated"] for info in infos]
    expected = {None: (False, True), "terminates": (False, False), "truncates": (True, True)}[budget]
    assert cut == {"ours": [expected[0]] * 2, "made": [expected[1]] * 2}


def test_masks_reach_maskable_learners() -> None:
    from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
    from sb3_contrib.common.wrappers import ActionMasker

    single = gymnasium.make("inwit/Tutorial-v1", stage=0)
    single.reset()
    wrapped = ActionMasker(single, lambda env: env.get_wrapper_attr("action_masks")())
    for env in (single, wrapped, made("inwit/Tutorial-v1"), vec_env()):
        env.reset()
        assert is_masking_supported(env)
        masks = get_action_masks(env)
        assert masks.dtype == np.int8
        assert {tuple(mask.nonzero()[0].tolist()) for mask in masks.reshape(-1, 18)} == {(11, 12, 13)}


def test_wrappers_of_theirs() -> None:
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv, VecCheckNan, VecExtractDictObs, VecMonitor, VecNormalize

    singles = DummyVecEnv([lambda: gymnasium.make("inwit/Tutorial-v1", observe="machine")])
    for env in (
        VecMonitor(singles),
        VecNormalize(vec_env(observe="machine"), norm_obs_keys=["machine"]),
        VecNormalize(made("inwit/Tutorial-v1"), norm_obs=False),
        VecCheckNan(vec_env(), raise_exception=True),
        VecExtractDictObs(vec_env(), "prompt"),
        DummyVecEnv([lambda: Monitor(gymnasium.make("inwit/Calculator-v0"), info_keywords=("success",))]),
    ):
        env.reset()
        for _ in range(9):
            env.step(np.full(env.num_envs, 11))
        env.close()
    assert vec_env().env_is_wrapped(Monitor) == [True, True], "Its infos have what Monitor tells."
    assert vec_env().env_is_wrapped(gymnasium.wrappers.TimeLimit) == [False, False]


def test_attributes_of_rows() -> None:
    env = vec_env(render_mode="rgb_array", num_envs=np.int64(3))
    assert env.get_attr("task") == [None] * 3
    env.seed(np.int64(5))
    env.set_options([{"stage": 0}, {"stage": 1}, {"stage": 2, "operands": [5, 5, 7, 9, 8]}])
    env.reset()
    assert [task["stage"] for task in env.get_attr("task")] == [0, 1, 2]
    assert env.get_attr("task", 2) == [{"stage": 2, "operands": [5, 5, 7, 9, 8]}]
    assert env.get_attr("render_mode") == ["rgb_array"] * 3
    assert env.render().shape == (2 * 384, 2 * 640, 3), "Three pictures and an empty one."
    assert [picture.shape for picture in env.env_method("render", indices=[0, 2])] == [(384, 640, 3)] * 2
    assert not env.has_attr("no such thing")
    with pytest.raises(
        TypeError, match=r"InwitVecEnv.__init__\(\) got an unexpected keyword argument 'bootstrap'"
    ) as caught:
        vec_env(bootstrap=True)
    assert isinstance(caught.value, UserError)


def test_problems_follow_the_seed_and_the_generator() -> None:
    one, other = vec_env(num_envs=20), vec_env(num_envs=20)
    one.np_random, other.np_random = np.random.default_rng(3), np.random.default_rng(3)
    told = [[env.reset()["prompt"].tolist() for _ in range(3)] for env in (one, other)]
    assert told[0] == told[1]
    assert told[0][0] != told[0][1]


def learn(algorithm: str, env: Any, steps: int = 2000, callback: Any = None, **settings: Any) -> Any:
    """A model after `steps` steps. It must have changed."""
    import sb3_contrib
    import stable_baselines3

    found = getattr(sb3_contrib, algorithm, None) or getattr(stable_baselines3, algorithm)
    settings = {"n_steps": 64, "batch_size": 64, "n_epochs": 2, "seed": 0, "device": "cpu", **settings}
    model = found("MultiInputPolicy", env, **settings)
    before = {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}
    model.learn(steps, callback=callback)
    assert any(not before[name].equal(tensor) for name, tensor in model.policy.state_dict().items())
    return model


@pytest.mark.slow
@every_id
@pytest.mark.parametrize("algorithm", ["PPO", "MaskablePPO"])
def test_an_id_is_all_that_a_learner_needs(env_id: str, algorithm: str) -> None:
    learn(algorithm, env_id, n_steps=256)


@pytest.mark.slow
@every_id
@pytest.mark.parametrize("ours", [False, True], ids=["make_vec_env", "InwitVecEnv"])
def test_evaluated_while_it_learns_saved_and_loaded(env_id: str, ours: bool, tmp_path: Path) -> None:
    from sb3_contrib import MaskablePPO
    from sb3_contrib.common.maskable.callbacks import MaskableEvalCallback
    from sb3_contrib.common.maskable.evaluation import evaluate_policy
    from stable_baselines3.common.callbacks import CheckpointCallback, EvalCallback
    from stable_baselines3.common.evaluation import evaluate_policy as evaluate_without_masks

    make = partial(vec_env, env_ids()[env_id]) if ours else partial(made, env_id)
    env, exam = make(4), make(2)
    folder = str(tmp_path)
    often = {"eval_freq": 100, "n_eval_episodes": 4, "verbose": 0, "log_path": folder, "best_model_save_path": folder}
    masked = learn("MaskablePPO", env, callback=[MaskableEvalCallback(exam, **often), CheckpointCallback(400, folder)])
    plain = learn("PPO", env, 500, EvalCallback(exam, **often))
    assert (tmp_path / "best_model.zip").exists()
    assert (tmp_path / "evaluations.npz").exists()
    assert len(evaluate_policy(masked, exam, 4, return_episode_rewards=True)[0]) == 4
    assert len(evaluate_without_masks(plain, exam, 4, return_episode_rewards=True)[0]) == 4
    masked.save(tmp_path / "model")
    again = MaskablePPO.load(tmp_path / "model", env=make(4), device="cpu")
    again.learn(300, reset_num_timesteps=False)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["inwit/Tutorial-v1", None])
def test_a_seed_decides_what_is_learnt(source: str | None) -> None:
    states = [learn("PPO", source or vec_env(num_envs=4), 500, seed=4).policy.state_dict() for _ in range(2)]
    assert all(tensor.equal(states[1][name]) for name, tensor in states[0].items())


@pytest.mark.slow
def test_in_processes_of_their_own() -> None:
    from stable_baselines3.common.vec_env import SubprocVecEnv

    start = {"start_method": "spawn"}
    env = made("inwit:inwit/Calculator-v0", vec_env_cls=SubprocVecEnv, vec_env_kwargs=start, seed=1)
    one = made("inwit:inwit/Calculator-v0", seed=1)
    assert np.array_equal(env.reset()["prompt"], one.reset()["prompt"])
    assert np.array_equal(env.env_method("action_masks"), one.env_method("action_masks"))
    env.close()
