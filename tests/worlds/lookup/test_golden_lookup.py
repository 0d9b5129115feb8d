"""Recorded episodes of lookup-v0, reproduced by the scalar twin through `play` and by the batched world.

The records come from two independent implementations of the rules, which agree on all of them. The batched world runs
them with everything drawn and with nothing drawn, when what the world writes is taken from the record.
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
from inwit.core.types import Tasks
from support import batch_of

FILE = Path(__file__).parents[2] / "golden" / "lookup_v0.jsonl.gz"
HIDDEN = ("table", "broken", "fails")
all_or_one_in_seven = pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
on_and_off = pytest.mark.parametrize("masks", [True, False])


@cache
def records(every: int) -> list[dict[str, Any]]:
    lines = gzip.decompress(FILE.read_bytes()).splitlines()
    assert len(lines) == 3000, f"{FILE} holds {len(lines)} episodes instead of 3,000."
    return [json.loads(line) for line in lines[::every]]


def groups(every: int) -> list[list[dict[str, Any]]]:
    """The records by their settings."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in records(every):
        found.setdefault(json.dumps(row["settings"]), []).append(row)
    return list(found.values())


def task(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("query", *HIDDEN)}


def errors(row: dict[str, Any]) -> int:
    """Calls that were answered by ERR: it may also have been written, without effect, as a token of the program's."""
    return row["stream"].count("ERR") - row["actions"].count("ERR")


@all_or_one_in_seven
def test_the_records_reach_what_they_are_to_test(every: int) -> None:
    """Records without successes, truncations, errors, sure calls or illegal tokens would prove nothing."""
    rows = records(every)
    assert any(row["success"] for row in rows)
    assert any(row["terminated"] and not row["success"] for row in rows)
    assert any(row["truncated"] for row in rows)
    assert any(errors(row) for row in rows)
    assert any("F!" in row["stream"] for row in rows)
    assert any(a not in legal for row in rows for a, legal in zip(row["actions"], row["legal"], strict=True))
    assert len(groups(every)) == 5


@all_or_one_in_seven
@on_and_off
def test_played_by_hand(masks: bool, every: int) -> None:
    for row in records(every):
        episode = inwit.play("lookup-v0", task(row), row["actions"], **row["settings"], masks=masks)
        told = {name: getattr(episode, name) for name in ("stream", "steps", "terminated", "truncated", "success")}
        assert told == {name: row[name] for name in told}, row
        assert episode.actions == row["actions"], row
        assert list(map(sorted, episode.legal)) == list(map(sorted, row["legal"])), row
        assert episode.reward == pytest.approx(row["reward"], abs=1e-9), row
        assert episode.counts["calls"] == row["calls"], row
        assert episode.counts["errors"] == errors(row), row
        assert len(episode.states) == row["steps"], row


@all_or_one_in_seven
@on_and_off
@pytest.mark.parametrize("drawn", [True, False])
def test_batched(drawn: bool, masks: bool, every: int) -> None:
    for rows in groups(every):
        world: Any = inwit.make("lookup-v0", **rows[0]["settings"], masks=masks)
        tasks = batch_of(world, [task(row) for row in rows])
        if not drawn:  # what is hidden is there, but the world must not look at it before it is written
            hidden = {name: torch.where(tasks.data[name] == 0, 0, -1) for name in ("broken", "fails")}
            hidden = {name: cells.to(torch.int8) for name, cells in hidden.items()}
            hidden["table"] = torch.full_like(tasks.data["table"], -1)
            tasks = Tasks(tasks.kind, {name: tasks.data[name] for name in ("tools", "values")} | hidden)
        compare(world, world.reset(tasks), rows, drawn)


def compare(world: Any, state: Any, rows: list[dict[str, Any]], drawn: bool) -> None:
    """Run the records' streams and compare everything; where cells are not drawn the verdict's are written at last."""
    ids, names = world.vocabulary.ids, world.vocabulary.names
    streams = [ids(row["stream"]) for row in rows]
    legal_left = [list(map(sorted, row["legal"])) for row in rows]
    total = torch.zeros(len(rows), dtype=torch.float64)
    counts = dict.fromkeys(("calls", "sure_calls", "errors"), torch.zeros(len(rows), dtype=torch.int64))
    flags = torch.zeros(3, len(rows), dtype=torch.bool)
    for column in range(world.num_columns + 4):
        legal, forced, chance = world.legal(state).tolist(), world.forced(state).tolist(), world.chance(state)
        token = []
        for row, record in enumerate(rows):
            if column < len(streams[row]):
                token.append(streams[row][column])
                if forced[row] == -1:
                    now = sorted(name for name, may in zip(names, legal[row], strict=True) if may)
                    assert now == legal_left[row].pop(0), record
                elif drawn:
                    assert forced[row] == token[-1], record
                else:
                    assert chance[row, token[-1]] > 0, record
                    assert legal[row][token[-1]], record
            elif drawn or forced[row] >= 0:
                assert forced[row] >= 0, record
                token.append(forced[row])
            else:  # the verdict looks at a cell that was never asked
                cell = int(world._resolved(state)[1][row])
                token.append(world.settings.first_value + record["table"][cell])
        state, step = world.step(state, torch.tensor(token))
        total += step.reward
        counts = {name: number + step.counts[name] for name, number in counts.items()}
        flags |= torch.stack([step.terminated, step.truncated, step.success])
    assert not any(legal_left)
    assert total.tolist() == pytest.approx([row["reward"] for row in rows], abs=1e-9)
    assert counts["calls"].tolist() == [row["calls"] for row in rows]
    assert counts["errors"].tolist() == [errors(row) for row in rows]
    assert state["steps"].tolist() == [row["steps"] for row in rows]
    assert flags.tolist() == [[row[name] for row in rows] for name in ("terminated", "truncated", "success")]
