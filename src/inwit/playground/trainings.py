"""Trainings that a page starts: each is `inwit train` in a process of its own, and is stopped as a terminal stops it.

A training is found again by the name that it is given, which no other run has. All else is read from its run's folder.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

from inwit.core.errors import UserError, short
from inwit.core.imports import imported
from inwit.runs.folder import runs_folder

MOST = 2  # at once
TAG = "playground"
NICE = 5  # the server answers first
PATIENCE = 10.0  # seconds until a training that was asked to stop is told so, and then killed
BEGINNING = 120.0  # seconds in which a run's folder must be there
PAUSE = 0.03  # seconds between two looks
LINES, LONGEST = 20, 500  # what is kept of what a training says: the last lines, characters of a line
REMEMBERED = 20  # trainings that have ended
# Windows has no SIGINT for another process; SIGBREAK reaches its process group alone, which is the training.
GENTLY = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT)
GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


STARTED: WeakSet[Command] = WeakSet()


def tell_all() -> None:
    """Ask all that this process has started to stop, and do not wait: it ends at once."""
    for each in list(STARTED):
        each.tell()


class Command:
    """`inwit ...` in a process of its own. It has no terminal, so that Ctrl-C in the server's reaches the server alone;
    what it says on stderr is kept, the last lines."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.said: deque[str] = deque(maxlen=LINES)
        brought = [text for module in imported() for text in ("--import", module)]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "inwit", *arguments, *brought],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            creationflags=GROUP,
        )
        with suppress(AttributeError, OSError):  # Windows has no such thing
            os.setpriority(os.PRIO_PROCESS, self.process.pid, NICE)
        self._signals, self._ending = threading.RLock(), threading.Lock()  # a signal may come inside the first
        self._told = False
        STARTED.add(self)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        stream = self.process.stderr
        assert stream is not None
        with stream:
            while line := stream.readline(LONGEST):
                if line.strip():
                    self.said.append(line.strip().removeprefix("inwit: "))
        while not self.has_ended():  # so that the system may forget the process
            time.sleep(PAUSE)

    def has_ended(self) -> bool:
        with self._signals:  # no signal is sent to a number that the system has given to another process
            return self.process.poll() is not None

    def end(self) -> None:
        """Ask it to stop, and wait until it has: a training stops after the update at hand, and keeps what it has
        learned. After a while it is told to, and then killed."""
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as in a background job: then there, too
        with self._ending:  # a second signal would cut its saving short
            for number in (signal.SIGTERM if ignored else GENTLY, signal.SIGTERM, None):
                if self.has_ended():
                    break
                with self._signals:
                    self._told = True
                    self.process.kill() if number is None else self.process.send_signal(number)
                self.wait(PATIENCE)
        self._listener.join(PATIENCE)

    def tell(self) -> None:
        """Ask it to stop, unless that was done, and do not wait."""
        if not self.has_ended() and not self._told:
            with self._signals:
                self._told = True
                self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Whether it has ended, after so many seconds at most, or as soon as nobody waits for it."""
        until = time.monotonic() + seconds
        while not self.has_ended() and time.monotonic() < until and not stopped():
            time.sleep(PAUSE)
        return self.has_ended()

    def last_words(self) -> str:
        """The last line that it said; empty if it said nothing."""
        self._listener.join(1.0 if self.has_ended() else 0.0)
        return self.said[-1] if self.said else ""


class Training(Command):
    """`inwit train`; its run's folder begins with `stem`."""

    def __init__(self, arguments: Sequence[str], stem: str) -> None:
        super().__init__(["train", *arguments])
        self.stem, self.run = stem, ""  # the name of its run's folder, once that is there

    def folder(self) -> Path | None:
        """Its run's folder, if it is there."""
        found = [path for path in runs_folder().glob(f"{self.stem}-*") if (path / "run.json").is_file()]
        return found[0] if found else None


class Trainings:
    """The trainings that one server has started. Everything here may be called from any thread."""

    def __init__(self) -> None:
        self._started: list[Training] = []
        self._lock, self._closed = threading.Lock(), False

    def start(self, recipe: object, seed: object, settings: object) -> str:
        """Start a training; returns the name of its run's folder, once that is there. Raises `UserError` for what no
        page may ask, while two trainings run, and with the training's own last words if it does not begin."""
        from inwit.playground.settings_offered import checked, flags  # which imports PyTorch

        config, given = checked(recipe, seed, settings)
        name = f"{config.recipe}-{secrets.token_hex(3)}"
        arguments = [config.recipe, *flags(config, given), "--name", name, "--tag", TAG]
        with self._lock:
            if self._closed:
                raise UserError("the playground is ending: start the training with inwit train")
            running = [each for each in self._started if not each.has_ended()]
            if len(running) >= MOST:
                names = " and ".join(each.run or each.stem for each in running)
                raise UserError(f"{MOST} trainings run already, {names}: stop one, or wait until one ends")
            ended = [each for each in self._started if each.has_ended()]
            training = Training(arguments, f"{name}-{config.seed}")
            self._started = [*ended[-REMEMBERED:], *running, training]
        training.run = _begun(training)
        return training.run

    def of(self, run: object) -> Training | None:
        """The training of a run; None if it was not started here, or long ago."""
        return next((each for each in self._started if each.run and each.run == run), None)

    def stop(self, run: object) -> Training:
        """Stop a training, and wait until it has ended. Raises `UserError` for one that was not started here."""
        if (training := self.of(run)) is None:
            raise UserError(f"{short(run)} was not started here: stop it where it was started")
        training.end()
        return training

    def running(self) -> list[str]:
        """The runs that are being trained."""
        return [each.run for each in self._started if each.run and not each.has_ended()]

    def close(self) -> list[str]:
        """Stop all of them and start no more; returns the names of the runs that were stopped."""
        with self._lock:
            self._closed = True
            running = [each for each in self._started if not each.has_ended()]
        if running:
            with ThreadPoolExecutor(len(running)) as pool:
                list(pool.map(Training.end, running))
        return [folder.name for each in running if (folder := each.folder())]


def _begun(training: Training) -> str:
    until = time.monotonic() + BEGINNING
    while time.monotonic() < until:
        ended = training.has_ended()  # before the look: its last act may be to make the folder
        if folder := training.folder():
            return folder.name
        if ended:
            why = training.last_words() or f"it ended with {training.process.returncode}"
            raise UserError(f"the training did not begin: {why}")
        time.sleep(PAUSE)
    training.end()
    raise UserError(f"the training did not begin within {BEGINNING:.0f} s, and was stopped")
