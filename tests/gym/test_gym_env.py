"""Single Gymnasium environments: recorded episodes, exact problems, and what is refused."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env, data_equivalence

import inwit
from golden_records import WORLDS, groups
from gymnasium_ids import every_id, skip_without_machine
from inwit import UserError
from inwit.gym import env_ids, register
from inwit.gym.env import InwitEnv
from inwit.gym.rendering import frame
from inwit.gym.vector import InwitVectorEnv
from inwit.worlds import make_scalar
from support import python
from worlds_from_outside import worlds_from_outside

ID_OF = {world: env_id for env_id, world in env_ids().items()}


def make(env_id: str, **settings: Any) -> Any:
    with warnings.catch_warnings():  # Gymnasium warns that there is a v1; v0 is the published system, kept on purpose
        warnings.filterwarnings("ignore", ".*is out of date.*", DeprecationWarning)
        return gymnasium.make(env_id, **settings)


@every_id
@pytest.mark.parametrize("observe", ["tokens", "machine"])
def test_gymnasiums_own_checks(env_id: str, observe: str) -> None:
    """They make the environment again, once for each render mode."""
    skip_without_machine(env_ids()[env_id], observe)
    check_env(gymnasium.make(env_id, observe=observe, render_mode="rgb_array").unwrapped)


ORDERS = {
    "inwit first": "import inwit, gymnasium",
    "gymnasium first": "import gymnasium, inwit",
    "others only look for it": "import inwit; from importlib.util import find_spec; find_spec('gymnasium')\n"
    "import gymnasium",
    "inwit is loaded anew": "import importlib, inwit, inwit.gym; importlib.reload(inwit.gym); importlib.reload(inwit)\n"
    "import gymnasium",
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_the_ids_are_registered_whatever_is_imported_first(order: str) -> None:
    code = f"{order}; print(gymnasium.spec('inwit/Tutorial-v1').kwargs, 'torch' in sys.modules)"
    done = python(f"import sys\n{code}")
    assert done.stdout == "{'world': 'tutorial-v1'} False\n", done.stderr


def test_ids_follow_from_the_registry() -> None:
    known = {"tutorial-v0": "inwit/Tutorial-v0", "tutorial-v1": "inwit/Tutorial-v1"}
    assert known.items() <= ID_OF.items()
    assert ID_OF["calculator-v0"] == "inwit/Calculator-v0"


def test_a_world_from_outside_is_an_environment_too() -> None:
    """With a setting of its own, with its machine; one that shows no machine says so."""
    before = dict(gymnasium.registry)
    try:
        with worlds_from_outside():
            register()
            env = make("inwit/Tutorial-Goal", goal="sum", observe="machine").unwrapped
            seen, _ = env.reset(options={"stage": 0, "operands": [3, 4, 6]})
            assert seen in env.observation_space
            for token in ("ADD", "ADD", "ANS"):
                _, reward, *_ = env.step(env.world.vocabulary.id(token))
            assert reward == 1.0
            make("inwit/Tutorial-Parity").reset(seed=0)
            with pytest.raises(UserError, match="observe = 'machine' is not known for tutorial-parity: use 'tokens'"):
                make("inwit/Tutorial-Parity", observe="machine")
            with pytest.raises(UserError, match="observe = 'machine' is not known for tutorial-parity"):
                InwitVectorEnv(2, "tutorial-parity", observe="machine")
    finally:
        gymnasium.registry.clear()
        gymnasium.registry.update(before)


def test_importing_inwit_imports_neither_gymnasium_nor_torch() -> None:
    done = python("import inwit, sys; print('gymnasium' in sys.modules, 'torch' in sys.modules)")
    assert done.stdout == "False False\n", done.stderr


@pytest.mark.parametrize("world_id", WORLDS)
@pytest.mark.parametrize("every", [41, pytest.param(1, marks=pytest.mark.slow)])
def test_recorded_episodes(world_id: str, every: int) -> None:
    """The masks before each step, the last token after it (the world's, where it answers), reward, flags, counts."""
    for settings, rows in groups(world_id, every):
        env = make(ID_OF[world_id], **settings).unwrapped
        for row in rows:
            seen, info = env.reset(options=row.task)
            paid, terminated, truncated = 0.0, False, False
            names = {"slots": "num_slots"} if world_id == "calculator-v0" else {}
            settings = {names.get(name, name): value for name, value in settings.items()}
            played = inwit.play(world_id, row.task, row.actions, **settings)
            lasts = [[action, *answers][-1] for action, answers in zip(played.actions, played.answers, strict=True)]
            for column, action in enumerate(row.actions):
                assert not terminated, row
                assert not truncated, row
                if row.legal is not None:
                    assert seen["action_mask"].nonzero()[0].tolist() == row.legal[column], row
                assert np.array_equal(seen["action_mask"], info["action_mask"])
                seen, reward, terminated, truncated, info = env.step(action)
                assert env.world.vocabulary.names[seen["last"]] == lasts[column]
                paid += reward
            assert {name: info[name] for name in played.counts} == played.counts
            assert paid == pytest.approx(row.reward, abs=1e-9), row
            assert terminated == row.terminated, row
            assert truncated == (row.truncated if row.truncated is not None else truncated), row


def test_options_give_exactly_that_problem() -> None:
    env = gymnasium.make("inwit/Tutorial-v1")
    seen, _ = env.reset(seed=0, options={"stage": 2, "operands": [5, 5, 7, 9, 8]})
    assert env.unwrapped.task == {"stage": 2, "operands": [5, 5, 7, 9, 8]}
    assert seen["prompt"].tolist() == [5, 5, 7, 9, 8, 10]
    assert (seen["last"], seen["stage"]) == (10, 2)
    env = gymnasium.make("inwit/Calculator-v0", slots=2)
    seen, _ = env.reset(seed=0, options={"expression": "(a*b)-(c*d)", "operands": [3, 5, 2, 7], "stage": 3})
    assert env.unwrapped.task == {"expression": "(a*b)-(c*d)", "operands": [3, 5, 2, 7]}
    assert "".join(env.unwrapped.world.vocabulary.decode(seen["prompt"])).replace("PAD", "") == "(a*b)-(c*d)="


def tasks(env: Any, count: int, **first: Any) -> list[Any]:
    """The problems of the next resets; the first is told `first`."""
    posed = []
    for index in range(count):
        env.reset(**first if index == 0 else {})
        posed.append(env.unwrapped.task)
    return posed


def test_a_seed_decides_the_problems_and_stages_are_kept() -> None:
    env, other = gymnasium.make("inwit/Tutorial-v1", stage=[0, 2]), gymnasium.make("inwit/Tutorial-v1", stage=[0, 2])
    told = tasks(env, 30, seed=7)
    assert tasks(other, 30, seed=7) == told
    assert tasks(env, 30, seed=7) == told
    assert {task["stage"] for task in told} == {0, 2}
    assert tasks(env, 1, options={"stage": 2})[0]["stage"] == 2
    assert tasks(env, 1, seed=8) != told[:1]
    fresh = [tasks(gymnasium.make("inwit/Tutorial-v1", stage=2), 1)[0] for _ in range(5)]
    assert len({str(task) for task in fresh}) > 1, "Without a seed every environment poses the same problems."


def test_numpy_and_torch_numbers_are_numbers() -> None:
    env = gymnasium.make("inwit/Tutorial-v1", stage=torch.tensor(2))
    assert tasks(env, 1, seed=np.uint8(7)) == tasks(env, 1, seed=torch.tensor(7)) == tasks(env, 1, seed=7)
    assert env.unwrapped.np_random_seed == 7
    assert env.step(torch.tensor(11))[0]["last"] == env.step(np.uint8(11))[0]["last"] == 11
    assert gymnasium.make("inwit/Tutorial-v1", stage=np.array([0, 2])).unwrapped.problems.stages == (0, 2)


@every_id
def test_problems_follow_the_generator_that_gymnasium_names(env_id: str) -> None:
    env = gymnasium.make(env_id).unwrapped
    env.np_random = np.random.default_rng(3)
    told = tasks(env, 5)
    assert env.np_random_seed == -1, "A generator that was set has no seed that is known."
    other = gymnasium.make(env_id).unwrapped
    other.np_random = np.random.default_rng(3)
    assert tasks(other, 5) == told
    state = env.np_random.bit_generator.state
    later = tasks(env, 5)
    env.np_random.bit_generator.state = state
    assert tasks(env, 5) == later
    assert tasks(env, 5, seed=3) == tasks(other, 5, seed=3)
    assert env.np_random_seed == 3


@every_id
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_goes_on_as_its_original_does(env_id: str, copied: Any) -> None:
    env = gymnasium.make(env_id)
    env.reset(seed=5)
    env.action_space.seed(0)
    *_, ended, cut, _ = env.step(env.action_space.sample(env.unwrapped.action_masks()))
    assert not ended
    assert not cut
    other = copied(env)
    assert data_equivalence(env.step(0), other.step(0), exact=True)
    assert tasks(env, 5) == tasks(other, 5)


@every_id
def test_a_spec_makes_the_same_environment_anew(env_id: str) -> None:
    skip_without_machine(env_ids()[env_id])
    spec = gymnasium.make(env_id, stage=[1], observe="machine", budget="terminates").spec
    assert spec is not None
    for again in (spec, EnvSpec.from_json(spec.to_json())):
        env = gymnasium.make(again).unwrapped
        assert (env.problems.stages, env.budget, len(env.machine_names) > 0) == ((1,), "terminates", True)


@every_id
def test_masks_are_as_sampling_takes_them(env_id: str) -> None:
    env = gymnasium.make(env_id)
    seen, info = env.reset(seed=0)
    for _ in range(20):
        masks = (seen["action_mask"], info["action_mask"], env.get_wrapper_attr("action_masks")())
        assert all(mask.dtype == np.int8 and np.array_equal(mask, masks[0]) for mask in masks)
        action = env.action_space.sample(info["action_mask"])
        assert masks[0][action]
        seen, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            seen, info = env.reset()


@pytest.mark.parametrize(("budget", "flags"), [("terminates", (True, False)), ("truncates", (False, True))])
@every_id
def test_what_an_episode_is_that_has_spent_its_budget(env_id: str, budget: str, flags: tuple[bool, bool]) -> None:
    env = gymnasium.make(env_id, budget=budget)
    env.reset(seed=0)
    for _ in range(env.unwrapped.world.max_steps):
        told = env.step(0)
        if told[2] or told[3]:
            break
    assert told[2:4] == flags
    assert told[1] == 0


def test_masks_off_hides_what_is_legal_and_changes_no_effect() -> None:
    env = gymnasium.make("inwit/Tutorial-v1", masks=False)
    seen, _ = env.reset(options={"stage": 0, "operands": [3, 4, 5]})
    assert seen["action_mask"].all()
    for token in ("ANS", "MUL", "3", "ADD", "ANS"):
        _, reward, terminated, _, info = env.step(env.unwrapped.world.vocabulary.id(token))
    assert (reward, terminated, info["success"]) == (1.0, True, True)


def test_the_machine_is_shown_or_hidden() -> None:
    hidden, shown = (gymnasium.make("inwit/Tutorial-v1", observe=mode).unwrapped for mode in ("tokens", "machine"))
    assert "machine" not in hidden.observation_space.spaces
    shown.reset(options={"stage": 0, "operands": [9, 0, 5]})
    seen = dict(zip(shown.machine_names, shown.step(12)[0]["machine"].tolist(), strict=True))
    expected = {"acc full": 1, "acc": np.log1p(9), "mem full": 0, "operands read": 0.4, "operand 0": 1}
    assert {name: seen[name] for name in expected} == pytest.approx(expected)
    assert seen["budget spent"] == pytest.approx(1 / 7)


def test_pictures_are_of_one_size_and_show_each_step() -> None:
    """Of the tutorial to a right and a wrong end, and of a long episode of the calculator."""
    tutorial = gymnasium.make("inwit/Tutorial-v1", render_mode="rgb_array")
    calculator = gymnasium.make("inwit/Calculator-v0", render_mode="rgb_array")
    names = tutorial.unwrapped.world.vocabulary
    pictures = []
    for env, actions in (
        (tutorial, names.ids(["MUL", "ADD", "ANS"])),
        (tutorial, names.ids(["MUL", "ANS"])),
        (tutorial, [0] * 7),
        (calculator, [0] * calculator.unwrapped.world.max_steps),
    ):
        env.reset(options={"expression": "a*b", "operands": [3, 4]} if env is calculator else {"stage": 0}, seed=0)
        pictures.append(env.render())
        for action in actions:
            ended = any(env.step(action)[2:4])
            pictures.append(env.render())
            if ended:
                break
    assert {(picture.shape, picture.dtype.name) for picture in pictures} == {((384, 640, 3), "uint8")}
    assert len({picture.tobytes() for picture in pictures}) == len(pictures) - 3, "Two episodes begin as another."


def test_frames_can_be_collected() -> None:
    env = gymnasium.make("inwit/Tutorial-v1", render_mode="rgb_array_list")
    env.reset(seed=0)
    env.step(0)
    assert [frame.shape for frame in env.render()] == [(384, 640, 3)] * 2


def test_a_render_mode_that_there_is_not() -> None:
    """Gymnasium warns and goes on; so an environment can be made, which has nothing to show."""
    with pytest.warns(UserWarning, match="render_mode='depth_array' that is not in the possible render_modes"):
        env = gymnasium.make("inwit/Tutorial-v1", render_mode="depth_array", disable_env_checker=True)
    env.reset()
    with pytest.raises(UserError, match="'depth_array' does not exist: valid: ansi, rgb_array"):
        env.render()


def test_a_picture_leaves_out_what_it_has_no_room_for() -> None:
    """A program of 200 tokens: the last ones are shown."""
    world = inwit.make("tutorial-v1")
    twin = make_scalar("tutorial-v1", {"stage": 0, "operands": [3, 4, 5]})
    told = frame("rgb_array", world, twin, ["MUL"] * 200)
    assert np.array_equal(told, frame("rgb_array", world, twin, ["MUL"] * 200))
    assert not np.array_equal(told, frame("rgb_array", world, twin, ["MUL"] * 199 + ["ADD"]))


def test_render() -> None:
    env = gymnasium.make("inwit/Tutorial-v1", render_mode="ansi")
    env.reset(options={"stage": 0, "operands": [3, 4, 5]})
    env.step(11)
    assert env.render() == "stage 0  operands 3 4 5\nwritten MUL\nacc 12  mem ·  held ·  cursor 2"


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (1.0, "not one whole number"),
        (True, "not one whole number"),
        ("MUL", "not one whole number"),
        ([11], "not one whole number"),
        ([1, [2]], "not a whole number or a list of them"),
        (None, "not one whole number"),
        (18, "out of range: token ids are 0..17"),
        (-1, "out of range: token ids are 0..17"),
    ],
)
def test_wrong_actions(action: Any, message: str) -> None:
    env = gymnasium.make("inwit/Tutorial-v1").unwrapped
    env.reset(seed=0)
    with pytest.raises(UserError, match=message):
        env.step(action)


