"""Trackers: what reaches them and when, and that none stops a run. `test_trackers.py` has the libraries themselves."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.core.errors import UserError
from inwit.runs import tracking
from inwit.runs.trackers import Start
from inwit.training.metrics import Update
from results import PROVEN
from soaking import quiet, refusal
from support import small_config, whole_lines

CONFIG = {"training": {"max_updates": 21, "confirm": False}}
FIRST = {"training": {"max_updates": 12, "confirm": False}}


def test_none_by_default() -> None:
    agent = inwit.train(small_config(**CONFIG), tell=quiet)
    assert agent.path is not None
    assert not (agent.path / "tensorboard").exists()


@pytest.mark.parametrize(
    ("track", "names"),
    [
        (None, []),
        ([], []),
        ("mlflow", ["mlflow"]),
        ("tensorboard,mlflow", ["tensorboard", "mlflow"]),
        (" tensorboard , mlflow ", ["tensorboard", "mlflow"]),
        (["wandb", "tensorboard,mlflow", "wandb"], ["wandb", "tensorboard", "mlflow"]),
        (("wandb",), ["wandb"]),
    ],
)
def test_several_trackers_in_several_ways(track: Any, names: list[str]) -> None:
    assert tracking.names_of(track) == names


@pytest.mark.parametrize("track", ["tensorbord", "", "tensorboard,", ["tensorboard", "nope"], 3, True, [None], {}])
def test_what_names_no_tracker_is_refused_before_anything_is_written(track: Any, runs: Path) -> None:
    refusal(lambda: inwit.train(small_config(**CONFIG), track=track))
    assert not runs.exists()


def test_the_nearest_tracker_is_named() -> None:
    message = refusal(lambda: inwit.train(small_config(**CONFIG), track=["tensorboard", "ml-flow"]))
    assert "did you mean 'mlflow'" in message


def test_a_missing_tracker_names_the_way_to_get_it(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a folder here has its name, which Python takes for a package, and where its installation is broken."""
    (tmp_path / "only_a_folder_here").mkdir()
    (tmp_path / "broken_module_here.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    _, *rest = tracking.TRACKERS["tensorboard"]
    for module in ("no_such_module_here", "only_a_folder_here", "broken_module_here"):
        monkeypatch.setitem(tracking.TRACKERS, "tensorboard", (module, *rest))
        message = refusal(lambda: inwit.train(small_config(**CONFIG), track="tensorboard"))
        assert 'in the clone of inwit: pip install -e ".[track]"' in message
        assert "is not installed" in message
    assert not runs.exists()


class Recorded:
    """A tracker that keeps what it is told. It fails from its `good`-th call of `log` on; below 0, when it is made."""

    def __init__(self, good: int = 1000) -> None:
        self.good, self.about, self.last = good, [], 0
        self.lines: list[tuple[int, dict[str, float]]] = []
        self.ended: list[tuple[str, dict[str, float], int]] = []
        self.known: dict[str, Any] = {}

    def open(self, about: Start) -> Recorded:
        if self.good < 0:
            raise RuntimeError("cannot\nopen")
        self.about.append(about)
        self.known = {"id": "a7"}
        return self

    def begin(self, about: Start) -> None: ...

    def log(self, values: dict[str, float], update: int) -> None:
        self.lines.append((update, values))
        if len(self.lines) > self.good:
            raise ConnectionError("gone")

    def end(self, status: str, result: dict[str, float], update: int) -> None:
        self.ended.append((status, result, update))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    monkeypatch.setattr(tracking, "evaluate", lambda agent: PROVEN)
    return _instead("wandb", Recorded(), monkeypatch)


def _instead(name: str, tracker: Recorded, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    monkeypatch.setitem(tracking.TRACKERS, name, ("json", "", tracker.open))
    return tracker


@pytest.mark.parametrize("good", [-1, 0, 1])
def test_a_tracker_that_fails_stops_neither_the_run_nor_another_tracker(
    good: int, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it opens, at the first line, or later: said once, and no line is sent to it again."""
    broken, told = _instead("mlflow", Recorded(good), monkeypatch), []
    agent = inwit.train(small_config(**CONFIG), tell=told.append, track="mlflow,wandb")
    assert agent.status == "finished"
    [text] = told
    assert text.startswith("mlflow failed and is left out from now on: ")
    assert "\n" not in text
    assert len(broken.lines) == good + 1
    assert [update for update, _ in recorded.lines] == [1, 11, 21]
    assert [status for status, *_ in recorded.ended] == ["finished"]


def test_one_that_cannot_end_is_said(recorded: Recorded) -> None:
    told: list[str] = []
    recorded.end = lambda *_: json.loads("?")  # type: ignore[method-assign]
    assert inwit.train(small_config(**CONFIG), tell=told.append, track="wandb").status == "finished"
    [text] = told
    assert text.startswith("wandb failed")


@pytest.mark.slow
def test_the_settings_name_tags_and_the_exact_result_arrive(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "evaluate", inwit.evaluate)
    agent = inwit.train(small_config(**FIRST), tell=quiet, track="wandb", name="wide", tags=["a", "b"])
    [about], [(status, result, update)] = recorded.about, recorded.ended
    assert (about.name, about.tags, about.path, about.update) == ("wide", ["a", "b"], agent.path, 0)
    assert about.settings["policy.width"] == 8
    evaluation = inwit.evaluate(agent)
    assert (status, update) == ("finished", 12)
    assert result["result/solved"] == evaluation.solved
    assert result["result/problems"] == evaluation.problems == 111_000
    assert {f"result/success_of/{row.name}": row.success for row in evaluation.rows}.items() <= result.items()


def test_an_interrupted_training_is_told_as_such_and_not_examined(recorded: Recorded) -> None:
    def stop(update: Update) -> None:
        if update.index == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    assert inwit.train(small_config(**CONFIG), tell=quiet, track="wandb", callback=stop).status == "interrupted"
    assert recorded.ended == [("interrupted", {}, 4)]


def test_so_is_one_that_an_exception_ends(recorded: Recorded) -> None:
    def stop(update: Update) -> None:
        raise KeyError(update.index)

    with pytest.raises(KeyError):
        inwit.train(small_config(**CONFIG), tell=quiet, track="wandb", callback=stop)
    assert recorded.ended == [("interrupted", {}, 1)]


def test_a_failed_training_is_told_as_such(recorded: Recorded) -> None:
    def spoil(update: Update) -> None:
        for parameter in update.agent.policy.parameters():
            parameter.data.fill_(float("nan"))

    with pytest.raises(UserError):
        inwit.train(small_config(**CONFIG), tell=quiet, track="wandb", callback=spoil)
    assert [status for status, *_ in recorded.ended] == ["failed"]


def test_a_resumed_training_goes_on_where_the_tracker_stands(recorded: Recorded) -> None:
    """What finds its run again is kept; no line is sent twice; a line that it lacks is sent."""
    agent = inwit.train(small_config(**CONFIG), tell=quiet, track="wandb")
    assert agent.path is not None
    recorded.last, recorded.lines = 5, []  # the lines of updates 11 and 21 never reached it
    inwit.resume(agent.path, tell=quiet, track=["wandb"], training={"max_updates": 32})
    assert recorded.about[1].known == {"id": "a7"}
    assert (recorded.about[1].update, recorded.about[1].sent) == (21, 21)
    assert [update for update, _ in recorded.lines] == [11, 21, 31]
    assert [update for *_, update in recorded.ended] == [21, 32]
    lines = whole_lines(agent.path / "metrics.jsonl")
    assert [values for _, values in recorded.lines] == [tracking.scalars(line) for line in lines[1:]]


@pytest.mark.slow
def test_a_training_goes_on_in_the_trackers_that_it_had(recorded: Recorded) -> None:
    """Unless others are named; one that is not here any more is left out."""
    agent = inwit.train(small_config(**CONFIG), tell=quiet, track="wandb")
    assert agent.path is not None
    inwit.resume(agent.path, tell=quiet, track=[], training={"max_updates": 32})
    assert len(recorded.about) == 1
    inwit.resume(agent.path, tell=quiet, training={"max_updates": 42})
    assert recorded.about[1].known == {"id": "a7"}
    record = json.loads((agent.path / "run.json").read_text())
    record["trackers"]["gone"] = {}
    (agent.path / "run.json").write_text(json.dumps(record))
    told: list[str] = []
    inwit.resume(agent.path, tell=told.append, training={"max_updates": 52})
    assert any("unknown tracker 'gone'" in text and "goes on without it" in text for text in told)
    assert len(recorded.about) == 3


def test_a_world_that_cannot_be_examined_leaves_the_run_finished(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(tracking, "evaluate", lambda agent: json.loads("?"))
    assert inwit.train(small_config(**FIRST), tell=told.append, track="wandb").status == "finished"
    [text] = told
    assert text.startswith("the result was not sent to wandb: ")
    assert recorded.ended == [("finished", {}, 12)]


def test_where_nothing_was_trained_nothing_is_left(recorded: Recorded, runs: Path) -> None:
    """A Ctrl-C while a tracker opens, which may take long."""

    def interrupted(about: Start) -> None:
        raise KeyboardInterrupt

    recorded.begin = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        inwit.train(small_config(**CONFIG), tell=quiet, track="wandb")
    assert list(runs.iterdir()) == []
    assert [status for status, *_ in recorded.ended] == ["interrupted"]


def test_lines_become_flat_numbers() -> None:
    line = {"update": 3, "time": "x", "solved": True, "loss": 0.5, "approx_kl": None, "success": {"0": 0.25}}
    flat = tracking.scalars(line | {"tokens_used": {"1": {"MUL": 3, "ANS": 1}}})
    assert flat == {"loss": 0.5, "success/0": 0.25, "tokens_used/1/MUL": 0.75, "tokens_used/1/ANS": 0.25}


def test_a_disk_that_refuses_to_note_a_tracker_leaves_it_in(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    changed = tracking.writing.change

    def change(path: Path, **changes: object) -> None:
        if "trackers" in changes:
            raise UserError("the disk is full")
        changed(path, **changes)

    monkeypatch.setattr(tracking.writing, "change", change)
    inwit.train(small_config(**CONFIG), tell=told.append, track="wandb")
    assert told == ["the disk is full: a resumed training will not find its run in wandb"]
    assert recorded.lines


def test_an_interrupt_while_the_result_is_computed_names_the_run(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    def interrupt(agent: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tracking, "evaluate", interrupt)
    with pytest.raises(KeyboardInterrupt, match="what was trained is kept as"):
        inwit.train(small_config(**CONFIG), tell=quiet, track="wandb")
    [path] = runs.glob("tutorial*")
    assert inwit.load(path).status == "finished"
    assert recorded.ended == [("finished", {}, 21)]
