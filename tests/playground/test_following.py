"""Following a run: each whole line once, whatever the writer does meanwhile; and what its agent wrote on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.core import storage
from inwit.core.errors import UserError
from inwit.playground.following import Follower, cursor, standing
from inwit.playground.specimen import Specimens, replayed, specimen, updates_kept
from inwit.playground.trainings import Training
from inwit.runs import moments
from recorded import edit, lines, metric
from soaking import quiet
from support import make_world, small_config
from watched import put_golden


def read(follower: Follower) -> list[Any]:
    """What is new: the updates of reports, and other lines by their word."""
    return [
        line["report"]["update"] if "report" in line else next(word for word in line if word != "cursor")
        for line in follower.read()
    ]


def add(path: Path, text: str) -> None:
    with (path / "metrics.jsonl").open("a") as file:
        file.write(text)


@pytest.fixture
def run(runs: Path) -> Path:
    """A run that says it is being trained, with a report; `held` by this process."""
    path = put_golden(runs, "one", lambda record: record.update(status="running"))
    for kept in updates_kept(path):
        storage.remove_folder(path / "checkpoints" / f"{kept:06d}")
    lines(path, [metric(1, [0.5])])
    return path


def test_each_whole_line_is_told_once(run: Path) -> None:
    with storage.locked(run / "lock"):
        one, other = Follower(run), Follower(run)
        assert read(one) == [1]
        assert read(one) == []
        whole = json.dumps(metric(11, [0.5])) + "\n"
        add(run, whole[:30])
        assert read(one) == [], "the rest of the line is still to be written"
        add(run, whole[30:] + 'torn\n{"update": NaN}\n' + json.dumps(metric(21, [0.6])) + "\n")
        assert read(one) == [11, 21]
        storage.append(run / "events.jsonl", '{"update": 21, "event": "certain", "text": "of course"}\n')
        assert one.read()[0]["event"]["text"] == "of course"
        assert read(other) == [1, 11, 21, "event"]
        assert not one.ended


def test_whoever_comes_back_is_told_nothing_twice(run: Path) -> None:
    with storage.locked(run / "lock"):
        lines(run, [metric(update, [0.5]) for update in (1, 11, 21)])
        first = Follower(run).read()
        assert read(Follower(run, cursor(first[0]["cursor"]))) == [11, 21]
        assert read(Follower(run, cursor(first[-1]["cursor"]))) == []


def test_a_training_that_goes_back_is_told_anew(run: Path) -> None:
    with storage.locked(run / "lock"):
        lines(run, [metric(update, [0.5]) for update in (1, 11, 21)])
        follower = Follower(run)
        assert read(follower) == [1, 11, 21]
        lines(run, [metric(1, [0.5])])
        assert read(follower) == [1]
        add(run, json.dumps(metric(11, [0.7])) + "\n")
        assert read(follower) == [11]


def test_a_killed_training_is_told(run: Path) -> None:
    follower = Follower(run)
    assert read(follower) == [1, "end"]
    assert follower.ended
    assert follower.read() == []
    [_, last] = Follower(run).read()
    assert last["end"]["status"] == "stopped"
    assert last["end"]["text"] == "the training was killed; inwit train --resume one goes on with it"


def test_a_run_that_goes_on_elsewhere_has_not_ended(run: Path) -> None:
    class Ended(Training):
        def __init__(self) -> None:
            pass

        def has_ended(self) -> bool:
            return True

    with storage.locked(run / "lock"):
        follower = Follower(run, training=Ended())
        assert read(follower) == [1]
        assert not follower.ended
        assert standing(run)["text"] == "the run is being trained"


@pytest.mark.parametrize("status", ["finished", "failed"])
def test_the_end_says_how_it_ended(run: Path, status: str) -> None:
    edit(run, lambda record: record.update(status=status))
    end = Follower(run).read()[-1]["end"]
    assert (end["status"], end["problems"]) == (status, 111_000)
    (run / "run.json").unlink()
    assert Follower(run).read()[-1]["end"]["status"] == "damaged"


@pytest.mark.parametrize("wrong", [3, "0", [1, 2], [1, 2, -3], [1, 2, "3"], [0, 0, 2**60], {}, [[], 0, 0]])
def test_what_is_no_cursor(wrong: object) -> None:
    with pytest.raises(UserError, match=r"is no cursor: give the one of the last line, or none$"):
        cursor(wrong)
    assert cursor(None) == (0, 0, 0)


def test_the_agent_is_shown_as_it_was_at_each_snapshot() -> None:
    chosen = {"snapshots": (0, 1, 2, 3, 4, 5), "max_updates": 6, "confirm": False}
    agent = inwit.train(small_config(training=chosen), tell=quiet)
    assert agent.path is not None
    told = Follower(agent.path)
    seen = []
    while not told.ended:
        seen += told.read()
    shown = [line["specimen"] for line in seen if "specimen" in line]
    assert [each["update"] for each in shown] == [0, 1, 2, 3, 4, 5, 6], "the last from the checkpoint"
    for each in shown:
        as_it_was = replayed(inwit.load(agent.path, at=each["update"]))
        assert each == {"update": each["update"], **as_it_was}
        assert len(each["words"]) == len(each["tokens"]) == len(each["values"])
        assert each["task"] == shown[0]["task"]
    assert len({str(each["values"]) for each in shown}) == 7, "each of them had other weights"
    assert "end" in seen[-1]
    (late,) = [each for each in Follower(agent.path, (0, 0, 6)).read() if "specimen" in each]
    assert late["specimen"] == shown[-1]


def test_weights_that_are_gone_or_damaged_are_left_out(runs: Path) -> None:
    agent = inwit.train(small_config(training={"snapshots": (0, 1), "max_updates": 2, "confirm": False}), tell=quiet)
    assert agent.path is not None
    specimens = Specimens()
    assert specimens.at(agent.path, 7) is None
    moments.file_of(agent.path, 1).write_bytes(b"torn")
    assert specimens.at(agent.path, 1) is None
    assert [line["specimen"]["update"] for line in Follower(agent.path).read() if "specimen" in line] == [0, 2]


def test_the_specimen_is_of_the_hardest_kind_that_is_trained_and_always_the_same() -> None:
    for world_id in ("tutorial-v1", "calculator-v0", "lookup-v0"):
        world = make_world(world_id, max_operators=2)
        one, other = specimen(world), specimen(make_world(world_id, max_operators=2))
        assert int(one.kind) == world.kinds.trained[-1]
        assert all(bool((tensor == other.data[name]).all()) for name, tensor in one.data.items())
