"""The secret that opens the local server's socket. The secret of a port is kept in a file that only the user can
read, until a day after the server's end, so that an open page reaches a server that is started anew on the port."""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path

from inwit.core.paths import cache_folder

BYTES = 24  # 192 bits
WRITTEN = re.compile(r"[\w-]{32}", re.ASCII)  # as `token_urlsafe` writes so many bytes
DAY = 24 * 3600  # seconds
PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # no link, and no pipe that one waits for


def token_of(port: int, *, again: bool) -> str:
    """The token of a server on this port. With `again`, that of the last server there, if it ended within the day."""
    folder = _folder()
    found = _read(folder / str(port)) if folder and again else None
    if found is not None:
        keep(port, found)  # for a day anew: this server may end otherwise than it should
        return found
    token = secrets.token_urlsafe(BYTES)
    keep(port, token)
    return token


def keep(port: int, token: str) -> None:
    """Keep the token of a server on this port for a day from now on."""
    if folder := _folder():
        with suppress(OSError):  # not kept: after a new start the page is opened by the address that is printed then
            _keep(folder, str(port), token)


def _folder() -> Path | None:
    home = cache_folder()
    return None if home is None else home / "playground"


def _read(file: Path) -> str | None:
    """What was kept, if nobody else can have written or read it."""
    try:
        descriptor = os.open(file, os.O_RDONLY | PLAIN)
    except OSError:
        return None
    with os.fdopen(descriptor, encoding="ascii", errors="replace") as opened:
        about, text = os.fstat(descriptor), opened.read(64)
    own = os.name == "nt" or (about.st_uid == os.getuid() and not stat.S_IMODE(about.st_mode) & 0o077)
    fresh = 0 <= time.time() - about.st_mtime < DAY
    return text if own and fresh and stat.S_ISREG(about.st_mode) and WRITTEN.fullmatch(text) else None


def _keep(folder: Path, name: str, token: str) -> None:
    """Write the token so that it is there whole or not at all, and remove those that are old."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = folder / f".{name}.{secrets.token_hex(4)}.partial"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PLAIN, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(token)
        partial.replace(folder / name)
    finally:
        partial.unlink(missing_ok=True)
    for path in folder.iterdir():
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > DAY:
                path.unlink()
