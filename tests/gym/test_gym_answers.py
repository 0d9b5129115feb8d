"""Environments of worlds that answer: an action is a chosen token, and the step goes on to the next choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

import inwit
from inwit.gym.batch import Batch
from inwit.gym.env import InwitEnv
from inwit.gym.turns import carry_out, carry_out_all
from inwit.gym.vector import InwitVectorEnv
from inwit.worlds import make_scalar
from inwit.worlds.tutorial.scalar import ScalarTutorialV1
from worlds_from_outside import Echo, worlds_from_outside

TABLE = [1, 2, 3, 4, 0, *[2] * 5, *[0] * 25]  # F adds one, G is 2
TASK = {"query": "G F 3", "table": TABLE}
COUNTS = ("calls", "sure_calls", "errors")


def write(env: Any, *names: str) -> list[Any]:
    """What each step told."""
    return [env.step(env.unwrapped.world.vocabulary.id(name)) for name in names]


def test_a_step_shows_the_answer_and_pays_for_the_call() -> None:
    env = gymnasium.make("inwit/Lookup-v0", price=0.25)
    seen, info = env.reset(options=TASK)
    names = env.unwrapped.world.vocabulary.names
    assert names[seen["last"]] == "="
    assert {name: info[name] for name in COUNTS} == dict.fromkeys(COUNTS, 0)
    told = write(env, "F", "3", "G", "4", "ANS", "2")
    assert [names[step[0]["last"]] for step in told] == ["F", "4", "G", "2", "ANS", "2"]
    assert [step[1] for step in told] == [0.0, -0.25, 0.0, -0.25, 0.0, 1.0]
    assert [step[2] for step in told] == [False] * 5 + [True]
    assert [step[4]["calls"] for step in told] == [0, 1, 1, 2, 2, 2]
    assert [step[4]["success"] for step in told] == [False] * 5 + [True]


def test_an_error_is_an_answer_too() -> None:
    env = gymnasium.make("inwit/Lookup-v0", fail=0.5)
    env.reset(options=TASK | {"fails": [1, 0, 0, 0, 0]})
    told = write(env, "F", "3", "F", "3")
    names = env.unwrapped.world.vocabulary.names
    assert [names[step[0]["last"]] for step in told] == ["F", "ERR", "F", "4"]
    assert told[-1][4]["errors"] == 1


@pytest.mark.parametrize("make", [InwitEnv, lambda *world, **more: InwitVectorEnv(1, *world, **more)])
def test_what_is_hidden_is_drawn_from_the_environments_generator(make: Any) -> None:
    def tables(seed: int) -> list[Any]:
        env, found = make("lookup-v0"), []
        for reset in ({"seed": seed}, {}):
            env.reset(**reset, options={"query": "G F 3"})
            found.append((env.task if isinstance(env.task, dict) else env.task[0])["table"])
        return found

    assert tables(3) == tables(3)
    assert len({str(table) for table in tables(3) + tables(4)}) == 4


def test_each_row_of_one_query_has_a_table_of_its_own() -> None:
    env = InwitVectorEnv(20, "lookup-v0")
    env.reset(seed=0, options={"query": "F 3"})
    assert {task["query"] for task in env.task} == {"F 3"}
    assert len({str(task["table"]) for task in env.task}) == 20
    env.reset(options=TASK)
    assert {str(task["table"]) for task in env.task} == {str(TABLE)}


def test_a_seed_in_the_task_draws_it() -> None:
    env = InwitEnv("lookup-v0")
    env.reset(options={"query": "F 3", "seed": 5})
    assert env.task["table"] == inwit.play("lookup-v0", {"query": "F 3", "seed": 5}, []).task["table"]


@pytest.mark.parametrize("make", [InwitEnv, lambda *world, **more: InwitVectorEnv(1, *world, **more)])
def test_what_the_world_wrote_is_marked_where_it_is_shown(make: Any) -> None:
    env = make("lookup-v0", render_mode="ansi")
    env.reset(options=TASK)
    for name in ("F", "3"):
        token = env.world.vocabulary.id(name)
        env.step(token if isinstance(env, InwitEnv) else np.array([token]))
    shown = env.render() if isinstance(env, InwitEnv) else env.render()[0]
    assert shown.splitlines() == [
        "query G F 3  table 1 2 3 ... (35 values)  broken 0 0 0  fails 0 0 0 0 0",
        "written F 3 > 4",
        "open ·  answers F 3 = 4  calls 1  sure_calls 0  errors 0",
    ]


def test_an_episode_that_was_cut_off_has_heard_its_last_answer() -> None:
    """A limit of Gymnasium's own cuts after the step, and the answer belongs to the step; the world's own budget leaves
    a last call unanswered."""
    single = gymnasium.make("inwit/Lookup-v0", max_episode_steps=2)
    many = InwitVectorEnv(2, "lookup-v0", max_episode_steps=2)
    single.reset(options=TASK)
    many.reset(options=TASK)
    world = many.batch.world.vocabulary
    one = write(single, "F", "3")[-1]
    for name in ("F", "3"):
        both = many.step(np.full(2, world.id(name)))
    assert world.names[one[0]["last"]] == world.names[both[0]["last"][0]] == "4"
    assert (one[2], one[3]) == (bool(both[1][0] > 0), bool(both[3][0])) == (False, True)
    short = gymnasium.make("inwit/Lookup-v0", max_steps=4, queries=("Tx",))
    short.reset(options={"query": "F 3", "table": TABLE})
    last = write(short, "F", "3", "F", "3")[-1]
    assert (world.names[last[0]["last"]], last[3], last[4]["calls"]) == ("3", True, 2)


def test_the_machine_of_a_world_that_shows_none() -> None:
    with pytest.raises(inwit.UserError, match="observe = 'machine' is not known for lookup-v0: use 'tokens'"):
        gymnasium.make("inwit/Lookup-v0", observe="machine")


class _ScalarEcho(ScalarTutorialV1):
    """The twin of `Echo`."""

    echo = False

    def forced(self) -> int:
        return 10 if self.echo else super().forced()

    def legal(self) -> list[int]:
        return [10] if self.echo else super().legal()

    def step(self, token: int) -> None:
        echo, self.echo = self.echo, token == 11 and not self.echo
        if not echo:
            super().step(token)


@pytest.fixture
def echo() -> Iterator[None]:
    with worlds_from_outside():
        inwit.register_world("tutorial-echo", Echo, "the world writes, too", twin=_ScalarEcho)
        yield


@pytest.mark.usefixtures("echo")
def test_any_world_may_write() -> None:
    """A world that writes CTX after each MUL: the batch, its rows at different tokens, and the twin."""
    batch = Batch("tutorial-echo", 3, render_mode="ansi")
    batch.start(batch.problems.read({"stage": 0, "operands": [3, 4, 5]}, np.random.default_rng(0)).repeat_interleave(3))
    rows = [["MUL", "ADD", "ANS"], ["ADD", "MUL", "ANS"], ["SUB", "SUB", "ANS"]]
    ids, names = batch.world.vocabulary.ids, batch.world.vocabulary.names
    seen = []
    for column in range(3):
        step = batch.step(torch.tensor(ids(row[column] for row in rows)))
        seen.append([names[token] for token in batch.rows["last"].tolist()])
    assert seen == [["CTX", "ADD", "SUB"], ["ADD", "CTX", "SUB"], ["ANS"] * 3]
    assert step.success.tolist() == [True, False, False]
    assert batch.rows["steps"].tolist() == [3] * 3
    assert "written MUL > CTX ADD ANS" in str(batch.frames()[0])
    twin = make_scalar("tutorial-echo", {"stage": 0, "operands": [3, 4, 5]})
    assert [carry_out(twin, token) for token in ids(rows[0])] == [[10], [], []]


def test_the_fast_step_is_that_of_the_world_alone_where_nothing_is_answered() -> None:
    """The same state and the same step, and no token but the one that was given."""
    world = inwit.make("tutorial-v1")
    tasks = world.sample(torch.tensor([0, 1, 2]), torch.Generator().manual_seed(0))
    state, token = world.reset(tasks), torch.tensor([11, 12, 13])
    after, step, last = carry_out_all(world, state, token, torch.ones(3, dtype=torch.bool))
    own_after, own_step = world.step(state, token)
    assert last is token
    assert torch.equal(step.reward, own_step.reward)
    assert all(torch.equal(after[name], own_after[name]) for name in own_after)
