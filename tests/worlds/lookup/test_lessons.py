"""Lessons of lookup-v0: each is played in the scalar twin, and judged by what a query can still be, found by trying."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from inwit import worlds
from inwit.core.seeding import stream
from inwit.core.types import Tasks, Taught
from inwit.worlds.lookup.oracle import optimal_tokens
from inwit.worlds.lookup.queries import TEMPLATES, Query, read_query
from inwit.worlds.lookup.scalar import ScalarLookup
from inwit.worlds.lookup.turns import Situation
from support import all_kinds

Known = dict[tuple[int, ...], int]  # cells: (tool, argument), or (first, second, -1) of `*`
FAILING = {"fail": 0.5, "broken": 0.3, "lie": 0.2, "stale": 0.2, "sure_price": 0.1}


def lessons(each: int = 40, seed: int = 0, **settings: Any) -> tuple[Any, Taught]:
    world = worlds.make("lookup-v0", **settings)
    return world, world.teach(all_kinds(world, each), stream(seed, "lessons"))


def twins(world: Any, taught: Taught) -> Iterator[tuple[ScalarLookup, list[int], list[bool]]]:
    """Each lesson's twin before its first token, its tokens, and which of them are to be chosen."""
    rows = zip(world.describe(taught.tasks), taught.tokens.tolist(), taught.chosen.tolist(), strict=True)
    for task, tokens, chosen in rows:
        yield ScalarLookup.from_task(world.settings, task), tokens, chosen


@pytest.mark.parametrize("settings", [{}, {"num_values": 10, "num_tools": 3}, FAILING])
def test_every_lesson_is_an_episode_that_ends_right(settings: dict[str, Any]) -> None:
    """Legal tokens, the world's own answers in their places, success at the end, and nothing after it."""
    world, taught = lessons(queries=tuple(TEMPLATES), max_steps=12, **settings)
    for twin, tokens, chosen in twins(world, taught):
        length = max(place for place, marked in enumerate(chosen) if marked) + 1
        for token, marked in zip(tokens[:length], chosen[:length], strict=True):
            assert token in twin.legal()
            assert twin.forced() == (-1 if marked else token)
            twin.step(token)
        assert twin.ended
        assert twin.success
        assert twin.counts["errors"] == twin.counts["sure_calls"] == 0
        assert set(tokens[length:]) <= {0}


def test_no_call_can_be_spared_and_each_one_matters() -> None:
    """By every way to fill in the cells that were not heard: before a call the query may still have two values, which
    two answers to this very call tell apart; before ANS it has one."""
    world, taught = lessons(each=30, num_values=3, queries=tuple(TEMPLATES), max_steps=12)
    for twin, tokens, chosen in twins(world, taught):
        query, known = twin.problem.query, {}
        for start in (
            place for place, marked in enumerate(chosen) if marked and tokens[place] < world.settings.first_value
        ):
            name = world.vocabulary.names[tokens[start]]
            if name == "ANS":
                assert possible(query, known, 3) == {tokens[start + 1] - world.settings.first_value}
                continue
            cell, heard = called(world, tokens[start : start + 4])
            assert len(possible(query, known, 3)) > 1, f"{query.text}: {cell} is asked though it is decided"
            assert matters(query, known, cell, 3), f"{query.text}: {cell} is asked and tells nothing"
            known[cell] = heard


def test_a_lesson_is_a_demonstration_of_the_optimum() -> None:
    """The oracle, which no lesson reads, would write none of its tokens otherwise: what is learnt from lessons alone is
    learnt from demonstrations, and is to be reported so."""
    world, taught = lessons(each=5)
    for twin, tokens, chosen in twins(world, taught):
        for token, marked in zip(tokens[: max(p for p, m in enumerate(chosen) if m) + 1], chosen, strict=False):
            if marked:
                assert token in optimal_tokens(world.settings, twin.problem.query, Situation.of(twin))
            twin.step(token)


def test_the_next_token_is_no_luck() -> None:
    """It is a function of the query and of what was heard: no two lessons do different things in one situation."""
    world, taught = lessons(each=2000, num_values=3, queries=("TUx", "Tx?Uy:Vz", "Tx*Uy"))
    next_token: dict[tuple[Any, ...], int] = {}
    texts = [task["query"] for task in world.describe(taught.tasks)]
    rows = zip(texts, taught.tokens.tolist(), taught.chosen.tolist(), strict=True)
    count = 0
    for text, tokens, chosen in rows:
        for place, marked in enumerate(chosen):
            if marked:
                count += 1
                assert next_token.setdefault((text, *tokens[:place]), tokens[place]) == tokens[place]
    assert len(next_token) < count / 4, "hardly a situation came twice, which proves little"


