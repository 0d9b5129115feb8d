"""The batched world against its scalar twin where nothing is drawn: chances, legal tokens, whose turn it is, effects.

Each row is played by random tokens, most of them legal; the world's are drawn from the twin's exact chances.
"""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest
import torch

import inwit
from inwit.core.types import Tasks
from inwit.worlds.lookup.queries import DEFAULT_QUERIES, TEMPLATES
from inwit.worlds.lookup.scalar import ScalarLookup
from support import first_fast

FAILING = {"fail": 0.5, "broken": 0.2, "sure_price": 0.1}
LYING = {"lie": 0.25, "sure_price": 0.1}
STALE = {"stale": 0.3, "sure_price": 0.05}
SETTINGS: list[dict[str, Any]] = [
    {"num_values": 3, "num_tools": 1, **FAILING, **LYING, **STALE, "masks": False},
    {"num_values": 2, "num_tools": 2, "queries": tuple(TEMPLATES)},
    {"num_values": 5, **FAILING},
    {"num_values": 5, "num_tools": 3, "fail": 0.3},
    {"num_values": 4, "num_tools": 1, "broken": 0.4, "sure_price": 0.1},
    {"num_values": 3, "num_tools": 2, **LYING},
    {"num_values": 4, "num_tools": 2, **STALE},
    {"num_values": 3, "num_tools": 2, **LYING, **STALE},
    {"num_values": 2, "num_tools": 3, **FAILING, **LYING, "queries": tuple(TEMPLATES)},
    {"num_values": 5, "num_tools": 2, **FAILING, **STALE, "masks": False},
    {"num_values": 2, "num_tools": 1, **LYING, **STALE, "queries": tuple(TEMPLATES)},
    {"num_values": 3, "num_tools": 1, "fail": 1.0, "broken": 0.5, "sure_price": 0.2},
    {"num_values": 3, "num_tools": 1, "lie": 1.0, "stale": 1.0, "broken": 1.0, "fail": 0.5, "sure_price": 0.2},
]
ROWS = 24


@pytest.mark.parametrize("seed", first_fast(range(6), 1))
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_nothing_drawn(settings: dict[str, Any], seed: int) -> None:
    world: Any = inwit.make("lookup-v0", **{"max_steps": 16, **settings})
    draws = random.Random(seed)
    tasks = random_queries(world, draws)
    twins = [ScalarLookup.from_task(world.settings, task) for task in world.describe(tasks)]
    play(world, tasks, twins, draws)


@pytest.mark.parametrize("part", ["table", "broken", "fails", "lies", "stale", "drift", "all"])
@pytest.mark.parametrize("seed", first_fast(range(6), 1))
def test_some_of_it_drawn(part: str, seed: int) -> None:
    """Half of one hidden part is drawn, or half of each: chances are those that the twin believes."""
    world: Any = inwit.make("lookup-v0", num_values=3, max_steps=16, **{**FAILING, **LYING, **STALE})
    draws, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    undrawn = random_queries(world, draws)
    whole, data = world.draw(undrawn, generator).data, dict(undrawn.data)
    for name in world.settings.hidden_sizes() if part == "all" else [part]:
        known = torch.rand(data[name].shape, generator=generator) < 0.5
        data[name] = torch.where(known, whole[name], data[name])
    tasks = Tasks(undrawn.kind, data)
    twins = [ScalarLookup.from_task(world.settings, task) for task in world.describe(tasks)]
    for row, twin in enumerate(twins):
        twin.hidden = {name: data[name][row].tolist() for name in twin.hidden}
    play(world, tasks, twins, draws)


def random_queries(world: Any, draws: random.Random) -> Tasks:
    every = world.all_tasks(list(range(len(world.kinds))))
    return every[torch.tensor(draws.choices(range(len(every)), k=ROWS))]


def play(world: Any, tasks: Tasks, twins: list[ScalarLookup], draws: random.Random) -> None:
    state = world.reset(tasks)
    asked = 0
    for column in range(world.num_columns + 10):  # ten: the verdict may wait for cells
        chances = [twin.chance() for twin in twins]
        assert all(bool(chance) == (twin.forced() != -1) for chance, twin in zip(chances, twins, strict=True))
        compare_turns(world, state, twins, chances)
        token = [written(twin, chance, draws) for twin, chance in zip(twins, chances, strict=True)]
        asked += sum(len(chance) > 1 for chance in chances)
        paid, ended, counts = ([f(twin) for twin in twins] for f in (lambda t: t.reward, lambda t: t.ended, counted))
        state, step = world.step(state, torch.tensor(token))
        for row, twin in enumerate(twins):
            where = f"row {row}, column {column}, {twin.task_dict()}, {twin.state()}"
            if not ended[row]:
                twin.step(token[row])
            assert float(step.reward[row]) == pytest.approx(twin.reward - paid[row], abs=1e-12), where
            told = [int(step.counts[name][row]) for name in twin.counts]
            assert told == [now - before for now, before in zip(counted(twin), counts[row], strict=True)], where
            flags = [bool(flag[row]) for flag in (step.terminated, step.truncated, step.success)]
            assert flags == ([twin.terminated, twin.truncated, twin.success] if not ended[row] else [False] * 3), where
        compare_states(state, twins)
    assert all(twin.ended for twin in twins)
    assert asked > ROWS, "Too little was drawn to say anything of chances."


