"""The view of a training on a terminal that goes, or that is not there: none of that ends a training."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

import inwit
from inwit.core.terminal import console
from inwit.training import progress
from support import small_config


class Gone(io.StringIO):
    """A stream whose other end has gone, at once or after some writes."""

    def __init__(self, terminal: bool, error: int, after: int) -> None:
        super().__init__()
        self.terminal, self.error, self.after = terminal, error, after

    def isatty(self) -> bool:
        return self.terminal

    def write(self, s: str) -> int:
        self.after -= 1
        if self.after < 0:
            raise OSError(self.error, os.strerror(self.error))
        return super().write(s)


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("error", [errno.EPIPE, errno.EIO])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_that_is_gone_ends_no_training(
    terminal: bool, error: int, after: int, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=iter(range(0, 1000, 10)).__next__))
    monkeypatch.setattr("sys.stderr", stream := Gone(terminal, error, after))
    out = sys.stdout
    agent = inwit.train(small_config(training={"max_updates": 4, "confirm": False}), progress=True)
    assert (agent.status, agent.summary["update"]) == ("finished", 4)
    assert stream.after < 0, "It was tried."
    assert (sys.stdout, sys.stderr) == (out, stream)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_stream_that_is_closed_is_none(
    terminal: bool, late: bool, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the training, or within it."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=iter(range(0, 1000, 10)).__next__))
    monkeypatch.setattr("sys.stderr", stream := Gone(terminal, 0, 1000))
    if not late:
        stream.close()
    config = small_config(training={"max_updates": 3, "confirm": False})
    agent = inwit.train(config, progress=True, callback=lambda update: stream.close())
    assert (agent.status, agent.summary["update"]) == ("finished", 3)


@pytest.mark.parametrize("stderr", [True, False])
def test_only_a_reader_of_stdout_ends_the_command(stderr: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"sys.{'stderr' if stderr else 'stdout'}", Gone(False, errno.EPIPE, 0))
    show = progress.Progress(console(stderr=stderr), small_config())
    show.period = -1
    update = next(inwit.updates(small_config()))
    with nullcontext() if stderr else pytest.raises(BrokenPipeError):
        show(update)
