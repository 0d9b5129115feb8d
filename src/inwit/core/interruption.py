"""SIGINT and SIGTERM while a training runs: the first is noted; the second does what it would do without a training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruption() -> Iterator[list[signal.Signals]]:
    """A list that receives the first signal. Outside the main thread, where Python handles none, it stays empty.

    A signal that is ignored (as in a background job), or that a program around Python handles, is left alone.
    """
    received: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: object) -> None:
        received.append(signal.Signals(number))
        restore()

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, note)
    try:
        yield received
    finally:
        restore()
