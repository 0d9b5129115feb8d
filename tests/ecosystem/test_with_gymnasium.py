"""Gymnasium's wrappers, its processes, and a learner written for its vector interface."""

from __future__ import annotations

import functools
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.vector import AutoresetMode

from gymnasium_ids import every_id
from masked_a2c import train

WRAPPERS: dict[str, Any] = {
    "Autoreset": wrappers.Autoreset,
    "AddRenderObservation": functools.partial(wrappers.AddRenderObservation, render_only=False, render_key="pixels"),
    "ClipReward": functools.partial(wrappers.ClipReward, min_reward=0, max_reward=1),
    "DelayObservation": functools.partial(wrappers.DelayObservation, delay=1),
    "FilterObservation": functools.partial(wrappers.FilterObservation, filter_keys=["prompt", "action_mask"]),
    "FlattenObservation": wrappers.FlattenObservation,
    "FrameStackObservation": functools.partial(wrappers.FrameStackObservation, stack_size=3),
    "NormalizeReward": wrappers.NormalizeReward,
    "PassiveEnvChecker": wrappers.PassiveEnvChecker,
    "RecordEpisodeStatistics": wrappers.RecordEpisodeStatistics,
    "StickyAction": functools.partial(wrappers.StickyAction, repeat_action_probability=0.2),
    "TimeLimit": functools.partial(wrappers.TimeLimit, max_episode_steps=3),
}
IN_VECTORS: dict[str, Any] = {
    "ClipReward": functools.partial(wrappers.vector.ClipReward, min_reward=0, max_reward=1),
    "DictInfoToList": wrappers.vector.DictInfoToList,
    "FlattenObservation": wrappers.vector.FlattenObservation,
    "NormalizeReward": wrappers.vector.NormalizeReward,
    "RecordEpisodeStatistics": wrappers.vector.RecordEpisodeStatistics,
}


@every_id
@pytest.mark.parametrize("name", WRAPPERS)
def test_wrappers(env_id: str, name: str) -> None:
    env = WRAPPERS[name](gymnasium.make(env_id, render_mode="rgb_array"))
    seen, _ = env.reset(seed=3)
    for _ in range(25):
        assert seen in env.observation_space
        seen, _, terminated, truncated, _ = env.step(env.action_space.sample(env.get_wrapper_attr("action_masks")()))
        if (terminated or truncated) and name != "Autoreset":
            seen, _ = env.reset()
    assert env.get_wrapper_attr("task") == env.unwrapped.task
    env.close()
    env.close()


@every_id
@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("name", IN_VECTORS)
def test_wrappers_of_vector_environments(env_id: str, name: str, mode: AutoresetMode) -> None:
    if name == "FlattenObservation" and mode is AutoresetMode.SAME_STEP:
        pytest.skip("Gymnasium's own refuses this mode.")
    envs = IN_VECTORS[name](gymnasium.make_vec(env_id, 3, autoreset_mode=mode))
    envs.reset(seed=3)
    for _ in range(25):
        _, _, terminated, truncated, _ = envs.step(envs.action_space.sample(tuple(envs.unwrapped.action_masks())))
        if mode is AutoresetMode.DISABLED and (terminated | truncated).any():
            envs.reset(options={"reset_mask": terminated | truncated})
    envs.close()


@pytest.mark.parametrize("mode", AutoresetMode)
def test_episodes_are_counted_as_they_are(mode: AutoresetMode) -> None:
    envs = wrappers.vector.RecordEpisodeStatistics(gymnasium.make_vec("inwit/Tutorial-v1", 2, autoreset_mode=mode))
    envs.reset(options={"stage": 0, "operands": [2, 3, 4]})
    for actions in ([11, 11], [12, 14], [14, 11]):
        *_, terminated, _, info = envs.step(np.array(actions))
        if mode is AutoresetMode.DISABLED and terminated.any():
            envs.reset(options={"reset_mask": terminated, "stage": 0})
    assert (info["episode"]["r"][0], info["episode"]["l"][0]) == (1.0, 3)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("moviepy") is None, reason="needs moviepy, which Gymnasium's recorder writes with")
def test_videos(tmp_path: Path) -> None:
    env = wrappers.RecordVideo(
        gymnasium.make("inwit/Tutorial-v1", render_mode="rgb_array"), str(tmp_path), episode_trigger=lambda _: True
    )
    env.reset(seed=0)
    while not any(env.step(0)[2:4]):
        pass
    env.close()
    assert (tmp_path / "rl-video-episode-0.mp4").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize("mode", AutoresetMode)
def test_in_processes_of_their_own(mode: AutoresetMode) -> None:
    """The same as in this process: `np_random` and the task travel."""
    asked = {"autoreset_mode": mode}
    both = [
        gymnasium.make_vec("inwit:inwit/Calculator-v0", 2, vectorization_mode=how, vector_kwargs=asked | more)
        for how, more in (("sync", {}), ("async", {"context": "spawn"}))
    ]
    for env in both:
        env.reset(seed=3)
    for _ in range(12):
        masks = [env.call("action_masks") for env in both]
        assert np.array_equal(*masks)
        assert np.array_equal(*(env.get_attr("task") for env in both))
        told = [env.step(np.array([mask.argmax() for mask in masks[0]])) for env in both]
        ended = told[0][2] | told[0][3]
        assert np.array_equal(ended, told[1][2] | told[1][3])
        if mode is AutoresetMode.DISABLED and ended.any():
            for env in both:
                env.reset(options={"reset_mask": ended})
    for env in both:
        env.close()


@pytest.mark.slow
@every_id
@pytest.mark.parametrize("vectorization", ["sync", "vector_entry_point"])
@pytest.mark.parametrize("mode", AutoresetMode)
def test_a_loop_for_vector_environments_learns(env_id: str, vectorization: str, mode: AutoresetMode) -> None:
    asked = {"autoreset_mode": mode}
    settings = {"vector_kwargs": asked} if vectorization == "sync" else asked
    train(gymnasium.make_vec(env_id, 8, vectorization_mode=vectorization, **settings), 2000)


@pytest.mark.slow
@pytest.mark.parametrize("mode", AutoresetMode)
def test_it_really_learns(mode: AutoresetMode) -> None:
    """The first stage in seconds, whichever mode: a step that is void or a problem that is lost would show."""
    envs = gymnasium.make_vec("inwit/Tutorial-v1", 128, stage=0, observe="machine", autoreset_mode=mode)
    assert train(envs, 40_000)[1] > 0.9


@pytest.mark.skipif(find_spec("sb3_contrib") is None or find_spec("torchrl") is None, reason="needs the extra rl")
def test_the_page_on_other_libraries_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).parents[2] / "docs" / "ecosystem.md"
    if not page.exists():
        pytest.skip("There is no checkout around these tests.")
    text = page.read_text(encoding="utf-8").partition("## Agents that travel")[0]
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    exec("\n".join(blocks), {})
    assert capsys.readouterr().out.startswith("stage 2  operands 5 5 7 9 8\nwritten ")
