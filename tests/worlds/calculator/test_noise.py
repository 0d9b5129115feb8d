"""Noise: irrelevant tokens in the calculator's prompts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import inwit
from calculating import WORLD
from inwit.core.errors import UserError
from inwit.core.hashing import mixed
from inwit.core.types import Tasks
from inwit.evaluation.exact import evaluate
from support import untrained

NOISE = 6
MEANINGLESS = {"m0", "m1", "m2", "m3", "LOAD", "ADD", "SUB", "MUL", "STO", "ANS"}


def drawn(world: object, each: int, seed: int = 0) -> Tasks:
    kinds = torch.arange(len(world.kinds)).repeat_interleave(each)
    return world.sample(kinds, torch.Generator().manual_seed(seed))


def texts(world: object, tasks: Tasks) -> list[list[str]]:
    prompt, mask = world.prompt(tasks)
    assert prompt.shape[1] == world.prompt_width
    assert bool((mask == (prompt != world.vocabulary.id("PAD"))).all())
    return [world.vocabulary.decode(row[real].tolist()) for row, real in zip(prompt, mask, strict=True)]


@pytest.mark.parametrize("settings", [{}, {"names": "any", "letters": 6}, {"tools": ("RSB", "SUB")}])
def test_without_its_noise_a_prompt_is_the_expression(settings: dict[str, object]) -> None:
    plain, noisy = (inwit.make(WORLD, noise=noise, **settings) for noise in (0, NOISE))
    tasks = drawn(plain, 5)
    assert bool((drawn(noisy, 5).data["operands"] == tasks.data["operands"]).all()), "Noise draws nothing."
    meaningless = MEANINGLESS | set(settings.get("tools", ()))
    for clean, text in zip(texts(plain, tasks), texts(noisy, tasks), strict=True):
        assert not meaningless & set(clean)
        assert [name for name in text if name not in meaningless] == clean
        assert len(text) == len(clean) + NOISE
        assert text[-1] == "="


def test_noise_is_of_the_task_and_of_nothing_else() -> None:
    world = inwit.make(WORLD, noise=NOISE)
    tasks = drawn(world, 4)
    prompts, again = world.prompt(tasks)[0], world.prompt(tasks[torch.arange(len(tasks)).flip(0)])[0].flip(0)
    assert torch.equal(prompts, again)
    described = Tasks.joined([world.task(task) for task in world.describe(tasks[:8])])
    assert torch.equal(world.prompt(described)[0], prompts[:8])
    others = world.prompt(drawn(world, 4, seed=1))[0]
    assert float((prompts == others).all(1).double().mean()) < 0.05


def test_every_meaningless_token_stands_everywhere_alike() -> None:
    """Of one expression with all its digits: each of ten tokens, before each of its six."""
    world = inwit.make(WORLD, noise=1, min_operators=1, max_operators=1)
    rows = torch.cartesian_prod(torch.zeros(1, dtype=torch.int64), *[torch.arange(10)] * 2)
    tasks = Tasks(rows[:, 0], {"operands": rows[:, 1:], "letters": torch.tensor([[0, 1]]).repeat(100, 1)})
    written = [(name, at) for text in texts(world, tasks) for at, name in enumerate(text) if name in MEANINGLESS]
    assert len(written) == 100
    assert {name for name, _ in written} == MEANINGLESS
    counts = [sum(place == at for _, place in written) for at in range(4)]
    assert min(counts) >= 12, counts


def test_success_is_judged_as_without_noise() -> None:
    agent = untrained(world={"id": WORLD, "max_operators": 2, "noise": NOISE})
    result = evaluate(agent)
    clean = evaluate(replace(agent, world=inwit.make(WORLD, max_operators=2)))
    assert [row.problems for row in result.rows] == [row.problems for row in clean.rows]
    assert [row.yardsticks for row in result.rows] == [row.yardsticks for row in clean.rows]


def test_too_much_noise_is_refused() -> None:
    with pytest.raises(UserError, match="noise"):
        inwit.make(WORLD, noise=17)


def test_a_number_and_its_complement_are_told_apart() -> None:
    numbers = torch.arange(-1000, 1000)
    assert len(mixed(numbers).unique()) == 2000
    assert len((mixed(numbers) >> 40).unique()) > 1900, "High bits, too."
