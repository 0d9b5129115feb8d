"""Recorded episodes, reproduced by the scalar twins and by the batched worlds.

The records come from an independent implementation of the rules. Masks are tried on and off: they limit what a
policy may write, and must not change what a token does.
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
from support import batch_of, lockstep

FOLDER = Path(__file__).parents[1] / "golden"
WORLDS = ("tutorial-v0", "tutorial-v1")
all_or_one_in_ten = pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])
BUDGET = 7  # the records' max_steps


@cache
def records(world_id: str, every: int) -> list[dict[str, Any]]:
    path = FOLDER / f"{world_id.replace('-', '_')}.jsonl.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines()
    assert len(lines) == 6000, f"{path} holds {len(lines)} episodes instead of 6,000."
    return [json.loads(line) for line in lines[::every]]


def task(row: dict[str, Any]) -> dict[str, Any]:
    return {"stage": row["stage"], "operands": row["operands"]}


@all_or_one_in_ten
def test_the_records_reach_what_they_are_to_test(every: int) -> None:
    """A golden file without successes, truncations or illegal tokens would prove nothing."""
    v0, v1 = records("tutorial-v0", every), records("tutorial-v1", every)
    assert any(row["reward"] > 1 for row in v0)
    assert any(row["steps"] < len(row["actions"]) for row in v0)
    assert any(row["success"] for row in v1)
    assert any(row["truncated"] for row in v1)
    assert any(a not in legal for row in v1 for a, legal in zip(row["actions"], row["legal"], strict=False))


@all_or_one_in_ten
@pytest.mark.parametrize("masks", [True, False])
def test_scalar_v0(masks: bool, every: int) -> None:
    for row in records("tutorial-v0", every):
        episode = inwit.play("tutorial-v0", task(row), row["actions"], max_steps=BUDGET, masks=masks)
        assert abs(episode.reward - row["reward"]) < 1e-9, row
        assert episode.steps == row["steps"], row
        assert len(episode.unused) == len(row["actions"]) - row["steps"], row


@all_or_one_in_ten
@pytest.mark.parametrize("masks", [True, False])
def test_scalar_v1(masks: bool, every: int) -> None:
    ids = inwit.make("tutorial-v1").vocabulary.ids
    for row in records("tutorial-v1", every):
        episode = inwit.play("tutorial-v1", task(row), row["actions"], max_steps=BUDGET, masks=masks)
        played = {name: getattr(episode, name) for name in ("steps", "terminated", "truncated", "success")}
        assert played == {name: row[name] for name in played}, row
        assert episode.reward == float(row["success"]), row
        assert [ids(names) for names in episode.legal] == row["legal"], row


@all_or_one_in_ten
@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("world_id", WORLDS)
def test_batched(world_id: str, masks: bool, every: int) -> None:
    """All 6,000 rows, or one in ten, in one batch. A record that ends without ANS before its budget is padded with
    EOS, which has no effect; what is compared is what the record's own tokens did."""
    rows = records(world_id, every)
    world = inwit.make(world_id, max_steps=BUDGET, masks=masks)
    tasks = batch_of(world, [task(row) for row in rows])
    _, legal, steps = lockstep(world, tasks, [row["actions"] for row in rows])

    length = torch.tensor([len(row["actions"]) for row in rows])
    own = torch.arange(len(steps)) < length[:, None]
    terminated = torch.stack([step.terminated for step in steps], 1) & own
    truncated = torch.stack([step.truncated for step in steps], 1) & own
    success = torch.stack([step.success for step in steps], 1) & own
    reward = (torch.stack([step.reward for step in steps], 1) * own).sum(1)
    ended = terminated | truncated
    live = own & (ended.long().cumsum(1) - ended.long() == 0)

    assert int(ended.sum(1).max()) == 1, "A row ended twice."
    assert live.sum(1).tolist() == [row["steps"] for row in rows]
    if world_id == "tutorial-v0":
        expected = torch.tensor([row["reward"] for row in rows], dtype=torch.float64)
        torch.testing.assert_close(reward, expected, rtol=0, atol=1e-9)
        assert all(bool(mask.all()) for mask in legal), "Every token of tutorial-v0 is legal at any time."
    else:
        assert terminated.any(1).tolist() == [row["terminated"] for row in rows]
        assert truncated.any(1).tolist() == [row["truncated"] for row in rows]
        assert success.any(1).tolist() == [row["success"] for row in rows]
        assert reward.tolist() == [float(row["success"]) for row in rows]
        assert legal_lists(legal, live) == [row["legal"] for row in rows]


def legal_lists(legal: list[torch.Tensor], live: torch.Tensor) -> list[list[list[int]]]:
    """The legal ids before each live step, row by row."""
    table = torch.stack(legal, 1)
    lists: list[list[list[int]]] = [[[] for _ in range(count)] for count in live.sum(1).tolist()]
    for row, column, token in (table & live[:, :, None]).nonzero().tolist():
        lists[row][column].append(token)
    return lists
