"""Programs run in the world alone, and what they achieved, against plain Python on big numbers and against `play`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import inwit
from calculating import WORLD, holds, known_at
from inwit.core.types import Tasks
from inwit.rollout.babble import babble, vary
from inwit.rollout.collect import collect
from inwit.worlds import make_scalar
from inwit.worlds.running import perform
from support import make_world, small_policy


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tasks_of(world: Any, rows: int, seed: int = 0) -> Tasks:
    return world.sample(torch.randint(0, len(world.kinds), (rows,), generator=seeded(seed)), seeded(seed))


def budget(world: Any, task: dict[str, Any]) -> int:
    return world.settings.budget(len(task["operands"]))


def story(world: Any, program: list[str], task: dict[str, Any], known: dict[int, int]) -> list[int]:
    """What the accumulator holds after each token, by number; nothing any more when the budget is spent."""
    values = holds(program[: budget(world, task)], task["expression"], world.settings.num_slots)
    values += [None] * (len(program) - len(values))
    return [-1 if value is None else known.get(value, -1) for value in values]


@pytest.mark.parametrize("settings", [{}, {"num_slots": 0}, {"num_slots": 3}, {"names": "any", "letters": 6}])
def test_babble_writes_legal_tokens_and_never_answers(settings: dict[str, Any]) -> None:
    world = inwit.make(WORLD, **settings)
    tasks = tasks_of(world, 60)
    tokens, achieved = babble(world, tasks, seeded(1))
    assert tokens.shape == achieved.shape == (60, world.num_columns)
    assert world.answer not in tokens
    for task, program in zip(world.describe(tasks), tokens.tolist(), strict=True):
        twin = make_scalar(WORLD, task, **world.settings.to_dict())
        for token in program:
            if twin.ended:
                break
            assert token in twin.legal(), f"{world.vocabulary.decode(program)} on {task['expression']}"
            twin.step(token)
        assert twin.truncated, "Who never answers spends all."


def test_babble_draws_every_legal_token_alike() -> None:
    """The first verb after LOAD: LOAD, the tools and STO, each as often as any other; five standard deviations."""
    world = inwit.make(WORLD)
    rows = 3000
    tokens, _ = babble(world, tasks_of(world, rows), seeded(2))
    names = ["LOAD", "ADD", "SUB", "MUL", "STO"]
    counts = torch.bincount(tokens[:, 2], minlength=len(world.vocabulary))
    assert counts.sum() == counts[world.vocabulary.ids(names)].sum()
    spread = (rows / 5 * 4 / 5) ** 0.5
    for name in names:
        assert abs(int(counts[world.vocabulary.id(name)]) - rows / 5) < 5 * spread, f"{name}: {counts.tolist()}"


def test_babble_follows_its_generator_alone() -> None:
    world = inwit.make(WORLD)
    tasks, before = tasks_of(world, 30), torch.get_rng_state()
    one, two, other = (babble(world, tasks, seeded(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("settings", [{}, {"num_slots": 0}, {"num_slots": 3}, {"names": "any", "letters": 6}])
def test_what_babble_achieved(settings: dict[str, Any]) -> None:
    world = inwit.make(WORLD, **settings)
    known, tasks = known_at(world), tasks_of(world, 120)
    tokens, achieved = babble(world, tasks, seeded(1))
    found = set()
    for task, program, told in zip(world.describe(tasks), tokens.tolist(), achieved.tolist(), strict=True):
        names = world.vocabulary.decode(program)
        assert told == story(world, names, task, known), f"{' '.join(names)} on {task['expression']}"
        found |= set(told)
    assert len(found) > 8, "So few classes prove nothing."


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("leave_early", [True, False])
def test_what_a_rollout_achieved(masks: bool, leave_early: bool) -> None:
    """As long as a row lives; -1 after its end, and wherever no class and no part of an expression is held."""
    world = inwit.make(WORLD, masks=masks)
    policy, known, tasks = small_policy("gru", world), known_at(world), tasks_of(world, 150)
    rollout = collect(world, policy, tasks, generator=seeded(1), achieved=True, leave_early=leave_early)
    assert rollout.achieved is not None
    assert rollout.achieved.shape == rollout.tokens.shape
    found = set()
    for row, task in enumerate(world.describe(tasks)):
        live = int(rollout.live[row].sum())
        names = world.vocabulary.decode(rollout.tokens[row, :live].tolist())
        expected = story(world, names, task, known) + [-1] * (rollout.tokens.shape[1] - live)
        assert rollout.achieved[row].tolist() == expected, f"{' '.join(names)} on {task['expression']}"
        found |= set(expected)
    assert len(found) > 2 or not masks, "So few classes prove nothing."


def test_looking_at_what_is_achieved_changes_nothing_else() -> None:
    world = inwit.make(WORLD)
    policy, tasks = small_policy("gru", world), tasks_of(world, 40)
    with_it, without = (collect(world, policy, tasks, generator=seeded(1), achieved=flag) for flag in (True, False))
    assert without.achieved is None
    for name in ("tokens", "live", "reward", "success", "log_probs", "values"):
        assert torch.equal(getattr(with_it, name), getattr(without, name)), name


def test_achieved_in_groups() -> None:
    world = inwit.make(WORLD)
    policy, problems = small_policy("gru", world), tasks_of(world, 8)
    grouped = collect(world, policy, problems, group_size=3, generator=seeded(1), achieved=True)
    repeated = collect(world, policy, problems.repeat_interleave(3), generator=seeded(1), achieved=True)
    assert grouped.achieved is not None
    assert repeated.achieved is not None
    assert torch.equal(grouped.achieved, repeated.achieved)


def written(world: Any, tasks: Tasks) -> torch.Tensor:
    """Programs that are often right: babble closed by ANS at some column, the rest left standing."""
    tokens, achieved = babble(world, tasks, seeded(3))
    goal = torch.tensor(world.kinds.classes)[tasks.kind]
    hit = achieved[:, :-1] == goal[:, None]
    some = torch.randint(0, tokens.shape[1] - 1, (len(tokens),), generator=seeded(4))
    place = torch.where(hit.any(1), hit.long().argmax(1), some) + 1
    return tokens.scatter(1, place[:, None], world.answer)


@pytest.mark.parametrize("settings", [{}, {"num_slots": 2}, {"names": "any", "letters": 6}, {"reward": "value"}])
def test_performing_is_playing(settings: dict[str, Any]) -> None:
    world = inwit.make(WORLD, max_operators=2, **settings)
    tasks = tasks_of(world, 200)
    tokens = written(world, tasks)
    success, extra = perform(world, tasks, tokens)
    options = {name: value for name, value in world.settings.to_dict().items() if name != "max_operators"}
    for row, task in enumerate(world.describe(tasks)):
        episode = inwit.play(WORLD, task, tokens[row].tolist(), **options)
        assert bool(success[row]) is episode.success, (task, episode.actions)
        assert {name: bool(flags[row]) for name, flags in extra.items()} == episode.extra, (task, episode.actions)
    assert 3 < int(success.sum()) < 190
    assert bool((extra["value_success"] & ~extra["identity_success"]).any()), "Luck must be among them."


def test_performing_in_the_tutorial() -> None:
    world = make_world("tutorial-v1")
    tasks = world.sample(torch.zeros(100, dtype=torch.int64), seeded(0))
    tokens = torch.tensor([world.vocabulary.ids(["MUL", "ADD", "ANS"])]).expand(100, -1)
    success, extra = perform(world, tasks, tokens)
    assert bool(success.all())
    assert extra == {}


def test_a_program_cut_short_is_not_right() -> None:
    world = inwit.make(WORLD)
    tasks = tasks_of(world, 20)
    success, extra = perform(world, tasks, torch.full((20, 1), world.answer))
    assert not bool(success.any())
    assert set(extra) == {"value_success", "identity_success"}


class Overheard:
    """A world that notes the tokens it is given and whether they were legal."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.tokens: list[torch.Tensor] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def step(self, state: Any, token: torch.Tensor) -> Any:
        legal = self.world.legal(state).gather(1, token[:, None])[:, 0]
        assert bool((legal | state["ended"]).all()), "A random program writes an illegal token."
        self.tokens.append(token)
        return self.world.step(state, token)


