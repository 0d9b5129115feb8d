"""What a callback, a signal, a disk or a lack of memory does to a training that goes on."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import signal
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import inwit
import soaking
from command_line import short_training
from faults import FaultyDisk, disk
from inwit.commands.cli import main
from inwit.core import storage
from inwit.core.errors import UserError
from inwit.runs import checkpoint, journal, writing
from inwit.runs.conditions import UnsavedError
from inwit.runs.folder import read_record, read_whole_record
from inwit.runs.recording import Recorder
from soaking import Cut, quiet, refusal
from support import first_fast, small_config, whole_lines

FIXED = {"confirm": False, "max_updates": 12}
OFTEN = FIXED | {"checkpoint_every": 0.0}
FLAGS = short_training(4)


def folder_of(agent: Any) -> Path:
    assert agent.path is not None
    return agent.path


@cache
def uncut() -> Any:
    """The outcome of the training that is `FIXED`, never stopped."""
    with soaking.runs_folder():
        return soaking.outcome(inwit.train(small_config(training=FIXED), tell=quiet))


ARRAYS = [np.array(False), np.array([False]), torch.tensor([False])]


@pytest.mark.parametrize("answer", [False, np.False_, torch.tensor(False), *ARRAYS])
def test_a_callback_that_says_no_ends_the_training(answer: object, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[int] = []

    def callback(update: Any) -> object:
        seen.append(update.index)
        return answer

    agent = inwit.train(small_config(training=FIXED), callback=callback, tell=quiet)
    assert seen == [0]
    assert (agent.status, agent.summary["ended"], agent.summary["update"]) == ("finished", "callback", 1)
    assert [path.name for path in checkpoint.listed(folder_of(agent))] == ["000001"]
    assert inwit.load(agent.path).summary == agent.summary
    assert main(["runs", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["status"], row["updates"]) == ("finished", 1)


@pytest.mark.parametrize(
    "answer",
    first_fast(
        [None, 0, np.int64(0), True, 0.0, "", [], np.True_, torch.tensor(0), torch.tensor(False, device="meta")], 3
    ),
)
def test_any_other_answer_ends_nothing(answer: object) -> None:
    agent = inwit.train(small_config(training=FIXED), callback=lambda update: answer, tell=quiet)
    assert agent.summary["update"] == 12
    assert "ended" not in agent.summary


def test_a_training_that_its_callback_ended_goes_on_as_if_never_stopped() -> None:
    agent = inwit.train(small_config(training=FIXED), callback=lambda update: update.index < 4, tell=quiet)
    assert agent.summary["update"] == 5
    resumed = inwit.resume(folder_of(agent), tell=quiet)
    assert "ended" not in resumed.summary
    assert soaking.outcome(resumed) == uncut()
    assert "has 12 updates already" in refusal(lambda: inwit.resume(folder_of(agent)))


@pytest.mark.parametrize("error", [Cut("x"), UserError("mine"), KeyboardInterrupt(), SystemExit(3), StopIteration()])
def test_whatever_a_callback_raises_costs_no_work(error: BaseException, runs: Path) -> None:
    """A `UserError` too: it is the callback's, and says nothing of the run."""

    def callback(update: Any) -> None:
        if update.index == 4:
            raise error

    with pytest.raises(type(error)):
        inwit.train(small_config(training=FIXED), callback=callback, tell=quiet)
    [path] = runs.iterdir()
    assert read_record(path).status == "interrupted"
    assert inwit.load(path).summary["update"] == 5
    assert soaking.outcome(inwit.resume(path, tell=quiet)) == uncut()


def test_what_tell_raises_costs_no_work(runs: Path) -> None:
    def tell(text: str) -> None:
        raise Cut

    config = small_config(training=FIXED | {"checkpoint_on": "SIGUSR1"})
    with pytest.raises(Cut):
        inwit.train(config, callback=lambda update: signal.raise_signal(signal.SIGUSR1), tell=tell)
    [path] = runs.iterdir()
    assert read_record(path).status == "interrupted"
    assert [kept.name for kept in checkpoint.listed(path)] == ["000002"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_command_with_the_status_of_the_shell(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runs: Path
) -> None:
    record = Recorder._record

    def interrupted(recorder: Recorder, *arguments: Any) -> None:
        record(recorder, *arguments)
        if recorder.recorded == 2:
            signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "_record", interrupted)
        assert main(["train", *FLAGS]) == 128 + number
    assert "interrupted after 2 updates" in capsys.readouterr().out
    [path] = runs.iterdir()
    assert (read_record(path).status, read_record(path).summary["signal"]) == ("interrupted", number.name)
    assert inwit.resume(path, tell=quiet).summary["update"] == 4