def test_cells_that_no_call_asked_for_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every other cell changed the lessons are the same."""
    world, one = lessons()
    asked = torch.zeros_like(one.tasks.data["table"], dtype=torch.bool)
    for row, (tokens, chosen) in enumerate(zip(one.tokens.tolist(), one.chosen.tolist(), strict=True)):
        for start in (place for place, marked in enumerate(chosen) if marked and 8 <= tokens[place] <= 10):
            (tool, argument, *rest), _ = called(world, tokens[start : start + 4])
            asked[row, 5 * (2 + tool) + argument if rest else 5 * tool + argument] = True
    table = one.tasks.data["table"]
    changed = Tasks(one.tasks.kind, one.tasks.data | {"table": torch.where(asked, table, (table + 1) % 5)})
    monkeypatch.setattr(world, "_problems", lambda kinds, generator: changed)
    assert torch.equal(world.teach(one.tasks.kind, stream(0, "lessons")).tokens, one.tokens)
    assert int(asked.sum()) > 300


def test_conditions_are_odd_as_often_as_values_are_and_both_ends_are_asked_for() -> None:
    """2 of 5 values are odd. A generator that gave one end too few lessons cost a tenth of this kind's success."""
    world, taught = lessons(each=4000, queries=("Tx?Uy:Vz",))
    counts = {"odd": 0, "even": 0, "no condition": 0, "own answer": 0}
    for twin, tokens, chosen in twins(world, taught):
        condition, *ends = twin.problem.query.terms
        if ends[0] == ends[1]:
            counts["no condition"] += 1
            continue
        odd = (tokens[2] - world.settings.first_value) % 2 == 1
        counts["odd" if odd else "even"] += 1
        counts["own answer"] += sum(chosen) == 4
        assert (sum(chosen) == 4) == (ends[not odd] == condition)
    asked = counts["odd"] + counts["even"]
    assert counts["odd"] / asked == pytest.approx(0.4, abs=0.03)
    assert counts["own answer"] / asked > 0.11, "the world draws a condition that is its own answer in a tenth"
    assert counts["no condition"] / len(taught.tasks) > 0.11


def test_a_lesson_beyond_the_budget_teaches_nothing() -> None:
    _, taught = lessons(max_steps=5)
    steps = taught.chosen.sum(1)
    assert int(steps.max()) <= 5
    assert bool((steps[taught.tasks.kind == 4] == 0).all()), "`*` takes seven tokens"
    assert bool((steps[taught.tasks.kind == 0] == 4).all())


def test_kinds_are_those_asked_for_and_one_generator_gives_one_set() -> None:
    world, one = lessons()
    _, two = lessons()
    _, other = lessons(seed=1)
    assert torch.equal(one.tasks.kind, all_kinds(world, 40))
    assert torch.equal(one.tokens, two.tokens)
    assert not torch.equal(one.tokens, other.tokens)


def called(world: Any, tokens: list[int]) -> tuple[tuple[int, ...], int]:
    """The cell of a call, and the answer to it."""
    tool, *values = world.vocabulary.names[tokens[0]], *(token - world.settings.first_value for token in tokens[1:])
    return ((values[0], values[1], -1), values[2]) if tool == "*" else (("FG".index(tool), values[0]), values[1])


class UnknownError(Exception):
    """A cell that the value of a query depends on, and that is not known."""


def value(query: Query, known: Known, n: int) -> int:
    """By the rules, written again. Raises `UnknownError` with the cell that is missing."""

    def look(*cell: int) -> int:
        if cell not in known:
            raise UnknownError(cell)
        return known[cell]

    def term(place: int) -> int:
        found = query.terms[place].value
        for tool in query.terms[place].tools:
            found = look(tool, found)
        return found

    if query.operator == "?":
        return term(1 if term(0) % 2 else 2)
    if query.operator == "*":
        return look(term(0), term(1), -1)
    if query.operator == "+":
        return (term(0) + term(1)) % n
    return min(term(0), term(1)) if query.operator == "&" else term(0)


def possible(query: Query, known: Known, n: int) -> set[int]:
    """All values that the query may have, whatever the cells hold that are not known."""
    try:
        return {value(query, known, n)}
    except UnknownError as missing:
        return set().union(*(possible(query, known | {missing.args[0]: held}, n) for held in range(n)))


def matters(query: Query, known: Known, cell: tuple[int, ...], n: int) -> bool:
    """Whether, with all other cells fixed in some way, two values of this cell give the query two values."""
    found = set()
    for held in range(n):
        try:
            found.add(value(query, known | {cell: held}, n))
        except UnknownError as missing:
            return any(matters(query, known | {missing.args[0]: other}, cell, n) for other in range(n))
    return len(found) > 1


def test_the_judge_of_these_tests_can_tell() -> None:
    query = read_query("F 2 ? F 2 : G 1")
    assert query is not None
    assert possible(query, {(0, 2): 1}, 3) == {1}
    assert possible(query, {(0, 2): 0}, 3) == {0, 1, 2}
    assert matters(query, {}, (0, 2), 3)
    assert not matters(query, {(0, 2): 1}, (1, 1), 3)
    assert not matters(query, {}, (0, 1), 3)