def counted(twin: ScalarLookup) -> list[int]:
    return list(twin.counts.values())


def written(twin: ScalarLookup, chance: dict[int, Fraction], draws: random.Random) -> int:
    """A token: the world's, drawn; else a random one. Calls of few different cells are made often."""
    if twin.ended:
        return 0
    if chance:
        return draws.choices(list(chance), [float(share) for share in chance.values()])[0]
    size, first = len(twin.vocabulary), twin.settings.first_value
    if draws.random() < 0.05:
        return draws.randrange(size)
    legal = twin.legal()
    if legal[0] >= first:
        return draws.choice(legal[:2] if draws.random() < 0.7 else legal)
    ans = 0.1 if twin.counts["calls"] < 4 else 0.4
    return legal[0] if draws.random() < ans else draws.choice(legal[1:])


def compare_turns(world: Any, state: Any, twins: list[ScalarLookup], chances: list[dict[int, Fraction]]) -> None:
    legal, forced, told = world.legal(state), world.forced(state).tolist(), world.chance(state)
    for row, (twin, chance) in enumerate(zip(twins, chances, strict=True)):
        where = f"row {row}: {twin.task_dict()}, {twin.state()}"
        assert forced[row] == twin.forced(), where
        assert legal[row].nonzero()[:, 0].tolist() == sorted(twin.legal()), where
        assert not chance or sum(chance.values()) == 1, where
        exact = [float(chance.get(token, 0)) for token in range(len(twin.vocabulary))]
        assert told[row].tolist() == pytest.approx(exact, abs=1e-12), where
        assert {token for token, share in enumerate(told[row].tolist()) if share > 0} == set(chance), where


def compare_states(state: Any, twins: list[ScalarLookup]) -> None:
    ended, steps, table = state["ended"].tolist(), state["steps"].tolist(), state["table"].tolist()
    asked, heard, sure = (state[name].tolist() for name in ("asked", "heard", "sure"))
    for row, twin in enumerate(twins):
        assert ended[row] == twin.ended
        assert steps[row] == twin.steps
        assert table[row] == list(twin.hidden["table"])
        n = twin.settings.num_values
        record = [(each.cell, n if each.value is None else each.value, each.sure) for each in twin.heard]
        told = zip(asked[row], heard[row], sure[row], strict=True)
        assert [each for each in told if each[1] >= 0] == record


def test_the_default_kinds_are_among_all_templates() -> None:
    assert set(DEFAULT_QUERIES) < set(TEMPLATES)


@pytest.mark.parametrize("settings", first_fast([FAILING, {}, {**LYING, **STALE}], 1), ids=str)
def test_drawn_from_chance_is_drawn_by_sample(settings: dict[str, Any]) -> None:
    """What the world writes where nothing is drawn is distributed as where everything is: one fixed program, twice."""
    world: Any = inwit.make("lookup-v0", num_values=3, num_tools=1, queries=("TUx",), max_steps=16, **settings)
    rows, generator = 3000, torch.Generator().manual_seed(1)
    program = world.vocabulary.ids(["F", "0", "F", "0", "F", "1", "F", "2", "ANS", "1"])
    kinds = torch.zeros(rows, dtype=torch.int64)
    drawn = world.sample(kinds, generator)
    undrawn = world.all_tasks([0])[drawn.data["values"][:, 0]]
    streams = []
    for tasks in (drawn, undrawn):
        state, answers, place = world.reset(tasks), [], [0] * rows
        success = torch.zeros(rows, dtype=torch.bool)
        for _ in range(world.num_columns + 3):
            forced = world.forced(state)
            own = torch.tensor([program[min(at, len(program) - 1)] for at in place])
            chance = world.chance(state)
            certain = chance.sum(1) == 0
            chance[certain, 0] = 1.0
            by_world = torch.multinomial(chance, 1, generator=generator)[:, 0]
            token = torch.where(forced == -1, own, torch.where(forced >= 0, forced, by_world))
            place = [at + int(turn == -1) for at, turn in zip(place, forced.tolist(), strict=True)]
            answers.append(token.masked_fill(state["turn"] != 1, -1))  # answers of calls, not cells of the verdict
            state, step = world.step(state, token)
            success |= step.success
        heard = zip(torch.stack(answers, 1).tolist(), success.tolist(), strict=True)
        streams.append([(*(token for token in row if token >= 0), right) for row, right in heard])
    shares = [{stream: each.count(stream) / rows for stream in set(each)} for each in streams]
    assert len(shares[0]) > 10
    common = [s for s in shares[0] if shares[0][s] > 0.003]
    assert common
    for stream in common:
        spread = (2 * shares[0][stream] / rows) ** 0.5
        assert abs(shares[0][stream] - shares[1].get(stream, 0)) < 4.5 * spread, stream
