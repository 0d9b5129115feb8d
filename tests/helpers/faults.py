"""A disk that fails: the calls of `inwit.core.storage` to the operating system, one of which is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inwit.core import storage

WATCHED = ("write", "fsync", "replace", "rename")


class FaultyDisk:
    """Stands in for the module `os`: the `kth` watched call (from 1) raises; from then on all do if the fault `stays`.

    A write that is refused has written half of its data before. Without `kth` it only counts.
    """

    def __init__(self, kth: int | None = None, error: int = 0, stays: bool = False) -> None:
        self.kth, self.error, self.stays = kth, error, stays
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in WATCHED:
            return real

        def call(*arguments: Any) -> Any:
            self.calls += 1
            if self.kth is not None and (self.calls == self.kth or (self.stays and self.calls > self.kth)):
                if name == "write":
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                raise OSError(self.error, os.strerror(self.error))
            return real(*arguments)

        return call


@contextmanager
def disk(faulty: FaultyDisk) -> Iterator[FaultyDisk]:
    storage.os = faulty  # type: ignore[attr-defined, assignment]
    try:
        yield faulty
    finally:
        storage.os = os  # type: ignore[attr-defined]
