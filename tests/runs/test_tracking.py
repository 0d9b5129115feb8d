"""Trackers: what reaches them, and that none stops a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.runs import tracking
from soaking import quiet, refusal
from support import small_config, whole_lines

CONFIG = {"training": {"max_updates": 21, "confirm": False}}


def test_none_by_default() -> None:
    agent = inwit.train(small_config(**CONFIG), tell=quiet)
    assert agent.path is not None
    assert not (agent.path / "tensorboard").exists()


def test_an_unknown_tracker_is_refused_before_anything_is_written(runs: Path) -> None:
    message = refusal(lambda: inwit.train(small_config(**CONFIG), track="tensorbord"))
    assert "did you mean 'tensorboard'" in message
    assert not runs.exists()


def test_a_missing_tracker_names_the_way_to_get_it(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, *rest = tracking.TRACKERS["tensorboard"]
    monkeypatch.setitem(tracking.TRACKERS, "tensorboard", ("no_such_module_here", *rest))
    message = refusal(lambda: inwit.train(small_config(**CONFIG), track="tensorboard"))
    assert 'pip install "inwit[track]"' in message
    assert not runs.exists()


@pytest.mark.slow
def test_tensorboard_gets_every_line() -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    agent = inwit.train(small_config(**CONFIG), tell=quiet, track="tensorboard")
    assert agent.path is not None
    lines = whole_lines(agent.path / "metrics.jsonl")
    events = EventAccumulator(str(agent.path / "tensorboard"))
    events.Reload()
    for name in ("loss", "success/0", "entropy", "value_error"):
        got = [(event.step, event.value) for event in events.Scalars(name)]
        flat = [(line["update"], tracking.scalars(line)[name]) for line in lines]
        assert got == [(step, pytest.approx(value)) for step, value in flat]


class Broken:
    """A tracker's functions, failing from the given call on."""

    def __init__(self, good: int) -> None:
        self.good, self.calls, self.closed = good, 0, False

    def open(self, path: Path, config: Any) -> tracking.Functions:
        if self.good < 0:
            raise RuntimeError("cannot\nopen")
        return self.add, self.close

    def add(self, values: dict[str, float], update: int) -> None:
        self.calls += 1
        if self.calls > self.good:
            raise ConnectionError("gone")

    def close(self) -> None:
        self.closed = True
        raise OSError("nor can it end")


@pytest.mark.parametrize("good", [-1, 0, 1, 99])
def test_a_tracker_that_fails_never_stops_a_run(good: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it opens, at the first line, later, or at the end: said once, and not called again."""
    broken, told = Broken(good), []
    monkeypatch.setitem(tracking.TRACKERS, "tensorboard", ("json", "", broken.open))
    agent = inwit.train(small_config(**CONFIG), tell=told.append, track="tensorboard")
    assert agent.status == "finished"
    [text] = told
    assert text.startswith("tensorboard failed and is left out from now on: ")
    assert "\n" not in text
    assert broken.calls == (0 if good < 0 else min(good + 1, 3))
    assert broken.closed == (good == 99)


def test_lines_become_flat_numbers() -> None:
    line = {"update": 3, "time": "x", "solved": True, "loss": 0.5, "approx_kl": None, "success": {"0": 0.25}}
    flat = tracking.scalars(line | {"tokens_used": {"1": {"MUL": 3, "ANS": 1}}})
    assert flat == {"loss": 0.5, "success/0": 0.25, "tokens_used/1/MUL": 0.75, "tokens_used/1/ANS": 0.25}
