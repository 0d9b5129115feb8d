"""The vectorised environment, row by row against single ones, and on recorded episodes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from torch.overrides import TorchFunctionMode

from golden_records import WORLDS, groups
from gymnasium_ids import every_id, skip_without_machine
from inwit import UserError
from inwit.gym import env_ids
from inwit.gym.env import InwitEnv
from inwit.gym.vector import InwitVectorEnv
from support import first_fast

ID_OF = {world: env_id for env_id, world in env_ids().items()}


def make_vec(env_id: str, count: int, **settings: Any) -> InwitVectorEnv:
    mode = gymnasium.VectorizeMode.VECTOR_ENTRY_POINT
    return gymnasium.make_vec(env_id, count, vectorization_mode=mode, **settings).unwrapped


class Follower(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A single environment that starts with the problem that a row of another one has now."""

    def __init__(self, many: InwitVectorEnv, row: int, **settings: Any) -> None:
        super().__init__(InwitEnv(many.batch.world.id, **settings))
        self.many, self.row = many, row

    def reset(self, **_: Any) -> Any:
        return self.env.reset(options=self.many.task[self.row])


FAILING = {"fail": 0.5, "broken": 0.2, "sure_price": 0.1, "max_steps": 16, "lie": 0.2, "stale": 0.2}
SETTINGS: list[tuple[str, dict[str, Any]]] = [("lookup-v0", FAILING), ("tutorial-v0", {})]
SETTINGS += [
    (world, settings)
    for world in WORLDS
    for settings in ({}, {"masks": False, "budget": "terminates"}, {"observe": "machine", "budget": "terminates"})
    if (world, settings) not in SETTINGS
]


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize(("world_id", "settings"), first_fast(SETTINGS, 2))
def test_gymnasiums_own_vector_environment_says_the_same(
    world_id: str, settings: dict[str, Any], mode: AutoresetMode
) -> None:
    """Random tokens, mostly legal, over several episodes: what is seen, paid, flagged and told, of every row."""
    skip_without_machine(world_id, settings.get("observe", "tokens"))
    rows, random = 6, np.random.default_rng(5)
    many = InwitVectorEnv(rows, world_id, autoreset_mode=mode, **settings)
    slow = SyncVectorEnv([lambda row=row: Follower(many, row, **settings) for row in range(rows)], autoreset_mode=mode)
    assert many.metadata == slow.metadata
    assert (many.action_space, many.observation_space) == (slow.action_space, slow.observation_space)
    seen, info = many.reset(seed=11)
    assert data_equivalence((seen, info), slow.reset())
    episodes = 0
    for _ in range(60):
        actions = np.array([likely_legal(mask, random) for mask in many.action_masks()])
        told = many.step(actions)
        assert told[0] in many.observation_space
        assert data_equivalence(told, slow.step(actions))
        assert data_equivalence(many.call("action_masks"), slow.call("action_masks"))
        ended = told[2] | told[3]
        episodes += int(ended.sum())
        if mode is AutoresetMode.DISABLED and ended.any():
            options = {"reset_mask": ended}
            assert data_equivalence(many.reset(options=options), slow.reset(options=dict(options)))
            assert "reset_mask" in options, "The caller's options must stay as they are."
    assert episodes > rows, "Too few episodes ended to say anything of new beginnings."


@every_id
@pytest.mark.parametrize("vectorization", ["sync", "vector_entry_point"])
@pytest.mark.parametrize("mode", AutoresetMode)
def test_modes_are_asked_for_through_gymnasium(env_id: str, vectorization: str, mode: AutoresetMode) -> None:
    asked = {"autoreset_mode": mode.value}
    settings = {"vector_kwargs": asked} if vectorization == "sync" else asked
    envs = gymnasium.make_vec(env_id, np.int64(3), vectorization_mode=vectorization, **settings)
    assert envs.metadata["autoreset_mode"] is envs.unwrapped.autoreset_mode is mode
    _, info = envs.reset(seed=0)
    for _ in range(12):
        actions = envs.action_space.sample(tuple(info["action_mask"]))
        assert info["action_mask"][np.arange(3), actions].all() or not info["action_mask"].any(1).all()
        _, _, terminated, truncated, info = envs.step(actions)
        if mode is AutoresetMode.DISABLED and (terminated | truncated).any():
            envs.reset(options={"reset_mask": terminated | truncated})
            info["action_mask"] = np.stack(envs.call("action_masks"))
    assert gymnasium.make_vec(envs.spec).unwrapped.autoreset_mode is mode
    envs.close()
    envs.close()


