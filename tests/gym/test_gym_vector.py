"""The vectorised environment, row by row against single ones, and on recorded episodes."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from torch.overrides import TorchFunctionMode

from golden_records import WORLDS, groups
from inwit import UserError
from inwit.gym import env_ids
from inwit.gym.env import InwitEnv
from inwit.gym.vector import InwitVectorEnv

ID_OF = {world: env_id for env_id, world in env_ids().items()}


def make_vec(env_id: str, count: int, **settings: Any) -> InwitVectorEnv:
    mode = gymnasium.VectorizeMode.VECTOR_ENTRY_POINT
    return gymnasium.make_vec(env_id, count, vectorization_mode=mode, **settings).unwrapped


@pytest.mark.filterwarnings("ignore:.*is out of date.*:DeprecationWarning")
@pytest.mark.parametrize("settings", [{}, {"masks": False, "observe": "machine"}, {"observe": "machine"}])
@pytest.mark.parametrize("world_id", WORLDS)
def test_every_row_is_a_single_environment(world_id: str, settings: dict[str, Any]) -> None:
    """Random tokens, mostly legal, over several episodes: observations, rewards, flags and infos of each row."""
    rows, random = 6, np.random.default_rng(5)
    many, singles = make_vec(ID_OF[world_id], rows, **settings), [InwitEnv(world_id, **settings) for _ in range(rows)]
    assert many.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    seen, _ = many.reset(seed=11)
    assert seen in many.observation_space
    start_alike(many, singles, range(rows))
    ended, episodes = np.zeros(rows, bool), 0
    for _ in range(60):
        actions = np.array([likely_legal(mask, random) for mask in many.action_masks()])
        seen, reward, terminated, truncated, info = many.step(actions)
        assert seen in many.observation_space
        fresh = start_alike(many, singles, ended.nonzero()[0])
        for row, single in enumerate(singles):
            now = dict(zip(seen, (part[row] for part in seen.values()), strict=True))
            if row in fresh:
                told = (fresh[row], 0.0, False, False, {"success": False})
            else:
                told = single.step(int(actions[row]))
            for name, expected in told[0].items():
                assert now[name] == pytest.approx(expected, abs=1e-6), f"row {row}: {name} differs."
            assert (reward[row], terminated[row], truncated[row]) == pytest.approx(told[1:4])
            for name, value in told[4].items():
                assert np.array_equal(info[name][row], value), f"row {row}: info[{name!r}] differs."
            assert np.array_equal(info["action_mask"][row], single.action_masks())
        ended = terminated | truncated
        episodes += int(ended.sum())
    assert episodes > rows, "Too few episodes ended to say anything of new beginnings."


def start_alike(many: InwitVectorEnv, singles: list[InwitEnv], rows: Any) -> dict[int, dict[str, Any]]:
    """Give single environments the problems that the rows have now; what they show."""
    tasks = many.batch.world.describe(many.batch.tasks)
    return {int(row): singles[row].reset(options=tasks[row])[0] for row in rows}


def likely_legal(mask: np.ndarray, random: np.random.Generator) -> int:
    share = 0.85 if mask.any() else 0.0  # a row that has ended may have no legal token
    return int(random.choice(mask.nonzero()[0]) if random.random() < share else random.integers(len(mask)))


@pytest.mark.filterwarnings("ignore:.*is out of date.*:DeprecationWarning")
@pytest.mark.parametrize("every", [40, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("world_id", WORLDS)
def test_recorded_episodes(world_id: str, every: int) -> None:
    """All records as the rows of one environment: masks, rewards and flags."""
    for settings, records in groups(world_id, every):
        env = make_vec(ID_OF[world_id], len(records), **settings)
        seen, _ = env.reset(options={"tasks": [record.task for record in records]})
        lengths = np.array([len(record.actions) for record in records])
        paid, ended_at = np.zeros(len(records)), np.zeros(len(records), int)
        flags = np.zeros((2, len(records)), bool)
        for column in range(lengths.max()):
            actions = np.array([(record.actions[column : column + 1] or [0])[0] for record in records])
            live = column < lengths
            for row, record in enumerate(records):
                if record.legal is not None and live[row]:
                    assert seen["action_mask"][row].nonzero()[0].tolist() == record.legal[column], record
            seen, reward, *ended, _ = env.step(actions)
            paid += reward * live
            flags |= np.stack(ended) & live
            ended_at[(ended[0] | ended[1]) & live] = column + 1
        assert paid == pytest.approx([record.reward for record in records], abs=1e-9)
        assert flags[0].tolist() == [record.terminated for record in records]
        truncated = [was if r.truncated is None else r.truncated for r, was in zip(records, flags[1], strict=True)]
        assert flags[1].tolist() == truncated
        assert (ended_at == lengths)[flags.any(0)].all()


def test_a_seed_decides_everything_and_observations_are_the_callers() -> None:
    one, other = make_vec("inwit/Tutorial-v1", 5), make_vec("inwit/Tutorial-v1", 5)
    for env in (one, other):
        env.reset(seed=3)
    for _ in range(20):
        seen, again = one.step(np.full(5, 11))[0], other.step(np.full(5, 11))[0]
        for name in seen:
            assert np.array_equal(seen[name], again[name])
            seen[name][:] = 0  # must not reach the environment
    assert not np.array_equal(one.reset(seed=4)[0]["prompt"], other.reset(seed=5)[0]["prompt"])
    assert one.reset()[0]["prompt"].any(), "A reset without a seed goes on in the stream."


def test_gymnasiums_own_wrapper_counts_episodes() -> None:
    env = RecordEpisodeStatistics(make_vec("inwit/Tutorial-v1", 3, stage=0))
    env.reset(options={"stage": 0, "operands": [2, 3, 4]})
    for token in (11, 12, 14):
        _, _, terminated, _, info = env.step(np.full(3, token))
    assert terminated.all()
    assert info["episode"]["r"].tolist() == [1.0] * 3
    assert info["episode"]["l"].tolist() == [3] * 3


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.zeros(3), "type float64"),
        (np.zeros(3, bool), "type bool"),
        (np.zeros(2, int), "shape"),
        (7, "shape"),
        ([1, [2], 3], "not a whole number or a list of them"),
        (np.array([1, 18, 2]), "the action 18 is out of range"),
        (np.array([1, -1, 2]), "the action -1 is out of range"),
    ],
)
def test_wrong_actions(actions: Any, message: str) -> None:
    env = make_vec("inwit/Tutorial-v1", 3)
    env.reset(seed=0)
    with pytest.raises(UserError, match=message):
        env.step(actions)


def test_what_else_is_refused() -> None:
    env = make_vec("inwit/Tutorial-v1", 3)
    with pytest.raises(UserError, match=r"call reset\(\) first"):
        env.step(np.zeros(3, int))
    for tasks in ([{"stage": 0}], 3, None):
        with pytest.raises(UserError, match="must stand alone and be a list of 3"):
            env.reset(options={"tasks": tasks})
    with pytest.raises(UserError, match="reset options 1 are not a dict"):
        env.reset(options={"tasks": [1, 2, 3]})
    with pytest.raises(UserError, match="0 environments"):
        make_vec("inwit/Tutorial-v1", 0)


class _Calls(TorchFunctionMode):
    count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_no_loop_over_rows() -> None:
    """A hundred times the rows take as many calls of PyTorch."""
    counts = []
    for rows in (4, 400):
        env = make_vec("inwit/Tutorial-v1", rows)
        env.reset(seed=0)
        with _Calls() as calls:
            for _ in range(30):
                env.step(np.full(rows, 11))
        counts.append(calls.count)
    assert counts[0] == counts[1] > 100, counts
