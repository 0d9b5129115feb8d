"""The line that a run keeps of an update, against plain counting."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import Any

import pytest
import torch

import inwit
from inwit.training.metrics import read_back
from soaking import quiet
from support import small_config, whole_lines


@pytest.mark.parametrize("learner", [{"id": "a2c", "group_size": 4}, {"id": "grpo", "group_size": 4}, {"id": "ppo"}])
def test_a_line_against_plain_counting(learner: dict[str, Any]) -> None:
    for update in islice(inwit.updates(small_config(learner=learner)), 3):
        line, rollout, kinds = update.line(), update.rollout, update.agent.world.kinds
        assert line.items() >= update.summary().items()
        names, use = update.agent.world.vocabulary.names, Counter()
        squares, chosen = 0.0, 0
        for row in range(len(rollout.tasks)):
            stage = str(kinds.stages[int(rollout.tasks.kind[row])])
            for column in range(rollout.tokens.shape[1]):
                if rollout.live[row, column] and rollout.chosen[row, column]:
                    use[stage, names[int(rollout.tokens[row, column])]] += 1
                    rest = float(rollout.reward[row, column:].sum())
                    squares += (float(rollout.values[row, column]) - rest) ** 2
                    chosen += 1
        assert {(s, name): count for s, counts in line["tokens_used"].items() for name, count in counts.items()} == use
        for stage, mean in line["mean_steps"].items():
            episodes = sum(str(kinds.stages[kind]) == stage for kind in rollout.tasks.kind.tolist())
            written = sum(count for (where, _), count in use.items() if where == stage)
            assert mean == pytest.approx(written / episodes)
        assert set(line["mean_steps"]) == {str(kinds.stages[kind]) for kind in rollout.tasks.kind.tolist()}
        assert line["value_error"] == pytest.approx((squares / chosen) ** 0.5)
        assert line["reward"] == pytest.approx(float(rollout.returns.mean()))
        returns = rollout.returns.tolist()
        groups = [set(returns[start : start + 4]) for start in range(0, 32, 4)]
        share = sum(len(group) > 1 for group in groups) / 8
        assert line["signal"] == pytest.approx(share if learner["id"] == "grpo" else float(len(set(returns)) > 1))
        json.dumps(line, allow_nan=False)


def test_everything_is_read_back_as_it_was() -> None:
    read = read_back({"a": torch.tensor(3), "b": torch.tensor([0.1, 2.0]), "c": torch.tensor(0.1)})
    assert read == {"a": 3.0, "b": torch.tensor([0.1, 2.0]).double().tolist(), "c": float(torch.tensor(0.1))}


def test_the_table_has_the_lines() -> None:
    """Parquet at the end, row for row what was written on the way."""
    import duckdb

    agent = inwit.train(small_config(training={"max_updates": 31, "confirm": False}), tell=quiet)
    assert agent.path is not None
    lines = whole_lines(agent.path / "metrics.jsonl")
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT update, loss, success['0'], tokens_used['0']['ANS'] FROM read_parquet(?) ORDER BY update",
            [str(agent.path / "metrics.parquet")],
        ).fetchall()
    expected = [
        (line["update"], line["loss"], line["success"]["0"], line["tokens_used"]["0"].get("ANS")) for line in lines
    ]
    assert found == expected
    assert len(found) == 4
