"""Queries and tasks of lookup-v0 as they are read, what a seed draws, and what is refused, in one line each."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import pytest
import torch

import inwit
from command_line import run
from inwit import UserError
from inwit.worlds import make_scalar
from inwit.worlds.lookup.queries import TEMPLATES, Query, Term, queries_of, read_query
from inwit.worlds.lookup.rules import LookupSettings, drawn

CELLS = [0] * 35
FAILING = {"fail": 0.5, "broken": 0.2, "sure_price": 0.1}


def test_a_query_is_read_as_it_is_written() -> None:
    assert read_query("G F 3") == Query("", (Term((0, 1), 3),)), "The tool that is called first stands last."
    assert read_query("F3?G1:F2") == read_query(" F 3  ? G 1 : F 2")
    assert read_query("F 10 * 2") == Query("*", (Term((0,), 10), Term((), 2)))


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_query_is_read_as_its_text_says(template: str) -> None:
    found = list(queries_of(template, 2, 3))
    assert len({query.text for query in found}) == len(found) == len(set(found))
    assert all(read_query(query.text) == query and query.template == template for query in found)


@pytest.mark.parametrize("num_tools", [1, 2, 3])
def test_prompts_are_the_text(num_tools: int) -> None:
    world: Any = inwit.make("lookup-v0", num_values=2, num_tools=num_tools, queries=tuple(TEMPLATES))
    tasks = world.all_tasks(list(range(len(world.kinds))))
    prompt, mask = world.prompt(tasks)
    for task, tokens, shown in zip(world.describe(tasks), prompt.tolist(), mask.tolist(), strict=True):
        names = world.vocabulary.decode(tokens)
        text = f"{task['query']} =".split()
        assert names == ["PAD"] * (len(names) - len(text)) + text
        assert shown == [name != "PAD" for name in names]


def test_the_vocabulary_is_the_documented_one() -> None:
    names = LookupSettings(num_values=10).vocabulary.names
    assert " ".join(names) == "PAD = + & ? : ERR ANS F G * F! G! *! 0 1 2 3 4 5 6 7 8 9"


def test_a_seed_draws_the_same_everywhere() -> None:
    """Pinned: a hash of seed, name and place, so that neither Python's nor NumPy's version matters."""
    assert drawn(LookupSettings(), 1)["table"][:10] == [3, 1, 0, 1, 1, 2, 1, 1, 4, 3]
    hidden = [make_scalar("lookup-v0", {"query": "F 3", "seed": seed}, **FAILING).task_dict() for seed in (1, 1, "2")]
    assert hidden[0] == hidden[1] != hidden[2]
    world: Any = inwit.make("lookup-v0", **FAILING)
    assert world.describe(world.task({"query": "F 3", "seed": 1})) == [hidden[0]]


def test_a_seed_draws_as_often_as_the_settings_say() -> None:
    settings = LookupSettings(fail=0.5, broken=0.2, lie=0.3, stale=0.1, max_steps=16)
    every = [drawn(settings, seed) for seed in range(2000)]
    sizes = settings.hidden_sizes()
    assert set(sizes) == {"table", "broken", "fails", "lies", "stale", "drift"}
    for name, (size, least, most, chance) in sizes.items():
        values = torch.tensor([hidden[name] for hidden in every])
        assert values.shape == (2000, size)
        ones = chance if not math.isnan(chance) else 1.0
        shares = {0: 1 - ones} if ones < 1 else {}
        first = 1 if ones < 1 else least
        shares |= dict.fromkeys(range(first, most + 1), ones / (most - first + 1))
        for value, share in shares.items():
            spread = (share * (1 - share) / values.numel()) ** 0.5
            assert abs(float((values == value).double().mean()) - share) < 5 * spread, (name, value)
        assert (int(values.min()), int(values.max())) == (min(shares), max(shares))


QUERIES = [
    ("F", "query 'F' cannot be read: write one of Tx, TUx"),
    ("", "query '' cannot be read"),
    ("3 F", "cannot be read"),
    ("F 3 * G 1 * F 2", "cannot be read"),
    ("F 3 : G 1 ? F 2", "cannot be read"),
    ("f 3", "query 'f 3' cannot be read: .*as in 'F 3' or 'G F 3'"),
    ("F -1", "cannot be read"),
    ("F 1.5", "cannot be read"),
    ("F x", "cannot be read"),
    ("F 5", "value 5 of the query is out of range: values are 0..4"),
    ("F 999999999", "value 999999999 of the query is out of range"),
    ("F 9999999999", "query 'F 9999999999' cannot be read"),
    ("F " + "9" * 5000, "cannot be read"),
    ("F " * 11 + "3", "cannot be read"),
    ("H 3", "unknown tool 'H': valid: F, G"),
    ("3", "query '3' is of the kind x: this world has Tx, TUx"),
    ("F 3 + G 1", "query 'F 3 . G 1' is of the kind Tx.Uy: this world has Tx"),
    ("F G F G 1", "cannot be read"),
    ("F 3 * 2", r"is of the kind Tx\*y: this world has"),
    (3, "query '3' is of the kind x"),
    (None, "query 'None' cannot be read"),
]
HIDDEN: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"table": [0] * 34}, "table has 34 values: with these settings it takes 35"),
    ({}, {"table": []}, "table has 0 values: with these settings it takes 35"),
    ({}, {"table": [*CELLS[1:], 5]}, "table has the value 5: it must be 0 to 4"),
    ({}, {"table": [*CELLS[1:], -1]}, "table has the value -1: it must be 0 to 4"),
    ({}, {"table": [*CELLS[1:], 1.5]}, "a value of table = 1.5 is not a whole number"),
    ({}, {"table": [*CELLS[1:], "x"]}, "a value of table = 'x' is not a whole number"),
    ({}, {"table": "0" * 35}, "table '0.*' is not a list of 35 numbers"),
    ({}, {"table": 3}, "table 3 is not a list of 35 numbers"),
    ({}, {"table": CELLS, "broken": [0, 0]}, "broken has 2 values: with these settings it takes 3"),
    ({}, {"table": CELLS, "broken": [0, 0, 2]}, "broken has the value 2: it must be 0 to 1"),
    ({}, {"table": CELLS, "fails": [0] * 6}, "fails has 6 values: with these settings it takes 5"),
    (
        {},
        {"table": CELLS, "lies": [0] * 5},
        "the task has lies, but with these settings .* nothing is lies: leave lies",
    ),
    ({}, {"broken": [0, 0, 0]}, "the task has broken and no table: give all of table, broken, fails, or a seed"),
    (FAILING, {"table": CELLS}, "the task has table and no broken: give all of table, broken, fails, or a seed"),
    ({}, {"table": CELLS, "seed": 1}, "the task has a seed and table: leave one out, the seed draws all of it"),
    ({}, {"seed": "x"}, "seed = 'x' is not a whole number"),
    ({}, {"seed": 1.5}, "seed = 1.5 is not a whole number"),
    ({}, {"tabel": CELLS}, "unknown task field of lookup-v0 'tabel': did you mean 'table'?"),
    ({"lie": 0.5}, {"table": CELLS, "lies": [5, 0, 0, 0, 0]}, "lies has the value 5: it must be 0 to 4"),
    ({"stale": 0.5}, {"table": CELLS, "stale": [1, 0, 0], "drift": CELLS}, "drift has the value 0: it must be 1 to 4"),
]
# What never happens under the settings, or always.
IMPOSSIBLE: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"fails": [1, 0, 0, 0, 0]}, "fails has the value 1, but with fail = 0 none is: give zeros, or a fail above 0"),
    ({}, {"broken": [0, 1, 0]}, "broken has the value 1, but with broken = 0 none is"),
    ({"fail": 1.0}, {"fails": [1, 1, 0, 1, 1]}, "fails has the value 0, but with fail = 1 all are: give no zero"),
    ({"broken": 1.0}, {"broken": [0, 1, 1]}, "broken has the value 0, but with broken = 1 all are"),
    ({"lie": 1.0}, {"lies": [1, 0, 1, 1, 1]}, "lies has the value 0, but with lie = 1 all are"),
    ({"stale": 1.0}, {"stale": [0, 1, 1], "drift": [1] * 35}, "stale has the value 0, but with stale = 1 all are"),
]
SETTINGS: list[tuple[dict[str, Any], str]] = [
    *(({name: 1.5}, rf"{name} = 1.5 .*at most 1") for name in ("fail", "broken", "lie", "stale", "price")),
    *(({name: -0.1}, rf"{name} = -0.1 .*at least 0") for name in ("fail", "broken", "lie", "stale", "sure_price")),
    ({"fail": float("nan")}, "fail"),
    ({"fail": "often"}, "fail"),
    ({"num_values": 1}, "num_values = 1 .*at least 2"),
    ({"num_values": 101}, "num_values = 101 .*at most 100"),
    ({"num_tools": 0}, "num_tools = 0 .*at least 1"),
    ({"num_tools": 9}, "num_tools = 9 .*at most 8"),
    ({"max_steps": 3}, r"max_steps = 3 is too small to answer any query: Tx takes 4 tokens \(2 a call, 3 of \*, 2 the"),
    ({"max_steps": 8, "queries": ("Tx*Uy",)}, r"max_steps = 8 is too small to answer any query: Tx\*Uy takes 9 tokens"),
    ({"queries": ("Tx", "Uy")}, "queries: unknown template 'Uy': "),
    ({"queries": ("Tx", "Tx")}, "queries = Tx,Tx: name none of them twice"),
    ({"queries": ()}, "queries is empty: name at least one of Tx, TUx"),
]


def refused(message: str, task: dict[str, Any], **settings: Any) -> None:
    """By the twin and by the batched world, in one line."""
    for read in (
        lambda: make_scalar("lookup-v0", task, **settings),
        lambda: inwit.make("lookup-v0", **settings).task(task),
    ):
        with pytest.raises(UserError, match=message) as refusal:
            read()
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("query", "message"), QUERIES)
def test_a_query_that_no_template_fits(query: Any, message: str) -> None:
    refused(message, {"query": query})


def test_a_task_without_a_query() -> None:
    refused("the task has no query: lookup-v0 needs a query, as in query 'G F 3'", {"table": CELLS})


@pytest.mark.parametrize(("settings", "hidden", "message"), HIDDEN)
def test_a_hidden_part_that_does_not_fit(settings: dict[str, Any], hidden: dict[str, Any], message: str) -> None:
    refused(message, {"query": "F 3", **hidden}, **settings)


@pytest.mark.parametrize(("settings", "hidden", "message"), IMPOSSIBLE)
def test_a_hidden_part_that_cannot_be(settings: dict[str, Any], hidden: dict[str, Any], message: str) -> None:
    refused(message, {"query": "F 3", "table": CELLS, **hidden}, **settings)


@pytest.mark.parametrize(("settings", "message"), SETTINGS)
def test_settings_that_there_are_not(settings: dict[str, Any], message: str) -> None:
    refused(message, {"query": "F 3"}, **settings)


@pytest.mark.parametrize(("template", "steps"), list(zip(TEMPLATES, (4, 6, 4, 6, 9, 8, 6, 6), strict=True)))
def test_the_least_budget_that_is_taken_suffices(template: str, steps: int) -> None:
    """It is enough to ask what may be needed and to answer; one token less is refused."""
    with pytest.raises(UserError, match=f"{steps} tokens"):
        LookupSettings(max_steps=steps - 1, queries=(template,))
    LookupSettings(max_steps=steps, queries=(template,))


def test_the_command_line_says_it_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in [
        (["--query", "F 9"], "value 9 of the query is out of range"),
        (["--query", "F 3", "--table", "1", "2"], "table has 2 values: with these settings it takes 35"),
        (["--query", "F 3", "--table", ",".join(["9"] * 35)], "table has the value 9"),
        (["--query", "F 3", "--world.fail", "2"], "world.fail = 2"),
        (["--query", "F 3", "--world.max_steps", "2"], "world.max_steps = 2 is too small to answer any query"),
        (["--query", "F 3", "--world.queries", "Tx,Uy"], "queries: unknown template 'Uy': "),
    ]:
        assert run("play", "lookup-v0", *arguments, "--", "F", "3") == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1


def test_a_table_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """35 numbers, with spaces or commas between them."""
    cells = list(map(str, range(5))) * 7
    for table in (cells, [",".join(cells)]):
        assert run("play", "lookup-v0", "--query", "F 3", "--table", *table, "--json", "--", "F", "3", "ANS", "3") == 0
        told = json.loads(capsys.readouterr().out)
        assert told["task"]["table"] == list(map(int, cells))
        assert (told["stream"], told["success"], told["counts"]["calls"]) == (["F", "3", "3", "ANS", "3"], True, 1)


def test_hidden_sizes_are_those_of_what_is_drawn() -> None:
    """Nothing that cannot happen is kept, and each part is as long as the settings ask for."""
    sizes = [len(LookupSettings(**more).hidden_sizes()) for more in ({}, {"lie": 0.1}, {"lie": 0.1, "stale": 0.1})]
    assert [after - before for before, after in pairwise(sizes)] == [1, 2]
