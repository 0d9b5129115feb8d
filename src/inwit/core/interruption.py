"""SIGINT and SIGTERM while a training runs: the first is noted, the second acts as if nobody had listened."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interruption() -> Iterator[list[signal.Signals]]:
    """A list that receives the first signal. Outside the main thread, where Python handles none, it stays empty.

    A signal that is ignored (as in a background job), or that a program around Python handles, is left alone.
    """
    asked: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(number: int, frame: Any) -> None:
        asked.append(signal.Signals(number))
        for each, handler in before.items():
            signal.signal(each, handler)

    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.getsignal(number) for number in numbers}
    before = {number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, note)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
