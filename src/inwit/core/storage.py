"""Durable writes. Everything that a run keeps is written by these few functions, and they write through `os`.

A file or folder made here either has its whole content under its final name, or is not there: content is written under
another name (it starts with a dot and ends in `.partial`), synced to disk, renamed, and the folder that holds the name
is synced. `append` adds whole lines to a file that others may be reading. All raise `OSError`, but for `publish`.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from inwit.core.errors import UserError

try:
    import fcntl
except ImportError:  # no such locks on Windows: there, nothing keeps two processes from training one run
    fcntl = None

CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM)
BINARY = getattr(os, "O_BINARY", 0)  # only Windows has it, and changes the ends of lines without it


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Raise an `OSError` from inside as a `UserError`: `what`, and the system's reason. So, too, for a name with a zero
    byte, of which Python says so itself."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{what}: {error.strerror or error}") from None
    except ValueError as error:
        if "null byte" not in str(error) and "null character" not in str(error):
            raise
        raise UserError(f"{what}: {error}") from None


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | BINARY, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write(path: Path, data: bytes) -> None:
    """A new file with this content, synced. Not atomic: for files in a folder that gets its name later."""
    with _opened(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as descriptor:
        _write_all(descriptor, data)
        os.fsync(descriptor)


def replace(path: Path, data: bytes) -> None:
    """Put a file with this content in the place of another, in one step and durably."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")  # two processes may evaluate one run
    try:
        write(partial, data)
        adopt(partial, path)
    except OSError:
        with suppress(OSError):
            os.unlink(partial)  # noqa: PTH108  through os, where tests inject faults
        raise


def replace_together(folder: Path, files: dict[str, bytes]) -> None:
    """Put several files into a folder, after all their contents have reached the disk: a full disk changes none."""
    partials = {name: folder / f".{name}.{os.getpid()}.partial" for name in files}
    try:
        for name, data in files.items():
            write(partials[name], data)
        for name, partial in partials.items():
            adopt(partial, folder / name)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def publish(path: Path, data: bytes) -> None:
    """`replace` for a file that a user asked for: raises `UserError` with its path if the disk refuses.

    A link stays, and its file is replaced.
    """
    check_replaceable(path)
    with explained(f"cannot write {path}"):
        replace(Path(os.path.realpath(path)), data)


def check_replaceable(path: Path) -> None:
    """Raises `UserError` for a device or a pipe: writing a file in its place would remove it."""
    with explained(f"cannot write {path}"):
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise UserError(f"cannot write {path}: it is a device or a pipe; name a file")


def adopt(partial: Path, path: Path) -> None:
    """Give what is already synced its final name, durably. A file there is replaced; a folder must not be there."""
    os.replace(partial, path)  # noqa: PTH105
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, have reached the disk.

    Some systems cannot sync a folder (Windows, some network and shared folders): there, a warning says so once.
    """
    try:
        with _opened(path, os.O_RDONLY) as descriptor:
            os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC or not path.is_dir():
            raise
        _warn_once(f"this file system cannot sync folders ({error.strerror}): a power cut may undo the last changes")


@cache
def _warn_once(text: str) -> None:
    warnings.warn(text, stacklevel=2)


def append(path: Path, text: str) -> None:
    """Add whole lines at the end of a file, in one piece; if that fails, none of them. Not synced."""
    with _opened(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) as descriptor:
        length = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, text.encode())
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, length)
            raise


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def truncate(path: Path, length: int) -> None:
    """Cut a file off after `length` bytes, durably."""
    with _opened(path, os.O_WRONLY) as descriptor:
        os.ftruncate(descriptor, length)
        os.fsync(descriptor)


def remove_folder(path: Path) -> None:
    """Delete a folder: rename it first, then delete file by file. What cannot be deleted stays under the new name."""
    gone = path.with_name(f".{path.name}.gone.partial")
    os.rename(path, gone)  # noqa: PTH104
    shutil.rmtree(gone, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what unfinished writes have left in a folder."""
    for path in folder.glob(".*.partial"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def to_json(value: object, indent: int | None = 1) -> bytes:
    return (json.dumps(value, indent=indent, allow_nan=False) + "\n").encode()


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold a file's lock; gives False if another process holds it. The kernel frees it when this process ends."""
    with _opened(path, os.O_RDWR | os.O_CREAT) as descriptor:
        held = False
        for pause in (0, 0.02, 0.1):  # `is_locked` in another process may hold it for a moment
            time.sleep(pause)
            held = _lock(descriptor, exclusive=True) is not False
            if held:
                break
        yield held


def is_locked(path: Path) -> bool:
    """Whether some process holds a file's lock, or may hold it: where there are no locks. False if there is no file."""
    try:
        with _opened(path, os.O_RDONLY) as descriptor:
            return _lock(descriptor, exclusive=False) is not True
    except OSError:
        return False


def _lock(descriptor: int, *, exclusive: bool) -> bool | None:
    """Whether the lock could be had; None where there are no locks, as on Windows and in some network folders."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
