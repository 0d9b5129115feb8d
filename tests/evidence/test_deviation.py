"""Which tokens are forced, and what then counts as right: by hand on a + b, and by scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from examined import agent, script
from inwit.evidence.reciting import Reciter, Replanner
from inwit.evidence.subject import Subject


def deviations_of(subject: Subject, expression: str) -> dict[tuple[int, str], str]:
    """At which column which token was forced, and whether that is a tie."""
    world: Any = subject.world
    found, kind = subject.deviations, world.kinds.names.index(expression)
    names = world.vocabulary.names
    each = zip(found.row.tolist(), found.at.tolist(), found.token.tolist(), found.tie.tolist(), strict=True)
    return {(at, names[token]): "tie" if tie else "longer" for row, at, token, tie in each if row == kind}


@pytest.fixture
def subject() -> Subject:
    return Subject(script("reciter", agent(max_operators=2)))


def test_the_deviations_of_a_sum_and_of_a_difference(subject: Subject) -> None:
    """a+b is LOAD b ADD a ANS. After LOAD a it is as short; after any other token there is undoing or starting over."""
    after_b = {(2, name): "longer" for name in ("LOAD", "SUB", "MUL", "STO")}
    assert deviations_of(subject, "a+b") == {(1, "a"): "tie", **after_b, (3, "b"): "longer"}
    after_a = {(2, name): "longer" for name in ("LOAD", "ADD", "MUL", "STO")}
    assert deviations_of(subject, "a-b") == {(1, "b"): "longer", **after_a, (3, "a"): "longer"}


def test_one_who_searches_is_right_after_every_deviation_and_one_who_recites_after_none(subject: Subject) -> None:
    """So a right program does exist where one is said to, and of the length that is said."""
    world: Any = subject.world
    tasks, own = world.greedy_tasks(), subject.own.tokens
    assert bool(subject.deviations.right(Replanner(world, tasks, own, subject.lengths)).all())
    assert not bool(subject.deviations.right(Reciter(world, tasks, own)).any())


def test_to_start_over_is_right_but_no_tie(subject: Subject) -> None:
    """One who writes its program twice, after one token in between, is right where there is time, and never in time."""
    world: Any = subject.world
    found, own = subject.deviations, subject.own.tokens
    row = int((found.tie & (found.at == 1)).nonzero()[0])
    one = found[row : row + 1]
    program, kind = own[one.row[0]], int(one.row[0])
    # The forced token ends the call; then the whole program follows.
    table = own.new_zeros(len(own), 2 + own.shape[1])
    table[kind, 2:] = program
    late = Reciter(world, world.greedy_tasks(), table)
    (rollout,) = one.episodes(late)
    assert bool(rollout.success[0])
    assert not bool(one.right(late)[0])
    assert bool(replace(one, tie=~one.tie).right(late)[0])


def test_a_token_of_ones_own_is_no_deviation(subject: Subject) -> None:
    found, world = subject.deviations, subject.world
    own = subject.own.tokens
    assert bool(found.strange_to(Reciter(world, subject.tasks, own)).all())
    other = own.clone()
    other[0, 1] = world.vocabulary.id("a")  # a+b as LOAD a ...
    strange = found.strange_to(Reciter(world, subject.tasks, other))
    where = (~strange).nonzero()[:, 0].tolist()
    assert [(int(found.row[d]), int(found.at[d])) for d in where] == [(0, 1)]
