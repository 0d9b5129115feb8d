"""How a run ends: what is kept, and that nothing but a training decides about it."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import inwit
from command_line import short_training
from inwit.commands.cli import main
from inwit.core import storage
from inwit.core.interruption import interruption
from inwit.runs import checkpoint, writing
from inwit.runs.folder import read_record, runs_folder
from soaking import quiet, refusal
from support import small_config, whole_lines

TWO = {"max_updates": 2, "confirm": False}
FLAGS = short_training(2)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("std::bad_cast"), OSError(28, "No space left on device"), duckdb.BinderException("Binder\nError")],
)
def test_a_table_that_cannot_be_written_costs_the_table_alone(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr("inwit.runs.tables.lines_to_parquet", refuse)
    told: list[str] = []
    agent = inwit.train(small_config(training=TWO), tell=told.append)
    assert agent.path is not None
    assert read_record(agent.path).status == "finished"
    assert inwit.load(agent.path).summary == agent.summary
    [line] = told
    assert "metrics.parquet could not be written (" in line
    assert "\n" not in line


def test_a_batch_that_cannot_be_kept_is_said(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that loses its numbers is stopped all the same, and its run says that it failed."""
    replace = storage.replace

    def full(path: Path, data: bytes) -> None:
        if path.name == "unhealthy.safetensors":
            raise OSError(28, "No space left on device")
        replace(path, data)

    monkeypatch.setattr(storage, "replace", full)
    settings = {"learning_rate": 1e30, "max_updates": 50}
    message = refusal(lambda: inwit.train(small_config(training=settings), tell=quiet))
    [path] = runs.iterdir()
    assert f"the batch could not be kept as {path / 'unhealthy.safetensors'}: No space left on device; try" in message
    assert read_record(path).status == "failed"


def test_odd_folders_hold_runs_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB reads names of its own into paths: ~, file:, patterns; what is no text it cannot read at all."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    places = {
        "~/runs": tmp_path / "home" / "runs",
        "~nobody-at-all": Path("~nobody-at-all"),
        "file:": Path("file:"),
        "it's": Path("it's"),
        "caf\udce9": Path("caf\udce9"),
        "*[a-c]?": Path("*[a-c]?"),
        'say "%s"': Path('say "%s"'),
    }
    for name, place in places.items():
        monkeypatch.setenv("INWIT_RUNS", name)
        assert runs_folder() == place
        told: list[str] = []
        agent = inwit.train(small_config(training=TWO), tell=told.append)
        assert agent.path is not None
        assert inwit.load().path == agent.path
        assert agent.path.parent == place.absolute()
        assert (agent.path / "metrics.parquet").exists(), name
        assert told == []


def test_a_background_job_goes_on_ignoring_ctrl_c() -> None:
    """Shells start one with SIGINT ignored: its training must not be ended by a Ctrl-C for somebody else."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruption() as asked:
            signal.raise_signal(signal.SIGINT)
            assert asked.end == []
            signal.raise_signal(signal.SIGTERM)
            assert asked.end == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_is_not_pythons_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python cannot put it back: it says None for it."""
    real = signal.getsignal
    monkeypatch.setattr(signal, "getsignal", lambda number: None if number == signal.SIGTERM else real(number))
    handler = real(signal.SIGTERM)
    assert inwit.train(small_config(training=TWO), tell=quiet).status == "finished"
    with interruption() as asked:
        assert real(signal.SIGTERM) == handler
        signal.raise_signal(signal.SIGINT)
        assert asked.end == [signal.SIGINT]
    assert real(signal.SIGTERM) == handler


def test_nothing_trained_leaves_nothing(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (KeyboardInterrupt, RuntimeError):

        def fail(*arguments: Any, error: type[BaseException] = error, **options: Any) -> Any:
            raise error

        monkeypatch.setattr("inwit.training.loop.collect", fail)
        with pytest.raises(error):
            inwit.train(small_config(training=TWO), tell=quiet)
        assert list(runs.iterdir()) == []


def test_a_name_of_a_run_is_not_hidden_by_a_folder_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = inwit.train(small_config(training=TWO), tell=quiet)
    assert agent.path is not None
    monkeypatch.setenv("INWIT_RUNS", str(agent.path.parent.absolute()))
    monkeypatch.chdir(tmp_path)
    Path(agent.path.name).mkdir()
    assert inwit.load(agent.path.name).summary == agent.summary
    assert main(["train", "--resume", agent.path.name, *FLAGS[4:6]]) == 2
    assert "has 2 updates already" in capsys.readouterr().err
    assert len(whole_lines(agent.path / "metrics.jsonl")) == 1


def test_a_second_signal_just_after_a_checkpoint_was_kept(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint is on the disk, and the recorder does not know it yet: it is written again, not a full disk."""
    prune, calls = checkpoint._prune, []

    def interrupted(run: Path) -> None:
        calls.append(run)
        if len(calls) == 2:
            raise KeyboardInterrupt
        prune(run)

    monkeypatch.setattr(checkpoint, "_prune", interrupted)
    config = small_config(training={"max_updates": 4, "confirm": False, "checkpoint_every": 0.0})
    with pytest.raises(KeyboardInterrupt, match="what was trained is kept as"):
        inwit.train(config, tell=quiet)
    [path] = runs.iterdir()
    assert read_record(path).status == "interrupted"
    assert inwit.load(path).summary["update"] == 2
    assert [file.name for file in checkpoint.listed(path)] == ["000002", "000001"]


def test_an_update_whose_line_was_not_written_is_in_no_checkpoint(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else going on from it would leave the line out for ever."""
    append, calls = writing.append, []

    def interrupted(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:  # the line of update 11
            raise KeyboardInterrupt
        append(*arguments)

    monkeypatch.setattr(writing, "append", interrupted)
    config = small_config(training={"max_updates": 12, "confirm": False, "checkpoint_every": 0.0})
    with pytest.raises(KeyboardInterrupt, match="what was trained is kept as"):
        inwit.train(config, tell=quiet)
    [path] = runs.iterdir()
    assert checkpoint.listed(path)[0].name == "000010"
    inwit.resume(path, tell=quiet)
    assert [line["update"] for line in whole_lines(path / "metrics.jsonl")] == [1, 11]
