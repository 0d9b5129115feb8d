"""Signals while a training runs. The first that ends trainings is noted; a second does what it would do without one.
One signal may be chosen that asks for a checkpoint."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from inwit.core.errors import UserError, unknown

Handler = Callable[[int, FrameType | None], object] | int | None  # as `signal` has them
# Ctrl-C, a request to end, a terminal or a connection that is closed, Ctrl-Break: those that this platform has.
ENDS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
# Those that no program can handle, that say that this one is broken, or that have a meaning of their own.
UNFIT = {
    *("SIGKILL", "SIGSTOP", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS", "SIGSTKFLT"),
    *("SIGPIPE", "SIGCHLD", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGPROF", "SIGVTALRM", "SIGWINCH"),
}


def checkpoint_signal(name: str) -> signal.Signals | None:
    """The signal of `training.checkpoint_on`, as in `SIGUSR1`; None for the empty text. Raises `UserError` for one that
    this platform lacks, that ends trainings, or that is needed for something else."""
    if not name.strip():
        return None
    full = f"SIG{name.strip().upper().removeprefix('SIG')}"
    valid = {each.name: each for each in signal.Signals if each not in ENDS and each.name not in UNFIT}
    if full in valid:
        return valid[full]
    if full in signal.Signals.__members__:
        why = "ends a training" if signal.Signals[full] in ENDS else "is needed for something else"
        raise UserError(f"training.checkpoint_on = {name!r}: that signal {why}; valid: {', '.join(valid)}")
    raise unknown("training.checkpoint_on", name, valid or ["none on this platform"])


@dataclass
class Asked:
    """What signals have asked for since the training began."""

    end: list[signal.Signals] = field(default_factory=list)  # the first that ends it
    checkpoint: bool = False  # since the last one
    heard: bool = True  # whether the signal for a checkpoint is received, if there is one
    before: dict[int, Handler] = field(default_factory=dict)  # the handlers to put back

    def take(self, number: int, handler: Callable[..., None], theirs: tuple[object, ...]) -> bool:
        """Receive a signal, unless the handler that it has is one of `theirs`."""
        found = signal.getsignal(number)
        if found in theirs:
            return False
        self.before[number] = found  # first: the signal may come as soon as it can be received
        try:
            signal.signal(number, handler)
        except ValueError:  # not the main thread of the main interpreter
            del self.before[number]
            return False
        return True

    def put_back(self, mine: Callable[..., None]) -> None:
        """Leave the signals that still have this handler to those who had them; somebody else's handler stays."""
        for number, handler in self.before.items():
            if signal.getsignal(number) == mine:
                signal.signal(number, handler)

    def note_end(self, number: int, frame: FrameType | None) -> None:
        self.end.append(signal.Signals(number))
        self.put_back(self.note_end)
        outer = self.before[number]
        if isinstance(getattr(outer, "__self__", None), Asked) and callable(outer):
            outer(number, frame)  # of the training in whose callback this one runs

    def note_checkpoint(self, number: int, frame: FrameType | None) -> None:
        self.checkpoint = True
        handler = self.before[number]
        if callable(handler):
            handler(number, frame)


@contextmanager
def interruption(checkpoint_on: signal.Signals | None = None) -> Iterator[Asked]:
    """Receive signals. Python handles them in the main thread alone: elsewhere nothing is received.

    A signal to end that is ignored (as in a background job, or after nohup), and any that a program around Python
    handles, is left alone. So is every handler that others set in the meantime. A Python handler of the signal for
    checkpoints is called, too. A signal that ends a training inside another's callback ends that one as well.
    """
    asked = Asked()
    try:
        for number in ENDS:
            asked.take(number, asked.note_end, (None, signal.SIG_IGN))
        if checkpoint_on is not None:
            asked.heard = asked.take(checkpoint_on, asked.note_checkpoint, (None,))
        yield asked
    finally:
        asked.put_back(asked.note_end)
        asked.put_back(asked.note_checkpoint)