def test_a_step_before_the_beginning_or_after_the_end() -> None:
    env = gymnasium.make("inwit/Tutorial-v1").unwrapped
    for use in (lambda: env.step(11), env.action_masks):
        with pytest.raises(UserError, match=r"call reset\(\) first"):
            use()
    assert env.task is None
    assert env.has_wrapper_attr("task"), "Who asks whether there is an attribute gets an answer."
    env.reset(options={"stage": 0, "operands": [3, 4, 5]})
    env.task["operands"][0] = 7
    assert env.task["operands"] == [3, 4, 5], "The caller's task is a copy."
    env.step(11)
    assert env.step(14)[2]
    with pytest.raises(UserError, match="the episode has ended"):
        env.step(14)


@pytest.mark.parametrize(
    ("env_id", "settings", "options", "message"),
    [
        ("inwit/Tutorial-v1", {}, {"stage": 3}, "stage 3 does not exist: tutorial-v1 has stages 0, 1, 2"),
        ("inwit/Tutorial-v1", {}, {"stage": 0, "operands": [1, 2]}, "2 operands were given: stage 0"),
        ("inwit/Tutorial-v1", {}, {"operands": [1, 2, 3]}, "the task has no stage"),
        ("inwit/Tutorial-v1", {}, {"stages": 1}, "did you mean 'stage'"),
        (
            "inwit/Tutorial-v1",
            {"stage": 0},
            {"stage": 1},
            "contradicts this environment, which was made with stage = 0",
        ),
        ("inwit/Tutorial-v1", {}, {"expression": "a*b", "operands": [1, 2]}, "unknown task field"),
        ("inwit/Tutorial-v1", {}, [0], r"reset options \[0\] are not a dict"),
        ("inwit/Calculator-v0", {}, {"expression": "a*b"}, "the task has no operands"),
        (
            "inwit/Calculator-v0",
            {},
            {"expression": "a*b", "operands": [1, 2], "stage": 2},
            "contradicts the task expression a\\*b, operands .1, 2., which is of stage 1",
        ),
        ("inwit/Calculator-v0", {}, {"expression": "a*b", "operands": [1, 2], "num_slots": 2}, "made with 1"),
        ("inwit/Calculator-v0", {"stage": 1}, {"expression": "(a*b)-c", "operands": [1, 2, 3]}, "stage 2 contradicts"),
    ],
)
def test_options_that_contradict(env_id: str, settings: dict[str, Any], options: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        gymnasium.make(env_id, **settings).reset(options=options)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"observe": "all"}, "valid: tokens, machine"),
        ({"slots": 2}, "tutorial-v1 has no slots to choose"),
        ({"stage": 5}, "stage 5 does not exist"),
        ({"stage": 1.5}, "stage = 1.5 is not a whole number"),
        ({"stage": []}, "stage = [] leaves no problems"),
        ({"budget": "ends"}, "budget = 'ends' does not exist: valid: terminates, truncates"),
    ],
)
def test_settings_that_do_not_exist(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        gymnasium.make("inwit/Tutorial-v1", **settings)


def test_an_unknown_keyword_is_a_type_error() -> None:
    """In Python's own words, which TorchRL looks for, and with the nearest name."""
    for make_env in (InwitEnv, InwitVectorEnv):
        for given, advice in (("max_stepz", "did you mean 'max_steps'"), ("frameskip", "valid: ")):
            words = re.escape(f"{make_env.__name__}.__init__() got an unexpected keyword argument '{given}': {advice}")
            with pytest.raises(TypeError, match=words) as caught:
                make_env(**{given: 3})
            assert isinstance(caught.value, UserError)
    with pytest.raises(UserError, match="unknown world 'tutorial-v9': did you mean 'tutorial-v"):
        InwitEnv("tutorial-v9", frameskip=1)


def test_slots_are_given_once() -> None:
    with pytest.raises(UserError, match="slots = 1 contradicts num_slots = 2"):
        gymnasium.make("inwit/Calculator-v0", slots=1, num_slots=2)
    assert tasks(gymnasium.make("inwit/Tutorial-v1", stage=np.int64(1)), 1)[0]["stage"] == 1


def test_held_out_expressions_are_asked_for_by_name_only() -> None:
    settings = {"max_operators": 3, "split": "classes"}
    env = gymnasium.make("inwit/Calculator-v0", stage=3, **settings).unwrapped
    world = inwit.make("calculator-v0", **settings)
    held_out = {world.kinds.names[kind] for kind in world.kinds.held_out}
    assert held_out
    assert not held_out & {task["expression"] for task in tasks(env, 200, seed=0)}
    env.reset(options={"expression": min(held_out), "operands": [1, 2, 3, 4]})


def test_text_is_a_number_in_a_task_alone() -> None:
    """As a command line gives it; the arguments of functions are numbers."""
    env = InwitEnv(stage=0)
    assert env.reset(options={"stage": "0", "operands": ["3", "4", "5"]})[0]["stage"] == 0
    many = InwitVectorEnv(2)
    for refused in (
        lambda: env.reset(seed="5"),
        lambda: many.reset(seed="5"),
        lambda: InwitVectorEnv("2"),
        lambda: InwitVectorEnv(2, max_episode_steps="2"),
        lambda: InwitEnv(stage="0"),
    ):
        with pytest.raises(UserError, match=r"= '.' is not a whole number"):
            refused()


def test_a_register_that_is_not_set_is_shown_as_everywhere() -> None:
    """A point, as `inwit play` has it."""
    twin = make_scalar("tutorial-v1", {"stage": 0, "operands": [3, 4, 5]})
    shown: Any = SimpleNamespace(task_dict=twin.task_dict, state=lambda: {"held": False, "ready": True, "slots": []})
    assert frame("ansi", inwit.make("tutorial-v1"), shown, []).endswith("\nheld ·  ready set  slots none")