@pytest.mark.parametrize(("given", "mode"), [("SAME_STEP", "SAME_STEP"), ("Disabled", "DISABLED")])
def test_a_mode_has_a_name(given: str, mode: str) -> None:
    assert InwitVectorEnv(2, autoreset_mode=given).autoreset_mode is AutoresetMode[mode]
    assert InwitVectorEnv(2).metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP, "Modes are each instance's own."
    with pytest.raises(UserError, match="unknown autoreset mode 'SAME': did you mean 'SAME_STEP'"):
        InwitVectorEnv(2, autoreset_mode="SAME")


def test_a_row_that_has_ended_must_be_reset_where_nothing_else_does() -> None:
    env = InwitVectorEnv(3, autoreset_mode="DISABLED", stage=0)
    env.reset(seed=0)
    env.step(np.array([11, 12, 13]))
    env.step(np.array([0, 14, 0]))
    with pytest.raises(UserError, match="environment 1 has ended: reset it with options="):
        env.step(np.zeros(3, int))
    mask = np.array([False, True, False])
    before = env.batch.rows["prompt"].clone()
    seen, info = env.reset(options={"reset_mask": mask, "stage": 0, "operands": [1, 2, 3]})
    assert seen["prompt"][1].tolist()[:3] == [1, 2, 3]
    assert np.array_equal(seen["prompt"][~mask], before[~mask])
    assert info["_success"].tolist() == mask.tolist()
    for wrong, error, message in (
        ([True] * 3, TypeError, "must be an array of booleans: list was given"),
        (np.ones(3, int), TypeError, "must be an array of booleans"),
        (np.ones(2, bool), ValueError, "must have 3 values"),
        (np.zeros(3, bool), ValueError, "one True at least"),
    ):
        with pytest.raises(error, match=message) as caught:
            env.reset(options={"reset_mask": wrong})
        assert isinstance(caught.value, UserError)


@every_id
def test_a_limit_of_gymnasiums_own_cuts_episodes_off(env_id: str) -> None:
    """`max_episode_steps` reaches a vector environment as a keyword; for single ones it is a wrapper."""
    for budget in ("terminates", "truncates"):
        both = [
            gymnasium.make_vec(env_id, 2, vectorization_mode=how, max_episode_steps=3, budget=budget)
            for how in ("sync", "vector_entry_point")
        ]
        for env in both:
            env.reset(seed=0)
        for _ in range(9):
            told = [env.step(np.zeros(2, int)) for env in both]
            assert data_equivalence(told[0][1:4], told[1][1:4])
    assert not InwitVectorEnv(2, max_episode_steps=-1).batch.most_steps
    with pytest.raises(UserError, match="max_episode_steps = 0 is too small"):
        InwitVectorEnv(2, max_episode_steps=0)


def test_a_row_that_was_cut_off_is_paid_nothing_more() -> None:
    """The world does not know that it was: its next token would be the right answer."""
    env = InwitVectorEnv(1, max_episode_steps=2)
    env.reset(options={"stage": 0, "operands": [3, 4, 5]})
    for token in (11, 12):
        _, _, terminated, truncated, _ = env.step(np.array([token]))
    assert (terminated[0], truncated[0]) == (False, True)
    _, reward, terminated, truncated, info = env.step(np.array([14]))
    assert (reward[0], terminated[0], truncated[0], info["success"][0]) == (0.0, False, False, False)


