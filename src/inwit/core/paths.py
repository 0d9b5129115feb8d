"""Paths as people give them: read once, here, so that they mean the same to every part."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from inwit.core.errors import UserError, short


def given_path(path: object, what: str = "a path") -> Path:
    """A path that somebody gives, with `~` and `~name` as a shell has them. Raises `UserError` for what is no path, for
    an empty one, and for one that no file can have."""
    if not isinstance(path, str | os.PathLike) or not isinstance(text := os.fspath(path), str):
        raise UserError(f"{short(repr(path))} is not {what}: give a text or a Path")
    if not text.strip():
        raise UserError(f"{text!r} is not {what}: it is empty")
    if "\0" in text:
        raise UserError(f"{text!r} is not {what}: no name has a zero byte")
    return Path(os.path.expanduser(text))  # noqa: PTH111  keeps an unknown ~name


def readable(name: str) -> str:
    """A folder's name as text that can be written anywhere: the name may be made of any bytes."""
    return name.encode(errors="replace").decode()


def cache_folder() -> Path | None:
    """Where what was computed once is kept between runs: `$INWIT_CACHE`, else `inwit` in `$XDG_CACHE_HOME` or in
    `~/.cache`. It may not be there. None where there is no place for it: no home."""
    if own := os.environ.get("INWIT_CACHE"):
        return Path(own)
    with suppress(RuntimeError):
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "inwit"
    return None
