"""The calculator's recorded episodes, reproduced by the scalar twin and by the batched world.

The records come from an independent implementation of the rules. All use the default budget of six tokens an operand.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from inwit.worlds.calculator.tables import FULL
from support import batch_of, lockstep

PATH = Path(__file__).parents[1] / "golden" / "calculator_v0.jsonl.gz"
all_or_one_in_ten = pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])
OUTCOMES = {"terminated": "terminated", "truncated": "truncated", "value_ok": "value_success"} | {
    "identity_ok": "identity_success"
}


@cache
def records(every: int) -> list[dict[str, Any]]:
    lines = gzip.decompress(PATH.read_bytes()).splitlines()
    assert len(lines) == 6000, f"{PATH} holds {len(lines)} episodes instead of 6,000."
    return [json.loads(line) for line in lines[::every]]


def task(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("expression", "operands", "num_slots")}


@all_or_one_in_ten
def test_the_records_reach_what_they_are_to_test(every: int) -> None:
    rows = records(every)
    assert {row["num_slots"] for row in rows} == {0, 1, 2}
    assert {len(row["operands"]) for row in rows} == {2, 3, 4, 5}
    assert any(row["value_ok"] and not row["identity_ok"] for row in rows), "Luck must be among the records."
    assert any(row["truncated"] for row in rows)
    assert any(a not in legal for row in rows for a, legal in zip(row["actions"], row["legal"], strict=True))
    assert all(row["steps"] == len(row["actions"]) for row in rows)


@all_or_one_in_ten
def test_scalar(every: int) -> None:
    """All records, or one in ten where there is no time: under the tests' checked shapes every call is slow."""
    for row in records(every):
        episode = inwit.play("calculator-v0", task(row), row["actions"])
        assert episode.task == task(row)
        assert [sorted(names) for names in episode.legal] == row["legal"], row
        assert [state["accumulator"] for state in episode.states] == row["accumulator"], row
        assert episode.steps == row["steps"], row
        assert {ours: getattr(episode, ours) for ours in OUTCOMES.values()} == {
            ours: row[name] for name, ours in OUTCOMES.items()
        }, row
        assert episode.success == row["identity_ok"], row
        assert episode.reward == float(row["identity_ok"]), row


@all_or_one_in_ten
@pytest.mark.parametrize("num_slots", [0, 1, 2])
def test_batched(num_slots: int, every: int) -> None:
    """All rows with that many slots, or one in ten, in one batch, after their end as well."""
    rows = [row for row in records(every) if row["num_slots"] == num_slots]
    world = inwit.make("calculator-v0", num_slots=num_slots, max_operators=4)
    programs = [world.vocabulary.ids(row["actions"]) for row in rows]
    states, legal, steps = lockstep(world, batch_of(world, [task(row) for row in rows]), programs)

    def ever(flags: list[torch.Tensor]) -> list[bool]:
        table = torch.stack(flags, 1)
        assert int(table.sum(1).max()) <= 1, "A flag was raised twice."
        return table.any(1).tolist()

    assert states[-1]["steps"].tolist() == [row["steps"] for row in rows]
    assert bool(states[-1]["ended"].all())
    assert ever([step.terminated for step in steps]) == [row["terminated"] for row in rows]
    assert ever([step.truncated for step in steps]) == [row["truncated"] for row in rows]
    assert ever([step.success for step in steps]) == [row["identity_ok"] for row in rows]
    assert ever([step.reward == 1 for step in steps]) == [row["identity_ok"] for row in rows]
    for name in ("value", "identity"):
        flags = [step.extra[f"{name}_success"] for step in steps]
        assert ever(flags) == [row[f"{name}_ok"] for row in rows]
    assert accumulators(states[1:], rows) == [row["accumulator"] for row in rows]
    for row, ours in zip(rows, legal_names(world, legal, rows), strict=True):
        assert ours == row["legal"], row


def accumulators(states: list[dict[str, torch.Tensor]], rows: list[dict[str, Any]]) -> list[list[int | None]]:
    """What each row's accumulator holds on the digits after each of its own steps; None while it is empty."""
    acc = torch.stack([state["acc"][:, 0] for state in states], 1).tolist()
    full = torch.stack([state["mode"] % 2 == FULL for state in states], 1).tolist()
    return [
        [value if is_full else None for value, is_full in zip(acc[i], full[i], strict=True)][: row["steps"]]
        for i, row in enumerate(rows)
    ]


def legal_names(world: Any, legal: list[torch.Tensor], rows: list[dict[str, Any]]) -> list[list[list[str]]]:
    """The legal tokens before each of a row's own steps, in alphabetical order."""
    names: list[list[list[str]]] = [[[] for _ in range(row["steps"])] for row in rows]
    for row, column, token in torch.stack(legal, 1).nonzero().tolist():
        if column < rows[row]["steps"]:
            names[row][column].append(world.vocabulary.names[token])
    return [[sorted(tokens) for tokens in columns] for columns in names]
