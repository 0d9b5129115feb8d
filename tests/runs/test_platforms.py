"""A run on systems that lack what Linux has: emulated, as far as `core.storage` can tell, which does all writing."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import inwit
from command_line import short_training
from inwit.commands.cli import main
from inwit.core import storage
from inwit.runs.folder import read_record
from soaking import quiet, refusal
from support import first_fast, small_config, whole_lines

FLAGS = short_training(4)
LOSS = "a power cut may undo the last changes\n"
BINARY = 1 << 40


class System:
    """Stands in for the module `os`: folders cannot be opened, or nothing can be synced; lines end in two characters in
    a file that was not opened as binary; a file that was opened for reading alone cannot be synced; every third rename
    is refused at first, because somebody looks for viruses."""

    def __init__(self, folders: int = errno.EACCES, files: int = 0) -> None:
        self.folders, self.files = folders, files
        self.text: set[int] = set()
        self.reading: set[int] = set()
        self.renames = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        if Path(path).is_dir() and self.folders == errno.EACCES:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        descriptor = os.open(path, flags & ~BINARY, mode)
        for kind, belongs in ((self.text, not flags & BINARY), (self.reading, not flags & (os.O_WRONLY | os.O_RDWR))):
            (kind.add if belongs else kind.discard)(descriptor)
        return descriptor

    def write(self, descriptor: int, data: bytes) -> int:
        text = bytes(data)
        os.write(descriptor, text.replace(b"\n", b"\r\n") if descriptor in self.text else text)
        return len(text)

    def fsync(self, descriptor: int) -> None:
        error = self.folders if descriptor in self.reading else self.files
        if error:
            raise OSError(error, os.strerror(error))

    def replace(self, old: Path, new: Path) -> None:
        self._busy()
        os.replace(old, new)  # noqa: PTH105

    def rename(self, old: Path, new: Path) -> None:
        self._busy()
        os.rename(old, new)  # noqa: PTH104

    def _busy(self) -> None:
        self.renames += 1
        if self.renames % 3 == 0:
            raise PermissionError(errno.EACCES, "used by another process")


SYSTEMS = [
    System(),
    System(errno.EINVAL),
    System(errno.ENOTSUP, errno.ENOTSUP),
    *(System(error) for error in (errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EPERM)),
    *(System(error, error) for error in (errno.EINVAL, errno.ENOSYS)),
]


@pytest.fixture(
    params=first_fast(SYSTEMS, 3),
    ids=[f"{errno.errorcode[system.folders]}-{system.files}" for system in SYSTEMS],
)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    monkeypatch.setattr(storage, "os", request.param)
    monkeypatch.setattr(storage, "BINARY", BINARY)
    monkeypatch.setattr(storage, "fcntl", None)
    monkeypatch.setattr(storage, "PAUSES", (0, 0, 0))
    storage._listener.get()[1].clear()  # what was said in this process
    yield request.param
    storage._listener.get()[1].clear()


SHORT = small_config(training={"max_updates": 4, "confirm": False, "checkpoint_every": 0.0})


def test_a_run_is_trained_and_gone_on_with_all_the_same(system: System, runs: Path) -> None:
    """And what the file system cannot do is said once in each training."""
    told: list[str] = []
    agent = inwit.train(SHORT, tell=told.append)
    assert agent.status == "finished"
    assert len(told) == (2 if system.files else 1)
    assert all(line.startswith("this file system cannot sync ") for line in told)
    assert inwit.resume(agent.path, training={"max_updates": 12}, tell=told.append).summary["update"] == 12
    assert len(told) == (4 if system.files else 2)
    [path] = runs.iterdir()
    record = read_record(path)
    assert (record.status, record.summary["update"]) == ("finished", 12)
    assert [line["update"] for line in whole_lines(path / "metrics.jsonl")] == [1, 11]
    assert b"\r" not in (path / "metrics.jsonl").read_bytes()
    assert not list(runs.rglob(".*.partial"))


@pytest.mark.slow
@pytest.mark.parametrize("system", [System()], indirect=True, ids=["windows"])
def test_the_commands_say_it_once(
    system: System, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *FLAGS]) == 0
    [path] = runs.iterdir()
    assert main(["evaluate", str(path)]) == 0
    assert main(["report", str(path), "--out", str(tmp_path / "page.html")]) == 0
    assert main(["runs"]) == 0
    told = capsys.readouterr()
    assert told.err == "inwit: this file system cannot sync folders (Permission denied): " + LOSS
    assert " finished " in told.out


def test_a_disk_that_loses_what_it_has_is_no_such_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "os", System(files=errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        storage.write(tmp_path / "file", b"1")


def test_the_locks_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """They cannot be shared; two trainings of one run exclude each other all the same."""

    def locking(descriptor: int, mode: int, count: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None

    monkeypatch.setattr(storage, "fcntl", None)
    monkeypatch.setattr(storage, "msvcrt", SimpleNamespace(LK_NBLCK=2, locking=locking))
    asked: list[str] = []

    def callback(update: Any) -> None:
        asked.append(refusal(lambda: inwit.resume("latest", tell=quiet)))

    agent = inwit.train(small_config(training={"max_updates": 2, "confirm": False}), callback=callback, tell=quiet)
    assert len(asked) == 2
    assert all("is being trained by another process" in message for message in asked)
    assert agent.path is not None
    assert not storage.is_locked(agent.path / "lock")


def test_no_run_has_a_name_that_windows_keeps_for_a_device() -> None:
    for recipe, stem in (
        ("aux.2", "aux-2-0-"),
        ("CON.", "CON--0-"),
        ("nul", "nul-0-"),
        ("auxiliary.2", "auxiliary.2-0-"),
    ):
        agent = inwit.train(small_config(recipe=recipe, training={"max_updates": 1, "confirm": False}), tell=quiet)
        assert agent.path is not None
        assert agent.path.name.startswith(stem)
        assert inwit.load().config.recipe == recipe


def test_a_platform_without_these_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are looked up when the module is imported."""
    import importlib
    import signal

    from inwit.core import interruption

    with monkeypatch.context() as patch:
        for name in ("SIGHUP", "SIGUSR1"):
            patch.delattr(signal, name)
        assert signal.SIGINT in importlib.reload(interruption).ENDS
        with interruption.interruption() as asked:
            signal.raise_signal(signal.SIGTERM)
        assert asked.end == [signal.SIGTERM]
    importlib.reload(interruption)
