"""Noise: irrelevant tokens in the calculator's prompts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

import inwit
from calculating import WORLD, Writer, writing
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.hashing import mixed
from inwit.core.types import Tasks
from inwit.evaluation.exact import evaluate, solves_all
from inwit.rollout.collect import collect
from inwit.suite import ABILITIES
from inwit.suite.jobs import config_of
from inwit.suite.measures import Solved
from inwit.suite.subject import Subject
from inwit.worlds.examination import exam_of
from inwit.worlds.oracle.shortest import shortest_table
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
    assert [row.problems for row in result.rows] == [256 * row.problems for row in clean.rows]
    assert [row.yardsticks for row in result.rows] == [row.yardsticks for row in clean.rows]
    assert result.constant_programs == clean.constant_programs


def test_too_much_noise_is_refused() -> None:
    with pytest.raises(UserError, match="noise"):
        inwit.make(WORLD, noise=17)


def test_a_number_and_its_complement_are_told_apart() -> None:
    numbers = torch.arange(-1000, 1000)
    assert len(mixed(numbers).unique()) == 2000
    assert len((mixed(numbers) >> 40).unique()) > 1900, "High bits, too."


class Choosy(Writer):
    """Writes the right program where it likes the prompt, noise and all; else one that is always wrong."""

    def __init__(self, world: object, likes: Callable[[torch.Tensor], torch.Tensor]) -> None:
        programs = {name: best.program or [] for name, best in shortest_table(2, 1).items()}
        super().__init__(world, programs | {"wrong": ["LOAD", "a", "ANS"]})
        self.likes, self.noise = likes, torch.tensor(world.vocabulary.ids(sorted(MEANINGLESS)))

    def begin(self, prompt: torch.Tensor, mask: torch.Tensor, stage: torch.Tensor) -> object:
        _, memory = super().begin(prompt, mask & ~torch.isin(prompt, self.noise), stage)
        row = memory["row"].where(self.likes(prompt), self.kinds["wrong"])
        return self.answer(row, memory["place"], memory["written"])


def choosy(likes: Callable[[torch.Tensor], torch.Tensor], **world: object) -> Agent:
    agent = writing({"a+b": ["ANS"]}, max_operators=2, noise=NOISE, **world)
    return replace(agent, policy=Choosy(agent.world, likes))


def everything(prompt: torch.Tensor) -> torch.Tensor:
    return torch.ones(len(prompt), dtype=torch.bool)


def about_half(prompt: torch.Tensor) -> torch.Tensor:
    """By a token that may be noise or the expression's own: another share of each expression's prompts."""
    return prompt[:, -4] % 2 == 0


def test_an_agent_that_is_right_among_one_draw_of_noise_is_not_called_proven() -> None:
    world = inwit.make(WORLD, max_operators=2, noise=NOISE)
    seen = world.prompt(world.greedy_tasks())[0]
    agent = choosy(lambda prompt: (prompt[:, None] == seen).all(2).any(1))
    right = collect(agent.world, agent.policy, agent.world.greedy_tasks()).success
    assert bool(right.all()), "Right under one prompt of each expression."
    told = evaluate(agent)
    assert not solves_all(agent)
    assert not told.proven
    assert told.success < 0.05
    assert len(told.unsolved) == 21


def test_who_reads_through_all_noise_solves_all_that_is_asked_and_nothing_is_proven() -> None:
    agent = choosy(everything)
    told = evaluate(agent)
    assert told.solved == told.problems == 21 * 256
    assert told.unsolved == []
    assert told.cost_over_best == 1.0
    assert "256 prompts of each expression" in told.method
    assert not told.proven
    assert not solves_all(agent), "What was sampled proves nothing."
    for row in told.rows:
        assert row.interval[0] < 1 == row.interval[1], "No row may claim 100 %."
        assert row.cost == row.best_cost
        assert (row.extra["value_success"], row.extra["luck"]) == (1.0, 0.0)


@pytest.mark.parametrize("names", [{}, {"names": "any", "letters": 5}])
def test_the_share_of_prompts_is_told_with_its_interval(names: dict[str, object]) -> None:
    """Against many prompts that the exam does not ask, of which each expression has its own share."""
    agent = choosy(about_half, **names)
    tasks = drawn(agent.world, 600, seed=5)
    right = collect(agent.world, agent.policy, tasks).success.double()
    stages = torch.tensor(agent.world.kinds.stages)[tasks.kind]
    for row in evaluate(agent).rows:
        share, (low, high) = float(right[stages == row.stage].mean()), row.interval
        assert 0.1 < share < 0.9
        assert low < row.success < high
        assert high - low < 0.08
        assert abs(row.success - share) < high - low
        assert row.extra["value_success"] == pytest.approx(row.success + row.extra["luck"])
    figure = Solved().of(agent, range(21))
    assert figure.interval is not None
    assert figure.interval[0] < figure.value < figure.interval[1]


def test_one_program_is_right_under_one_set_of_letters_alone() -> None:
    plain, several = (evaluate(choosy(everything, **n)) for n in ({}, {"names": "any", "letters": 5}))
    for one, other in zip(plain.rows, several.rows, strict=True):
        share = one.yardsticks["shortcut"].success / 10  # five letters: ten pairs, ten triples
        assert other.yardsticks["shortcut"].success == pytest.approx(share)
    unmasked = evaluate(choosy(everything, masks=False, names="any", letters=5)).rows[0].yardsticks["shortcut"]
    assert unmasked.known == "not searched"


def test_an_expression_is_asked_the_same_whatever_others_are_asked() -> None:
    exam = exam_of(inwit.make(WORLD, max_operators=2, noise=NOISE))
    every = Tasks.joined(list(exam.tasks(range(21), "cpu")))
    some = Tasks.joined(list(exam.tasks([7, 2], "cpu")))
    expected = torch.cat([every.data["operands"][every.kind == kind] for kind in (7, 2)])
    assert torch.equal(some.data["operands"], expected)
    assert len(every) == exam.questions


def test_no_training_among_noise_ends_as_solved() -> None:
    subject = Subject()
    for experiment in ABILITIES.load("noise").experiments:
        config = config_of(experiment, subject, 0, {})
        assert config.training.confirm is (config.world.settings.noise == 0)
