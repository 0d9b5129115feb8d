"""Programs with a stumble: each is carried out in the world, and must end right."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import inwit
from calculating import WORLD
from inwit.core.contracts import Agent
from inwit.core.seeding import stream
from inwit.evidence.subject import Subject
from inwit.learners.auxiliary.hindsight import UNKNOWN, Hindsight, HindsightSettings
from inwit.learners.auxiliary.stumbles import Stumbles, StumblesSettings
from inwit.rollout.babble import babble
from support import small_policy

WORLDS: list[dict[str, Any]] = [
    {},
    {"num_slots": 0},
    {"names": "any", "letters": 6},
    {"max_steps": 11},
    {"split": "classes", "num_slots": 2},
]


def store_for(world: Any, blocks: int = 6, rows: int = 256, **settings: Any) -> Stumbles:
    """A store that has taken in random programs."""
    store = Stumbles(StumblesSettings(rows=rows, **settings), world)
    for seed in range(blocks):
        kinds = store.trained[torch.randint(len(store.trained), (1024,), generator=stream(seed, "kinds"))]
        tasks = world.sample(kinds, stream(seed, "tasks"))
        store.take_in(*store.plain(tasks, *babble(world, tasks, stream(seed, "babble"), thrifty=0.5)))
    return store


def imitated(store: Stumbles, seed: int = 0) -> tuple[Any, torch.Tensor, torch.Tensor, torch.Tensor]:
    """What it imitates for its known kinds: tasks, programs, what of them is taught, and the own programs' lengths."""
    known = (store.rank < UNKNOWN).nonzero()[:, 0]
    kind = known[torch.randint(len(known), (600,), generator=stream(seed, "kinds drawn"))]
    tasks = store.world.sample(kind, stream(seed, "tasks drawn"))
    length = store.length[kind]
    return tasks, *store._imitated(tasks, length, stream(seed, "imitation")), length


@pytest.mark.parametrize("settings", WORLDS)
def test_whatever_is_taught_ends_right(settings: dict[str, Any]) -> None:
    """After a stumble the taught tokens are a way on to success, within the budget."""
    world = inwit.make(WORLD, **settings)
    tasks, tokens, taught, length = imitated(store_for(world, stumbling=0.75, ties=0.5))
    state, success = world.reset(tasks), torch.zeros(len(tasks), dtype=torch.bool)
    legal = []
    for token in tokens.unbind(1):
        legal.append(world.legal(state).gather(1, token[:, None])[:, 0])
        state, step = world.step(state, token)
        success |= step.success
    column = torch.arange(tokens.shape[1])
    end = torch.where(taught, column, -1).max(1).values + 1
    untaught = ~taught & (column < end[:, None])
    stumbled = untaught.any(1)
    assert bool((untaught.sum(1) <= 1).all()), "All but the stray token is imitated."
    without = ~stumbled & (tokens.gather(1, (end - 1)[:, None])[:, 0] != world.answer)
    assert bool((success | without).all()), "What is taught to its answer is right."
    assert bool((torch.stack(legal, 1) | (column >= end[:, None])).all()), "Only what may be written is taught."
    assert int((stumbled & success).sum()) > 200
    tight = "max_steps" in settings
    assert (int(without.sum()) > 100) is tight, "Where the budget is too small nothing is taught after the stumble."
    assert torch.equal(end[~stumbled & ~without], length[~stumbled & ~without]), "The rest are own programs."


@pytest.mark.parametrize("ties", [0.0, 1.0])
def test_the_stray_token_is_not_the_programs_own_and_a_tie_is_no_longer(ties: float) -> None:
    store = store_for(inwit.make(WORLD), blocks=12, stumbling=1.0, ties=ties)
    tasks, tokens, taught, length = imitated(store)
    own = store.programs[tasks.kind][:, : tokens.shape[1]]
    column = torch.arange(tokens.shape[1])
    end = torch.where(taught, column, -1).max(1).values + 1
    stray = ~taught & (column < end[:, None])
    at = stray.long().argmax(1)
    some = stray.any(1)
    assert bool(((tokens == own) | (column >= at[:, None]) | ~some[:, None]).all()), "Before it stands the own program."
    assert not bool((stray & (tokens == own)).any())
    assert not bool((stray & (tokens == store.world.answer)).any())
    no_longer = float((end[some] <= length[some]).double().mean())
    assert (no_longer > 0.6) if ties else (no_longer < 0.4)


def test_without_stumbles_it_is_hindsight() -> None:
    """The same programs, and the same loss."""
    world = inwit.make(WORLD)
    one, two = store_for(world, stumbling=0.0), Hindsight(HindsightSettings(rows=256), world)
    two.load_state_dict(one.state_dict())
    policy = small_policy("gru", world)
    losses = []
    for store in (one, two):
        loss, _ = store.loss(policy, {store.streams[1]: stream(0, "loss")})
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_nothing_is_known_of_the_test_set() -> None:
    world = inwit.make(WORLD, split="classes")
    store = store_for(world)
    classes = torch.tensor(world.kinds.classes)
    known = store.ways.find(store.ways.of_class)[0]  # whether a class has any program at all
    held_out = classes[list(world.kinds.held_out)].unique()
    assert not bool(known[held_out].any())
    assert int(known.sum()) > 30
    free = store_for(inwit.make(WORLD))
    assert bool(free.ways.find(free.ways.of_class)[0][held_out].any()), "Without the split they would be."


def test_where_asking_costs_a_wait_the_same_is_taught() -> None:
    world = inwit.make(WORLD)
    told = []
    for narrow in (True, False):
        store = store_for(world)
        store.narrow = narrow
        _, tokens, taught, _ = imitated(store)
        told.append((tokens, taught))
    width = told[0][0].shape[1]
    assert width < told[1][0].shape[1] == world.num_columns
    assert torch.equal(told[0][0], told[1][0][:, :width])
    assert torch.equal(told[0][1], told[1][1][:, :width])
    assert not bool(told[1][1][:, width:].any())


# Learning: two operators, one minute at most.


def agent_of(**auxiliary: Any) -> Agent:
    *_, last = inwit.updates(
        "calculator-robust",
        world={"max_operators": 2},
        **{"stumbles": {"rows": 0}, **auxiliary},
        training={"max_updates": 60, "last_rate": 0.05},
    )
    return last.agent


def right_after(agent: Agent) -> tuple[int, float, float]:
    """Expressions solved; the share of right ends with a tie, and of those that take more tokens."""
    subject = Subject(agent)
    found, right = subject.deviations, subject.deviations.own_right.double()
    return int(subject.solved.sum()), float(right[found.tie].mean()), float(right[~found.tie].mean())


@pytest.mark.slow
def test_an_agent_that_is_taught_by_stumbles_plans_anew_and_one_that_recites_does_not() -> None:
    solved, tie, longer = right_after(agent_of(stumbles={"rows": 256}))
    assert solved == 21
    assert tie >= 0.9, f"With a tie it ends right in {tie:.0%}."
    assert longer >= 0.6, f"Where it takes more tokens it ends right in {longer:.0%}."
    solved, tie, longer = right_after(agent_of(hindsight={"rows": 256, "weight": 2.0, "babble": 256}))
    assert solved == 21
    assert tie <= 0.3
    assert longer <= 0.2