def test_a_signal_of_choice_writes_a_checkpoint_and_the_training_goes_on(runs: Path) -> None:
    told: list[str] = []
    seen: dict[int, list[str]] = {}

    def callback(update: Any) -> None:
        [run] = runs.iterdir()
        seen[update.index + 1] = [path.name for path in checkpoint.listed(run)]
        if update.index in (2, 5):
            signal.raise_signal(signal.SIGUSR1)

    config = small_config(training=FIXED | {"checkpoint_on": "SIGUSR1"})
    agent = inwit.train(config, callback=callback, tell=told.append)
    assert (agent.status, agent.summary["update"]) == ("finished", 12)
    assert seen[3] == []
    assert seen[4] == ["000004"]
    assert seen[12] == ["000007", "000004"]
    assert told == [f"the checkpoint that was asked for is kept: {update} updates" for update in (4, 7)]
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    assert soaking.outcome(agent) == uncut()
    resumed = inwit.resume(folder_of(agent), tell=quiet, training={"max_updates": 13, "checkpoint_on": ""})
    assert resumed.summary["update"] == 13


def test_a_signal_that_cannot_be_had_is_refused_before_anything_is_written(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("SIGTERM", "SIGUSR3"):
        assert main(["train", *FLAGS, "--training.checkpoint_on", name]) == 2
        assert "training.checkpoint_on" in capsys.readouterr().err
    assert not runs.exists()


class Refusing:
    """Stands in for a function of `storage`: refuses the calls whose number (from 1) is among `which`, on this file."""

    def __init__(self, real: Callable[..., None], name: str, which: Collection[int], error: int = errno.ENOSPC) -> None:
        self.real, self.name, self.which, self.error, self.calls = real, name, which, error, 0

    def __call__(self, path: Path, data: Any) -> None:
        self.calls += path.name == self.name
        if path.name == self.name and self.calls in self.which:
            raise OSError(self.error, os.strerror(self.error))
        self.real(path, data)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT, errno.EROFS])
