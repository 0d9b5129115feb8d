"""Earlier agents on a page: with their constants in the place of its own the page writes what they would write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from inwit.commands.cli import main
from inwit.core.contracts import Agent, weights_of
from inwit.core.errors import UserError
from inwit.playground.blob import Blob
from inwit.playground.earlier import evenly, snapshots
from inwit.playground.graphs import agent_graphs, example, world_graphs
from inwit.playground.page import page as made
from inwit.playground.scripts import script
from javascript import needs_javascript, run_javascript
from parity import REPLAY, packed, record, some_tasks
from soaking import quiet
from support import small_config, untrained

CHOSEN = {"snapshots": (0, 1), "max_updates": 4, "confirm": False}


def trained(**policy: Any) -> Agent:
    return inwit.train(small_config(training=CHOSEN, policy=policy), tell=quiet)


def test_as_many_as_are_wanted_evenly_with_the_first_and_the_last() -> None:
    assert evenly([0, 5], 12) == [0, 5]
    assert evenly(list(range(11)), 3) == [0, 5, 10]
    assert evenly(list(range(100)), 2) == [0, 99]


def test_parameters_that_are_alike_stay_apart() -> None:
    blob, zeros = Blob(), torch.zeros(3)
    numbers = [
        blob.add(zeros),
        blob.add(zeros),
        blob.add(zeros, "one"),
        blob.add(zeros, "other"),
        blob.add(zeros, "one"),
    ]
    assert numbers == [0, 0, 1, 2, 1]


@needs_javascript
@pytest.mark.slow
def test_the_page_writes_what_the_agent_wrote_then(tmp_path: Path) -> None:
    agent = trained(id="memoryless", width=8)
    world, blob = agent.world, Blob()
    held = {"world": world_graphs(world, example(world), blob), "masks": world.masks, "columns": world.num_columns}
    graphs = agent_graphs(agent, blob)
    told = snapshots(agent, graphs, blob, 12)
    assert [each["update"] for each in told["snapshots"]] == [0, 1, 4]
    assert told["snapshots"][-1]["constants"] == told["parameters"], "the last is the agent itself"
    assert len(told["parameters"]) == len(weights_of(agent.policy))
    assert [each["success"] is not None for each in told["snapshots"]] == [False, True, False], (
        "reports are of update 1"
    )
    tasks = some_tasks(world, 20)
    for each in told["snapshots"]:
        recorded, policy = Blob(), inwit.load(agent.path or "", at=each["update"]).policy
        played = {"memoryless": record(world, policy, tasks, recorded, "memoryless")}
        page = held | {
            "agents": {"memoryless": graphs | told},
            "blob": packed(blob),
            "vocabulary": list(world.vocabulary.names),
        }
        data = {"page": page, "played": played, "blob": packed(recorded), "after": each["update"]}
        told_by_page = run_javascript(script() + REPLAY.read_text(encoding="utf-8"), data, tmp_path)["memoryless"]
        assert told_by_page["wrong"] == {}, told_by_page["first"]
        assert told_by_page["tokens"] > 20


def test_a_run_without_snapshots_is_refused(tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = untrained()
    with pytest.raises(UserError, match=r"no earlier weights are kept: train with --training\.snapshots 0,50,100"):
        snapshots(agent, {}, Blob(), 3)
    for wrong in (1, 61, -1):
        with pytest.raises(UserError, match=f"^snapshots = {wrong}: a page holds 2 to 60 for each agent, or none$"):
            made(agent, tmp_path / "page.html", quiet, snapshots=wrong)
    assert main(["page", "latest", "--snapshots", "many"]) == 2
    assert "--snapshots = 'many' is not a whole number" in capsys.readouterr().err
