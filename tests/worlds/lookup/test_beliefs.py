"""What the twin believes against every hidden world: tables, broken and stale tools, one by one, as exact fractions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import pytest

from inwit.worlds import make_scalar
from inwit.worlds.lookup.beliefs import exact
from inwit.worlds.lookup.rules import ERR, NOT_DRAWN, LookupSettings

N = 3  # values; one tool besides `*`, which is never called here
SETTINGS: list[dict[str, Any]] = [
    {},
    {"fail": 0.5},
    {"broken": 0.2},
    {"fail": 0.5, "broken": 0.2},
    {"lie": 0.25},
    {"stale": 0.3},
    {"lie": 0.25, "stale": 0.3},
    {"fail": 0.5, "broken": 0.2, "lie": 0.25, "stale": 0.3},
    {"fail": 0.3, "broken": 0.5, "stale": 0.3},
]
Call = tuple[int, bool, int | None]  # a cell of F, whether it was asked surely, and the answer (None: ERR)
World = tuple[tuple[int, ...], bool, bool, tuple[int, ...]]  # the table of F, broken, stale, drift


def worlds(settings: LookupSettings) -> Iterator[tuple[World, Fraction]]:
    """Every hidden world, and its probability."""
    broken, stale = exact(settings.broken), exact(settings.stale)
    each = Fraction(1, N**N * (N - 1) ** N)
    for table in product(range(N), repeat=N):
        for drift in product(range(1, N), repeat=N):
            for is_broken, is_stale in product((False, True), repeat=2):
                weight = (broken if is_broken else 1 - broken) * (stale if is_stale else 1 - stale)
                if weight:
                    yield (table, is_broken, is_stale, drift), each * weight


def likelihood(
    settings: LookupSettings, world: World, call: Call, fails: int = NOT_DRAWN, lies: int = NOT_DRAWN
) -> Fraction:
    """Of an answer in a hidden world; `fails` and `lies` are what is drawn of the call."""
    (table, is_broken, is_stale, drift), (cell, sure, answer) = world, call
    if sure:
        return Fraction(answer == table[cell])
    errs = exact(settings.fail) if fails == NOT_DRAWN else Fraction(fails)
    errs = Fraction(1) if is_broken else errs
    if answer is None:
        return errs
    said, lie = (table[cell] + is_stale * drift[cell]) % N, exact(settings.lie)
    if lies != NOT_DRAWN:
        return (1 - errs) * (answer == (said + lies) % N)
    return (1 - errs) * (1 - lie if answer == said else lie / (N - 1))


def normalised(weights: dict[Any, Fraction]) -> dict[Any, Fraction]:
    total = sum(weights.values())
    return {key: weight / total for key, weight in weights.items() if weight}


def draw_some(twin: Any, prior: dict[World, Fraction], draws: random.Random) -> dict[World, Fraction]:
    """Write a random part of one hidden world into the twin; the worlds that are left, normalised."""
    true = draws.choices(list(prior), [float(weight) for weight in prior.values()])[0]
    table, is_broken, is_stale, drift = true
    parts = {"table": table, "broken": (is_broken,), "stale": (is_stale,), "drift": drift}
    for name in ("table", "broken", "fails", "lies", "stale", "drift"):
        cells = twin.hidden.get(name, [])
        for place in range(len(parts.get(name, cells)) if cells else 0):
            if draws.random() < 0.3 and cells[place] == NOT_DRAWN:
                cells[place] = int(parts[name][place]) if name in parts else draws.randrange(N if name == "lies" else 2)

    def fits(world: World) -> bool:
        hidden = zip(("table", "broken", "stale", "drift"), (world[0], world[1:2], world[2:3], world[3]), strict=True)
        known = ((twin.hidden[name], values) for name, values in hidden if name in twin.hidden)
        pairs = (pair for cells, values in known for pair in zip(cells, values, strict=False))  # those of `*` are left
        return all(drawn in (NOT_DRAWN, value) for drawn, value in pairs)

    return normalised({world: weight for world, weight in prior.items() if fits(world)})


@pytest.mark.parametrize("partly", [False, True], ids=["nothing drawn", "partly drawn"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_hidden_world(settings: dict[str, Any], seed: int, partly: bool) -> None:
    """Random histories of calls, mostly of two cells; at last the verdict's cell, where the answer came by luck."""
    draws = random.Random(seed)
    for query in range(N):
        changed = {"num_values": N, "num_tools": 1, "sure_price": 0.1, "max_steps": 14, **settings}
        twin: Any = make_scalar("lookup-v0", {"query": f"F {query}"}, **changed)
        posterior = dict(worlds(twin.settings))
        posterior = draw_some(twin, posterior, draws) if partly else posterior
        first = twin.settings.first_value
        for count in range(draws.randrange(6)):
            own = twin.hidden["fails"][count], twin.hidden.get("lies", [NOT_DRAWN] * 7)[count]
            cell, sure = draws.choice([0, 0, 0, 1, 1, 2]), draws.random() < 0.25
            for name in ("F!" if sure else "F", str(cell)):
                twin.step(twin.vocabulary.id(name))
            answers: list[int | None] = [None, *range(N)]
            expected = {
                answer: sum(
                    weight * likelihood(twin.settings, world, (cell, sure, answer), *own)
                    for world, weight in posterior.items()
                )
                for answer in answers
            }
            named = {ERR if answer is None else first + answer: share for answer, share in expected.items() if share}
            assert twin.chance() == named, twin.state()
            answer = draws.choices(answers, [float(expected[answer]) for answer in answers])[0]
            twin.step(ERR if answer is None else first + answer)
            call = cell, sure, answer
            posterior = normalised({w: p * likelihood(twin.settings, w, call, *own) for w, p in posterior.items()})
        twin.step(twin.vocabulary.id("ANS"))
        twin.step(first)
        if twin.ended:  # it was known
            assert {world[0][query] for world in posterior} == {twin.hidden["table"][query]}
            continue
        values = {first + value: Fraction(0) for value in range(N)}
        for world, weight in posterior.items():
            values[first + world[0][query]] += weight
        assert twin.chance() == normalised(values), twin.state()