def test_a_checkpoint_that_is_refused_ends_nothing(error: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    refusing = Refusing(storage.write, "state.safetensors", range(1, 2), error)
    monkeypatch.setattr(storage, "write", refusing)
    agent = inwit.train(small_config(training=OFTEN), tell=told.append)
    assert agent.status == "finished"
    assert told == [
        f"cannot save a checkpoint of the run {agent.path}: {os.strerror(error)}; the training goes on, and the next "
        "checkpoint is tried in 1 s"
    ]
    assert checkpoint.listed(folder_of(agent))[0].name == "000012"
    monkeypatch.undo()
    assert soaking.outcome(agent) == uncut()


def test_it_is_tried_again_and_said_once_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock here runs a second for each update."""
    now, tries, told = [0.0], [], []
    refusing = Refusing(storage.write, "manifest.json", (2, 3, 5))
    monkeypatch.setattr("inwit.runs.recording.time.monotonic", lambda: now[0])
    monkeypatch.setattr(storage, "write", refusing)

    def callback(update: Any) -> None:
        now[0] += 1
        tries.append(refusing.calls)

    agent = inwit.train(small_config(training=FIXED | {"checkpoint_every": 2.0}), callback=callback, tell=told.append)
    assert agent.status == "finished"
    assert tries == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [path.name for path in checkpoint.listed(folder_of(agent))] == ["000012", "000009", "000003"]
    assert len(told) == 2
    assert all(line.endswith("the training goes on, and the next checkpoint is tried in 2 s") for line in told)


def test_lines_wait_in_order_until_the_disk_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(storage, "append", Refusing(storage.append, "metrics.jsonl", range(2, 4)))
    settings = {"confirm": False, "max_updates": 45}
    agent = inwit.train(small_config(training=settings), tell=told.append)
    lines = whole_lines(folder_of(agent) / "metrics.jsonl")
    assert [line["update"] for line in lines] == [1, 11, 21, 31, 41]
    [line] = told
    assert line.startswith(f"cannot write {folder_of(agent) / 'metrics.jsonl'}: No space left on device; the training")


def test_no_more_lines_wait_than_memory_has_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(journal, "MOST", 3)
    kept = journal.Journal(tmp_path, told.append)
    with disk(FaultyDisk(1, errno.ENOSPC, stays=True)):
        for number in range(6):
            kept.add("metrics.jsonl", {"update": number})
    kept.flush()
    assert [line["update"] for line in whole_lines(tmp_path / "metrics.jsonl")] == [3, 4, 5]
    assert len(told) == 2
    assert "from here on the oldest go" in told[1]


def test_no_checkpoint_is_ahead_of_its_lines(monkeypatch: pytest.MonkeyPatch, runs: Path) -> None:
    """Else going on from it would leave the lines out for ever."""
    with monkeypatch.context() as patch:
        patch.setattr(storage, "append", Refusing(storage.append, "metrics.jsonl", range(2, 99)))
        agent = inwit.train(small_config(training=OFTEN), tell=quiet)
    assert agent.status == "finished", "The weights are saved."
    assert checkpoint.listed(folder_of(agent))[0].name == "000010"
    resumed = inwit.resume(folder_of(agent), tell=quiet, training={"max_updates": 12})
    assert [line["update"] for line in whole_lines(folder_of(agent) / "metrics.jsonl")] == [1, 11]
    assert soaking.outcome(resumed) == uncut()


def test_a_checkpoint_of_the_end_that_is_refused_costs_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(storage, "write", Refusing(storage.write, "state.json", range(1, 99)))
    agent = inwit.train(small_config(training=FIXED), tell=told.append)
    assert told == [f"cannot save a checkpoint of the run {agent.path}: No space left on device; the weights are saved"]
    assert (agent.status, inwit.load(agent.path).summary) == ("finished", agent.summary)


@pytest.mark.slow
def test_weights_that_are_refused_are_in_the_error(monkeypatch: pytest.MonkeyPatch, runs: Path) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(storage, "replace", Refusing(storage.replace, "weights.safetensors", range(1, 99)))
        with pytest.raises(UnsavedError, match="No space left on device") as refused:
            inwit.train(small_config(training=FIXED), tell=quiet)
    agent = refused.value.agent
    assert (agent.status, agent.summary["update"]) == ("failed", 12)
    assert inwit.evaluate(agent).problems == 111_000
    [path] = runs.iterdir()
    assert read_record(path).status == "failed"
    assert soaking.outcome(inwit.resume(path, tell=quiet)) == uncut()


def test_weights_are_kept_although_the_record_is_refused(monkeypatch: pytest.MonkeyPatch, runs: Path) -> None:
    monkeypatch.setattr(storage, "write", Refusing(storage.write, "state.json", range(1, 99)))
    monkeypatch.setattr(storage, "replace", Refusing(storage.replace, "run.json", range(1, 99)))
    with pytest.raises(UnsavedError):
        inwit.train(small_config(training=FIXED), tell=quiet)
    [path] = runs.iterdir()
    assert (path / "weights.safetensors").exists()


@pytest.mark.parametrize("rename", [True, False])
def test_a_run_that_goes_away_while_it_is_trained_is_said(rename: bool, tmp_path: Path, runs: Path) -> None:
    """In one line; nothing is begun anew in its place, and what was trained is in the error."""
    told: list[str] = []

    def callback(update: Any) -> None:
        if update.index == 2:
            [path] = runs.iterdir()
            path.rename(tmp_path / "elsewhere") if rename else shutil.rmtree(path)

    with pytest.raises(UnsavedError) as refused:
        inwit.train(small_config(training=FIXED | {"checkpoint_every": 0.0}), callback=callback, tell=told.append)
    assert list(runs.iterdir()) == []
    assert any("is gone: it was renamed or deleted while it was trained" in text for text in told)
    assert len(told) <= 2
    assert refused.value.agent.summary["update"] == 12
    if rename:
        assert soaking.outcome(inwit.resume(tmp_path / "elsewhere", tell=quiet)) == uncut()


@pytest.mark.slow
def test_a_current_folder_that_changes_splits_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("INWIT_RUNS")
    agent = inwit.train(small_config(training=OFTEN), callback=lambda update: os.chdir(tmp_path / "there"), tell=quiet)
    assert list((tmp_path / "there").iterdir()) == []
    [path] = (tmp_path / "here" / "runs").iterdir()
    assert (path, agent.status) == (agent.path, "finished")
    monkeypatch.chdir(tmp_path / "here")
    assert main(["train", *FLAGS]) == 0
    assert "\nrun: runs/tutorial-0-" in capsys.readouterr().out, "What is said stays short."


def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert inwit.train(small_config(training=FIXED), tell=quiet).status == "finished"
    monkeypatch.delenv("INWIT_RUNS")
    assert "cannot write a run under runs: No such file" in refusal(lambda: inwit.train(small_config(training=FIXED)))


def test_a_runs_folder_as_a_shell_would_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INWIT_RUNS", " $HOME/runs\r\n")
    agent = inwit.train(small_config(training=FIXED), tell=quiet)
    assert folder_of(agent).parent == tmp_path / "home" / "runs"
    assert inwit.load().summary == agent.summary
    for name in ("file", "link"):
        monkeypatch.setenv("INWIT_RUNS", name)
        (tmp_path / "file").touch()
        if name == "link":
            (tmp_path / "link").symlink_to("nowhere")
        message = refusal(lambda: inwit.train(small_config(training=FIXED), tell=quiet))
        assert message.startswith(f"cannot write a run under {name}: ")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes. Error code 12"),
        RuntimeError("not enough memory: you tried to allocate 4 bytes."),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
)
def test_a_lack_of_memory_is_one_line(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runs: Path
) -> None:
    collect, calls, at = inwit.collect, [], 1

    def fail(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            raise error
        return collect(*arguments, **options)

    monkeypatch.setattr("inwit.training.loop.collect", fail)
    assert main(["train", *FLAGS]) == 2
    said = capsys.readouterr().err
    assert said == (
        "inwit: there is not enough memory: try a smaller training.episodes (now 32) or policy.width (now 4)\n"
    )
    assert list(runs.iterdir()) == [], "Nothing was trained."
    calls.clear()
    at = 3
    assert main(["train", *FLAGS]) == 2
    assert capsys.readouterr().err == said
    [path] = runs.iterdir()
    assert inwit.load(path).status == "interrupted"


def test_what_fails_between_the_folder_and_the_loop_leaves_nothing(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    for place in ("starting.training_of", "recording.Recorder.__post_init__", "tracking.Trackers.start"):
        with monkeypatch.context() as patch:
            patch.setattr(f"inwit.runs.{place}", fail)
            with pytest.raises(KeyboardInterrupt):
                inwit.train(small_config(training=FIXED), tell=quiet)
        assert list(runs.iterdir()) == [], place
    with monkeypatch.context() as patch:
        patch.setattr(storage, "adopt", fail)
        with pytest.raises(KeyboardInterrupt):
            inwit.train(small_config(training=FIXED), tell=quiet)
    assert list(runs.iterdir()) == []


@pytest.mark.slow
def test_a_run_kept_elsewhere_is_named_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`latest` would be another agent: of another folder, or of a clock that was set back."""
    agent = inwit.train(small_config(training=FIXED), tell=quiet)
    other = Path(shutil.copytree(folder_of(agent), tmp_path / "it's elsewhere"))
    (other / "lock").unlink()
    assert main(["train", "--resume", str(other), "--training.max_updates", "14"]) == 0
    said = capsys.readouterr().out
    assert "explain latest" not in said
    assert f"explain '{tmp_path}/it'\"'\"'s elsewhere' --stage" in said
    writing.change(folder_of(agent), tags=["later"])
    record = json.loads((folder_of(agent) / "run.json").read_text())
    (folder_of(agent) / "run.json").write_text(json.dumps(record | {"updated": "2999-01-01T00:00:00+00:00"}))
    assert main(["train", *FLAGS]) == 0
    assert "explain latest" not in capsys.readouterr().out


def test_a_copy_with_a_lock_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = inwit.train(small_config(training=FIXED), tell=quiet)
    real = os.open

    def opening(path: Any, flags: int, *mode: int) -> int:
        if Path(path).name == "lock" and flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *mode)

    monkeypatch.setattr(storage.os, "open", opening)
    assert inwit.resume(folder_of(agent), training={"max_updates": 13}, tell=quiet).status == "finished"


