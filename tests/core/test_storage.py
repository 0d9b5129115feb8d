"""Durable writes: whole or not there, whatever the disk refuses."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from faults import FaultyDisk, disk
from inwit.core import storage
from inwit.core.errors import UserError
from support import whole_lines


@pytest.fixture(autouse=True)
def unsynced() -> None:
    """Here, unlike in other tests, files are really synced."""


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Whichever call is refused: the old content or the new, and no half-made file beside it."""
    file = tmp_path / "file"
    with disk(FaultyDisk()) as counting:
        storage.replace(file, b"old")
    assert counting.calls == 4  # write, sync, rename, sync of the folder
    for kth in range(1, counting.calls + 1):
        with disk(FaultyDisk(kth, errno.EIO)), pytest.raises(OSError, match="Input/output"):
            storage.replace(file, b"new")
        assert file.read_bytes() == (b"new" if kth == 4 else b"old")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP, errno.EACCES])
@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_file_system_that_cannot_sync_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: int
) -> None:
    """It is used all the same, which is said once. A file that cannot be synced is still an error."""
    real_open, real_sync = os.open, os.fsync
    folders: set[int] = set()

    def opening(path: Path, flags: int, *mode: int) -> int:
        folder = Path(path).is_dir()
        if call == "open" and folder:
            raise OSError(error, os.strerror(error))
        descriptor = real_open(path, flags, *mode)
        (folders.add if folder else folders.discard)(descriptor)
        return descriptor

    def syncing(descriptor: int) -> None:
        if call == "fsync" and descriptor in folders:
            raise OSError(error, os.strerror(error))
        real_sync(descriptor)

    monkeypatch.setattr(storage.os, "open", opening)
    monkeypatch.setattr(storage.os, "fsync", syncing)
    told: list[str] = []
    with storage.telling(told.append):
        storage.replace(tmp_path / "file", b"one")
        storage.replace(tmp_path / "file", b"two")
    [line] = told
    assert "cannot sync folders" in line
    assert (tmp_path / "file").read_bytes() == b"two"
    monkeypatch.setattr(storage.os, "fsync", lambda descriptor: os.close(-1))
    with pytest.raises(OSError, match="Bad file descriptor"):
        storage.sync(tmp_path / "file")


def test_a_line_is_added_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    storage.append(file, '{"a": 1}\n')
    with disk(FaultyDisk(1, errno.ENOSPC)), pytest.raises(OSError, match="No space"):
        storage.append(file, '{"a": 2}\n')
    assert file.read_text() == '{"a": 1}\n', "Half a line was left."
    storage.append(file, '{"a": 3}\n{"a": 4}\n')
    assert whole_lines(file) == [{"a": 1}, {"a": 3}, {"a": 4}]


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    """A power cut, or a disk that refuses to take back what it took."""
    file = tmp_path / "lines"
    file.write_text('{"a": 1}\n{"a"')
    storage.append(file, '{"a": 3}\n')
    assert file.read_text() == '{"a": 1}\n{"a"\n{"a": 3}\n'
    storage.append(file, '{"a": 4}\n')
    assert file.read_text().endswith('{"a": 3}\n{"a": 4}\n')


def test_a_rename_that_is_hindered_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever looks for viruses in it, on Windows; for good it is refused."""
    real, calls = os.replace, []

    def busy(old: Path, new: Path, times: int) -> None:
        calls.append(old)
        if len(calls) <= times:
            raise PermissionError(errno.EACCES, "used by another process")
        real(old, new)

    monkeypatch.setattr(storage, "PAUSES", (0, 0, 0, 0))
    monkeypatch.setattr(storage.os, "replace", lambda old, new: busy(old, new, 3))
    storage.replace(tmp_path / "file", b"1")
    assert (tmp_path / "file").read_bytes() == b"1"
    monkeypatch.setattr(storage.os, "replace", lambda old, new: busy(old, new, 99))
    with pytest.raises(PermissionError):
        storage.replace(tmp_path / "file", b"2")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_could_not_be_deleted_before_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".folder.gone.partial").mkdir()
    (tmp_path / ".folder.gone.partial" / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    storage.remove_folder(tmp_path / "folder")
    assert not list(tmp_path.iterdir())


def test_a_write_that_takes_only_a_part_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(storage.os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:3]))
    storage.replace(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    with storage.locked(tmp_path / "lock") as first, storage.locked(tmp_path / "lock") as second:
        assert (first, second) == (True, False)
    with storage.locked(tmp_path / "lock") as again:
        assert again


def test_a_folder_goes_at_once_and_leftovers_are_swept(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    storage.remove_folder(tmp_path / "folder")
    assert not list(tmp_path.iterdir())
    (tmp_path / ".a.partial").write_text("x")
    (tmp_path / ".b.partial").mkdir()
    (tmp_path / "kept").write_text("x")
    storage.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_asking_for_a_lock_keeps_nobody_from_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not storage.is_locked(lock)
    with storage.locked(lock) as held:
        assert held
        assert storage.is_locked(lock)
    assert not storage.is_locked(lock)


def test_what_a_user_names_keeps_its_links_and_never_replaces_a_device(tmp_path: Path) -> None:
    """`--out /dev/null` by root would take the device from the whole system."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="pipe: it is a device or a pipe; name a file"):
        storage.publish(pipe, b"1")
    assert pipe.is_fifo()
    link.symlink_to(tmp_path / "file")
    storage.publish(link, b"2")
    assert link.is_symlink()
    assert (tmp_path / "file").read_bytes() == b"2"