def test_performing_random_programs_is_playing_them() -> None:
    world = Overheard(inwit.make(WORLD, max_operators=1))
    tasks = tasks_of(world, 600)
    success, extra = perform(world, tasks, None, seeded(5))
    programs = torch.stack(world.tokens, 1).tolist()
    for row, task in enumerate(world.describe(tasks)):
        episode = inwit.play(WORLD, task, programs[row])
        assert bool(success[row]) is episode.success, (task, episode.actions)
        assert {name: bool(flags[row]) for name, flags in extra.items()} == episode.extra
    assert 0 < int(success.sum()) < 60


def test_variations_are_programs_with_a_few_tokens_changed() -> None:
    """What each held is found by carrying it out; where a token is not legal any more, or answers, nothing is held."""
    world = inwit.make("calculator-v0", max_operators=2)
    program = world.vocabulary.ids(["LOAD", "b", "MUL", "c", "STO", "m0", "LOAD", "a", "SUB", "m0", "ANS"])
    rows, columns = 400, world.num_columns
    tasks = world.sample(torch.full((rows,), world.kinds.names.index("a-(b*c)")), seeded(0))
    own = torch.tensor([program + [0] * (columns - len(program))]).expand(rows, columns)
    length = torch.full((rows,), len(program))
    tokens, achieved = vary(world, tasks, own, length, seeded(1), changes=2)
    changed = tokens != own
    assert int(changed.sum(1).max()) == 2
    assert not bool(changed[:, len(program) - 1 :].any()), "The answer stays."
    assert bool(changed[:, : len(program) - 1].any(0)[1:].all()), (
        "Each token is changed in some row; the first cannot be."
    )
    state, going = world.reset(tasks), torch.ones(rows, dtype=torch.bool)
    for column, token in enumerate(tokens.unbind(1)):
        going &= world.legal(state).gather(1, token[:, None])[:, 0] & (token != world.answer)
        state, _ = world.step(state, token)
        assert torch.equal(achieved[:, column], world.achieved(state).masked_fill(~going, -1))
    assert len(achieved.unique()) > 8, "They compute much that the program does not."
    nothing = vary(world, tasks, own, torch.zeros_like(length), seeded(1))[1]
    assert bool((nothing == -1).all()), "Where there is no program nothing is held."