def test_the_record_of_another_version_is_one_line_or_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    agent = inwit.train(small_config(training=FIXED), tell=quiet)
    file = folder_of(agent) / "run.json"
    record = json.loads(file.read_text())
    del record["config"]["training"]["checkpoint_on"], record["resumed"], record["machine"], record["tags"]
    file.write_text(json.dumps(record))
    assert inwit.resume(agent.path, training={"max_updates": 13}, tell=quiet).summary["update"] == 13
    for change in ({"training": {**record["config"]["training"], "novel": 1}}, {"novel": {"rows": 1}}):
        file.write_text(json.dumps(record | {"config": record["config"] | change}))
        run = str(file.parent)
        for command in (["evaluate", run], ["train", "--resume", run], ["export", run, "--folder", "x"]):
            assert main(command) == 2
            told = capsys.readouterr().err
            assert "novel" in told
            assert told.count("\n") == 1


def test_the_best_checkpoint_is_told_and_a_damaged_one_passed_over() -> None:
    rates = iter([0.1, 0.9, 0.5, 0.9, 0.2, 0.1, 0.1, 0.1])
    agent = inwit.train(small_config(training={"confirm": False, "max_updates": 1}), tell=quiet)
    run = folder_of(agent)
    assert checkpoint.best(run) == checkpoint.listed(run)[0]
    kept = checkpoint.load(checkpoint.listed(run)[0])
    shutil.rmtree(run / "checkpoints")
    assert checkpoint.best(run) is None
    for update, rate in enumerate(rates, start=1):
        checkpoint.save(run, checkpoint.Snapshot(update, kept.weights, kept.tensors, kept.numbers, rate), {})
    best = checkpoint.best(run)
    assert best is not None
    assert best.name == "000004"
    (best / "state.json").write_text("{")
    assert checkpoint.best(run) == run / "checkpoints" / "000008"
    assert read_whole_record(run).status == "finished"


