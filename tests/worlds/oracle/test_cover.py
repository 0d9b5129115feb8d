"""The fewest constant programs that solve everything, against every program of a few tokens."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from inwit.core.results import EXACT, NONE, NOT_SEARCHED
from inwit.evaluation.exact import evaluate
from inwit.training.loop import new_agent
from inwit.worlds.examination import exam_of
from inwit.worlds.oracle.cover import smallest_cover, solved_by_one
from inwit.worlds.tutorial.rules import VOCABULARY, TutorialSettings
from inwit.worlds.tutorial.scalar import ScalarTutorialV0, ScalarTutorialV1
from support import make_world, small_config
from worlds_from_outside import worlds_from_outside

TWINS: dict[str, Any] = {"tutorial-v0": ScalarTutorialV0, "tutorial-v1": ScalarTutorialV1}
EFFECTIVE = VOCABULARY.ids(["MUL", "ADD", "SUB", "STO", "RCL", "ANS"])
# Problems on which no two different polynomials of so few steps agree by chance, or so it would seem.
DIGITS = [(7, 3, 9, 5, 8), (2, 9, 4, 7, 3), (8, 6, 1, 9, 5), (0, 4, 7, 3, 6), (9, 9, 8, 2, 7)]


def solves(world_id: str, stage: int, program: tuple[int, ...], settings: TutorialSettings) -> bool:
    """Whether a policy that always writes this program is right on all of these problems."""
    count = 5 if world_id == "tutorial-v0" else 3 + stage
    for digits in DIGITS:
        episode = TWINS[world_id](settings, stage, digits[:count])
        for token in program:
            if episode.ended or (settings.masks and token not in episode.legal()):
                break
            episode.step(token)
        if not (episode.ended and episode.success):
            return False
    return True


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize(
    ("world_id", "max_steps"),
    [
        ("tutorial-v1", 3),
        ("tutorial-v1", 5),
        ("tutorial-v0", 4),
        pytest.param("tutorial-v1", 6, marks=pytest.mark.slow),
    ],
)
def test_all_that_one_program_can_solve(world_id: str, max_steps: int, masks: bool) -> None:
    settings = TutorialSettings(max_steps=max_steps, masks=masks)
    expected: dict[frozenset[int], int] = {}
    for length in range(1, max_steps + 1):
        for program in product(EFFECTIVE, repeat=length):
            solved = frozenset(stage for stage in range(3) if solves(world_id, stage, program, settings))
            if solved:
                expected.setdefault(solved, length)
    found = solved_by_one(world_id, 3, settings)
    assert {solved: len(program) for solved, program in found.items()} == expected
    assert len(expected) >= 1


@pytest.mark.parametrize(
    ("kinds", "max_steps", "masks", "programs"),
    [
        (2, 5, True, ["MUL ADD ANS", "MUL ADD SUB ANS"]),
        (2, 4, False, ["MUL ADD SUB ANS"]),
        (3, 7, True, ["MUL ADD ANS", "MUL ADD SUB ANS", "MUL ADD STO MUL RCL SUB ANS"]),
        (3, 7, False, ["MUL ADD STO MUL RCL SUB ANS"]),
        (3, 6, False, None),
    ],
)
def test_the_smallest_cover(kinds: int, max_steps: int, masks: bool, programs: list[str] | None) -> None:
    found = smallest_cover("tutorial-v1", kinds, TutorialSettings(max_steps=max_steps, masks=masks))
    told = found and sorted((" ".join(VOCABULARY.decode(program)) for program in found), key=len)
    assert told == programs


def of_exam(world_id: str, **settings: Any) -> tuple[Any, Any]:
    """A world and what its exam says of constant programs."""
    world = make_world(world_id, **settings)
    exam: Any = exam_of(world)
    return world, exam.constant_programs()


@pytest.mark.parametrize("masks", [True, False])
def test_the_known_limit_says_the_number_that_was_found(masks: bool) -> None:
    world, found = of_exam("tutorial-v1", masks=masks)
    assert (found.known, found.count, len(found.programs)) == (EXACT, *[3 if masks else 1] * 2)
    assert ("three in all" in world.known_limit) is masks
    assert ("one fixed program suffices here for all stages" in world.known_limit) is not masks


def test_a_stage_that_no_program_solves_is_named() -> None:
    _, found = of_exam("tutorial-v1", max_steps=5)
    assert (found.known, found.count) == (NONE, None)
    assert found.why == "of all programs of up to 5 tokens none is right on every problem of stage 2"


def test_worlds_from_outside() -> None:
    """One that asks for another goal is searched by its own rules; one without a search says so."""
    with worlds_from_outside():
        _, found = of_exam("tutorial-goal", masks=False)
        assert (found.known, found.programs) == (EXACT, [["ADD", "ADD", "ADD", "ADD", "ANS"]])
        _, found = of_exam("tutorial-parity")
        assert (found.known, found.count) == (NOT_SEARCHED, None)


def test_the_evaluation_has_it() -> None:
    agent = new_agent(small_config(world={"id": "tutorial-v1", "max_steps": 3}))
    assert evaluate(agent).constant_programs == of_exam("tutorial-v1", max_steps=3)[1]
