"""The yardstick against plain enumeration of every program, and against the published table."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import inwit
from inwit.core.settings import build
from inwit.worlds import make_scalar
from inwit.worlds.oracle.constant import Yardstick, kind_success, yardstick
from inwit.worlds.tutorial.rules import ANS, VOCABULARY
from inwit.worlds.tutorial.scalar import ScalarTutorialV0, ScalarTutorialV1, TutorialSettings
from worlds_from_outside import GoalSettings, worlds_from_outside

TWINS: dict[str, Any] = {"tutorial-v0": ScalarTutorialV0, "tutorial-v1": ScalarTutorialV1}

SEVEN = TutorialSettings(max_steps=7)

# The programs of the published table: each kind's one shortest program that is right on every problem.
ORACLES = {0: "MUL ADD ANS", 1: "MUL ADD SUB ANS", 2: "MUL ADD STO MUL RCL SUB ANS"}


def names(tokens: tuple[int, ...]) -> str:
    return " ".join(VOCABULARY.decode(tokens))


def answered_programs(world_id: str, stage: int, max_steps: int) -> Iterator[tuple[tuple[int, ...], Any, Fraction]]:
    """Every legal program that answers within the budget, nothing merged: its tokens, its episode on all problems,
    and the probability that a policy writes it which draws uniformly from the legal tokens."""
    settings = TutorialSettings(max_steps=max_steps)
    stack: list[tuple[tuple[int, ...], Any, Fraction]] = [
        ((), TWINS[world_id].on_all_problems(settings, stage), Fraction(1))
    ]
    while stack:
        program, episode, probability = stack.pop()
        legal = episode.legal()
        last = len(program) + 1 == max_steps  # only an answer can come of it
        for token in [ANS] if last and ANS in legal else [] if last else legal:
            after = copy(episode)
            after.step(token)
            entry = (*program, token), after, probability / len(legal)
            if after.terminated:
                yield entry
            elif not after.truncated:
                stack.append(entry)


def count(flags: Any, problems: int) -> int:
    """On how many problems; a flag that is one value holds on all of them."""
    return int(np.broadcast_to(flags, problems).sum())


CASES = [
    ("tutorial-v1", 0, 5),
    ("tutorial-v1", 1, 5),
    ("tutorial-v0", 0, 2),
    pytest.param("tutorial-v0", 0, 3, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("world_id", "stage", "max_steps"), CASES)
def test_yardstick_against_enumeration(world_id: str, stage: int, max_steps: int) -> None:
    problems = 10 ** (5 if world_id == "tutorial-v0" else 3 + stage)
    solved: dict[tuple[int, ...], int] = {}
    reward: dict[tuple[int, ...], float] = {}
    random_success = Fraction(0)
    for program, episode, probability in answered_programs(world_id, stage, max_steps):
        solved[program] = count(episode.success, problems)
        reward[program] = float(np.mean(episode.reward))
        random_success += probability * Fraction(solved[program], problems)
    best = yardstick(world_id, stage, TutorialSettings(max_steps=max_steps))

    assert best.searched_to == max_steps
    assert best.random_success == pytest.approx(float(random_success), abs=1e-12)
    assert best.best_paid.reward == pytest.approx(max(reward.values()), abs=1e-12)
    assert reward[best.best_paid.tokens] == pytest.approx(max(reward.values()), abs=1e-12)
    right = sorted((program for program in solved if solved[program] == problems), key=lambda p: (len(p), p))
    assert (best.oracle.tokens if best.oracle else None) == (right[0] if right else None)
    limit = len(right[0]) if right else max_steps + 1
    shorter = {program: hits for program, hits in solved.items() if len(program) < limit}
    assert best.shortcut is not None
    assert best.shortcut.success == max(shorter.values()) / problems
    first = min((p for p in shorter if shorter[p] == max(shorter.values())), key=lambda p: (len(p), p))
    assert best.shortcut.tokens == first, "Of equally good shortcuts, the shortest and then the first."


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_the_oracles_of_v1(stage: int) -> None:
    best = yardstick("tutorial-v1", stage, SEVEN)
    assert best.oracle is not None
    assert names(best.oracle.tokens) == ORACLES[stage]
    assert (best.oracle.success, best.oracle.reward) == (1.0, 1.0)
    assert kind_success("tutorial-v1", stage, best.oracle.tokens, SEVEN) == 1.0


@pytest.mark.parametrize("stage", [0, 1])
def test_the_oracles_of_v1_are_unique(stage: int) -> None:
    """No other program of the same length or shorter is right on every problem."""
    length = len(ORACLES[stage].split())
    problems = 10 ** (3 + stage)
    right = [p for p, e, _ in answered_programs("tutorial-v1", stage, length) if count(e.success, problems) == problems]
    assert [names(program) for program in right] == [ORACLES[stage]]


def test_the_oracle_of_stage_2_is_unique() -> None:
    """All programs of seven tokens, tried on a few problems first and on every problem if those are right."""
    probe = [(3, 7, 2, 9, 5), (8, 1, 6, 4, 7), (9, 9, 5, 2, 3), (1, 6, 8, 7, 8)]
    columns = [np.array(column) for column in zip(*probe, strict=True)]
    stack: list[tuple[tuple[int, ...], Any]] = [((), ScalarTutorialV1(TutorialSettings(), 2, columns))]
    right = []
    while stack:
        program, episode = stack.pop()
        for token in episode.legal():
            after = copy(episode)
            after.step(token)
            if after.terminated and bool(np.all(after.success)):
                right.append((*program, token))
            elif not after.ended:
                stack.append(((*program, token), after))
    right = [program for program in right if kind_success("tutorial-v1", 2, program, SEVEN) == 1.0]
    assert [names(program) for program in right] == [ORACLES[2]]


def test_without_memory_stage_2_stays_at_19_percent() -> None:
    best = 0.0
    for program in ("MUL ADD SUB ANS", "MUL ADD SUB SUB ANS"):
        tokens = tuple(VOCABULARY.ids(program.split()))
        best = max(best, kind_success("tutorial-v1", 2, tokens, SEVEN))
    assert best == pytest.approx(0.19, abs=5e-4)


def test_the_shortcut_of_stage_2_is_luck() -> None:
    best = yardstick("tutorial-v1", 2, SEVEN)
    assert best.shortcut is not None
    assert len(best.shortcut.tokens) < 7
    assert 0.1 < best.shortcut.success < 1


PAID = [(0, "MUL ANS", 1.06), (1, "MUL ADD ANS", 1.12), (2, "MUL ADD SUB ANS", 1.0370296)]


@pytest.mark.parametrize(("stage", "program", "reward"), PAID)
def test_what_v0_pays_for(stage: int, program: str, reward: float) -> None:
    best = yardstick("tutorial-v0", stage, SEVEN).best_paid
    assert names(best.tokens) == program
    assert best.reward == pytest.approx(reward, abs=1e-9)
    assert best.extra["paid_success"] == 1.0
    assert best.success == pytest.approx(0.19 if stage == 2 else 0.1, abs=1e-9)


@pytest.mark.parametrize(("stage", "program", "reward"), [(0, "MUL ADD ANS", 0.205), (1, "MUL ADD SUB ANS", 0.265)])
def test_what_v0_asks_for_earns_less(stage: int, program: str, reward: float) -> None:
    best = yardstick("tutorial-v0", stage, SEVEN)
    assert best.oracle is not None
    assert names(best.oracle.tokens) == program
    assert best.oracle.reward == pytest.approx(reward, abs=1e-9)


def test_nothing_solves_stage_2_of_v0() -> None:
    best = yardstick("tutorial-v0", 2, SEVEN)
    assert best.oracle is None
    assert best.shortcut is not None
    assert names(best.shortcut.tokens) == "MUL STO SUB MUL ADD ANS"
    assert best.shortcut.success == pytest.approx(0.271, abs=5e-4)
    assert best.shortcut.reward == pytest.approx(0.090153, abs=1e-6)


@pytest.mark.parametrize("tokens", [["MUL", "ANS"], ["MUL", "ADD", "SUB", "ANS"], ["SUB", "ANS"], ["MUL", "MUL"]])
def test_kind_success_against_one_problem_at_a_time(tokens: list[str]) -> None:
    """The columns of problems against a thousand single episodes; a program without ANS solves nothing."""
    ids = VOCABULARY.ids(tokens)
    solved = 0
    for number in range(1000):
        twin = make_scalar("tutorial-v1", {"stage": 0, "operands": [int(digit) for digit in f"{number:03}"]})
        for token in ids:
            twin.step(token)
        solved += bool(twin.success)
    assert kind_success("tutorial-v1", 0, tuple(ids), SEVEN) == solved / 1000


def test_a_budget_too_short_to_answer() -> None:
    """One token is no answer: there is no oracle, and a random policy is never right."""
    best: Yardstick = yardstick("tutorial-v1", 0, TutorialSettings(max_steps=2))
    assert best.oracle is None
    assert 0 < best.random_success < 1
    assert best.shortcut is not None


@pytest.mark.parametrize(("goal", "program"), [("sum", "ADD ADD ANS"), ("product", "MUL ADD ANS")])
def test_settings_of_a_worlds_own_reach_the_search(goal: str, program: str) -> None:
    """Another goal has another best program; what was found for one must not be given out for the other."""
    with worlds_from_outside():
        settings = build(GoalSettings, {"goal": goal, "max_steps": 4})
        best = yardstick("tutorial-goal", 0, settings)
        assert best.oracle is not None
        assert names(best.oracle.tokens) == program
        assert kind_success("tutorial-goal", 0, best.oracle.tokens, settings) == 1.0
        played = inwit.play("tutorial-goal", {"stage": 0, "operands": [3, 4, 6]}, program.split(), **settings.to_dict())
        assert played.success
        other = build(GoalSettings, {"goal": "product" if goal == "sum" else "sum", "max_steps": 4})
        assert kind_success("tutorial-goal", 0, best.oracle.tokens, other) < 1.0