def test_problems_follow_the_generator_that_gymnasium_names() -> None:
    def prompts(env: InwitVectorEnv) -> list[Any]:
        return [env.reset()[0]["prompt"].tolist(), *(env.step(np.full(4, 11))[0]["prompt"].tolist() for _ in range(20))]

    one, other = InwitVectorEnv(4), InwitVectorEnv(4)
    one.np_random, other.np_random = np.random.default_rng(3), np.random.default_rng(3)
    told = prompts(one)
    assert prompts(other) == told
    assert one.np_random_seed == -1
    assert one.reset(seed=np.int64(5))[0]["prompt"].tolist() == other.reset(seed=5)[0]["prompt"].tolist()
    assert one.np_random_seed == 5
    again = pickle.loads(pickle.dumps(one))
    assert prompts(one) == prompts(again) == prompts(copy.deepcopy(other))
    assert len({str(row) for row in InwitVectorEnv(64, stage=2).reset(seed=0)[0]["prompt"].tolist()}) > 60


def test_each_row_can_be_rendered() -> None:
    env = InwitVectorEnv(2, render_mode="ansi", autoreset_mode="SAME_STEP")
    env.reset(options={"tasks": [{"stage": 0, "operands": [3, 4, 5]}, {"stage": 0, "operands": [1, 1, 1]}]})
    env.step(np.array([11, 12]))
    assert env.render() == env.call("render")
    assert env.render() == (
        "stage 0  operands 3 4 5\nwritten MUL\nacc 12  mem ·  held ·  cursor 2",
        InwitEnv.render(single("ADD", operands=[1, 1, 1])),
    )
    env.step(np.array([14, 11]))
    assert "written nothing yet" in env.render()[0], "The row has begun anew."
    pictures = gymnasium.make_vec("inwit/Tutorial-v1", 2, render_mode="rgb_array")
    pictures.reset()
    assert [picture.shape for picture in pictures.render()] == [(384, 640, 3)] * 2
    assert InwitVectorEnv(2).render() is None


def single(*program: str, operands: list[int]) -> InwitEnv:
    env = InwitEnv(render_mode="ansi")
    env.reset(options={"stage": 0, "operands": operands})
    for token in program:
        env.step(env.world.vocabulary.id(token))
    return env


def likely_legal(mask: np.ndarray, random: np.random.Generator) -> int:
    share = 0.85 if mask.any() else 0.0  # a row that has ended may have no legal token
    return int(random.choice(mask.nonzero()[0]) if random.random() < share else random.integers(len(mask)))


@pytest.mark.filterwarnings("ignore:.*is out of date.*:DeprecationWarning")
@pytest.mark.parametrize("every", [41, pytest.param(1, marks=pytest.mark.slow)])
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


def test_what_its_single_environments_have_can_be_asked_for() -> None:
    """And not be set, since rows are no objects."""
    env = make_vec("inwit/Tutorial-v1", 2, budget="terminates")
    assert env.get_attr("budget") == ("terminates",) * 2
    assert [world.id for world in env.call("world")] == ["tutorial-v1"] * 2
    with pytest.raises(UserError, match="budget cannot be set: rows are not objects of their own"):
        env.set_attr("budget", "truncates")


@pytest.mark.parametrize("mode", ["human", "rgb_array_list", "depth_array"])
def test_a_render_mode_that_there_is_not(mode: str) -> None:
    with pytest.raises(UserError, match=f"render_mode = '{mode}' does not exist: valid: ansi, rgb_array"):
        make_vec("inwit/Tutorial-v1", 2, render_mode=mode)


@every_id
def test_success_has_the_name_that_others_count_too(env_id: str) -> None:
    env, many = gymnasium.make(env_id), make_vec(env_id, 2)
    told = [env.reset(seed=0)[1], env.step(0)[4], many.reset(seed=0)[1], many.step(np.zeros(2, int))[4]]
    assert all(np.array_equal(info["is_success"], info["success"]) for info in told)