@pytest.mark.parametrize("edited", [{"versions": [1]}, {"versions": 3}, {"machine": "a"}, {"machine": -1}])
def test_edited_surroundings_hinder_nobody(edited: dict[str, object]) -> None:
    path = folder_of(inwit.train(small_config(training=FIXED), tell=quiet))
    record = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(record | edited))
    told: list[str] = []
    with pytest.raises(UserError, match="ask for more"):
        inwit.resume(path, tell=told.append)
    assert not told, "Nothing is said of a resumption that does not take place."
    assert inwit.resume(path, tell=told.append, training={"max_updates": 13}).summary["update"] == 13
    assert "from here on bits may differ" in told[0]


def test_a_resumed_run_is_never_deleted(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens in its first update, and though it has no checkpoint yet: this training did not make it."""
    path = folder_of(inwit.train(small_config(training=FIXED), name="precious", tell=quiet))
    shutil.rmtree(path / "checkpoints")
    (path / "weights.safetensors").unlink()
    record = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(record | {"status": "running", "summary": {}}))
    for error in (MemoryError(), UserError("no"), ZeroDivisionError(), KeyboardInterrupt()):
        with monkeypatch.context() as patch:
            patch.setattr("inwit.training.loop._roll_out", lambda *_, error=error: (_ for _ in ()).throw(error))
            with pytest.raises((UserError, ZeroDivisionError, KeyboardInterrupt)):
                inwit.resume(path, tell=quiet)
        assert read_record(path).label == "precious"
    assert soaking.outcome(inwit.resume(path, tell=quiet)) == uncut()


def test_the_callers_own_error_is_raised_though_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def callback(update: Any) -> None:
        monkeypatch.setattr(storage, "replace", Refusing(storage.replace, "weights.safetensors", range(1, 99)))
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        inwit.train(small_config(training=FIXED), callback=callback, tell=told.append)
    assert any("No space left on device" in text for text in told)


def test_an_error_about_unsaved_weights_can_be_pickled_and_names_no_folder_that_is_gone() -> None:
    error = pickle.loads(pickle.dumps(inwit.UnsavedError("full")))
    assert (str(error), error.agent) == ("full", None)
    with disk(FaultyDisk(kth=9, error=errno.ENOSPC, stays=True)), pytest.raises(inwit.UnsavedError) as refused:
        inwit.train(small_config(training=FIXED), tell=quiet)
    agent = refused.value.agent
    assert agent is not None
    assert agent.path is None or agent.path.exists()
