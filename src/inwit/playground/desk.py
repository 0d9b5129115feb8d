"""Answers the questions of sockets: each part in a thread of its own, and what takes long beside it.

The thread of the server itself only reads and writes sockets, so the page is served while PyTorch is imported and
while agents think.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Unfinished
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from inwit.core.errors import UserError, cut, out_of_memory, short
from inwit.core.results import Json
from inwit.core.storage import Tell, to_stderr
from inwit.playground.asking import APART, NEWEST, Asker, Part, Runs

Id = int | str | None
LONGEST_ID = 64  # characters
TAKEN = frozenset({"id", "error"})  # names that no answer may use for its own
TOLD = 20  # different faults at the terminal, at most
PATIENCE = 0.5  # seconds until whoever pushes looks whether the socket is still there


class Line:
    """A socket as those see it who answer in other threads."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket, self.loop, self.gone = socket, asyncio.get_running_loop(), threading.Event()

    def push(self, line: Json) -> bool:
        sending = self.socket.send(as_text(line))
        try:
            sent = asyncio.run_coroutine_threadsafe(sending, self.loop)
        except RuntimeError:  # the server has ended
            sending.close()
            return False
        while not self.gone.is_set():
            try:
                sent.result(PATIENCE)
                return True
            except Unfinished:
                continue
            except (ConnectionClosed, CancelledError):
                break
        return False


@dataclass(frozen=True)
class Asking:
    """One question of a socket, by its id: the `Asker` of those who answer. `over`: its answer is on its way, perhaps
    that a newer question took its place. Set in the server's own thread alone, so each question has one answer."""

    line: Line
    own: Id = None
    over: threading.Event = field(default_factory=threading.Event)

    def stopped(self) -> bool:
        return self.over.is_set() or self.line.gone.is_set()

    async def send(self, text: str) -> None:
        """Send the answer, unless there was one."""
        if not self.over.is_set():
            self.over.set()
            await self.line.socket.send(text)

    def push(self, line: Json) -> bool:
        return self.line.push(line)

    def closed(self, seconds: float) -> bool:
        return self.line.gone.wait(seconds)


class Apart(NamedTuple):
    """A question that is answered beside others, or was, and the task that it waits for, if any."""

    asking: Asking
    task: asyncio.Task[None]
    after: asyncio.Task[None] | None


class Nobody:
    """Asks where no page has asked: while agents are loaded before the page is open."""

    def stopped(self) -> bool:
        return False

    def push(self, line: Json) -> bool:
        return False

    def closed(self, seconds: float) -> bool:
        return True


class Desk:
    """A part, which is made for its first question, and the thread in which it answers."""

    def __init__(self, make: Callable[[Runs], Part], runs: Runs) -> None:
        self._make, self._runs, self.thread = make, runs, ThreadPoolExecutor(1)
        self._made: Part | None = None
        self._lock = threading.Lock()

    @property
    def part(self) -> Part:
        with self._lock:
            if self._made is None:
                self._made = self._make(self._runs)
            return self._made

    def busy(self) -> bool:
        return self._made is not None and self._made.busy()

    def close(self) -> None:
        """End the part, if it was made, and its thread, as soon as what is being answered is done."""
        if self._made is not None:
            self.thread.submit(self._made.close)
        self.thread.shutdown()


class Desks:
    """All parts. `tell` hears in one line what a person at the terminal should know."""

    def __init__(
        self,
        parts: Mapping[Callable[[Runs], Part], Collection[str]],
        runs: Runs,
        sockets: int,
        tell: Tell = to_stderr,
    ) -> None:
        self.desks = {name: desk for make, names in parts.items() for desk in [Desk(make, runs)] for name in names}
        self._apart = ThreadPoolExecutor(sockets * len(APART))
        self._tell, self._told = tell, set[str]()

    async def converse(self, socket: ServerConnection) -> None:
        """Answer all questions of a socket until it is closed, one after the other, but for those that are apart."""
        line, apart = Line(socket), dict[str, Apart]()
        try:
            async for text in socket:
                await self._take(text, line, apart)
        except ConnectionClosed:
            pass
        finally:
            line.gone.set()

    async def load(self, name: str, message: Json | None) -> str | None:
        """Make the part that answers this question, and ask the question, so that the page finds all ready. Returns a
        sentence if it cannot be answered."""
        desk, loop = self.desks[name], asyncio.get_running_loop()
        if message is None:
            await loop.run_in_executor(desk.thread, lambda: desk.part)
            return None
        text = await loop.run_in_executor(desk.thread, self._answer, name, message | {"id": None}, Nobody())
        return json.loads(text).get("error")

    def busy(self) -> bool:
        """Whether some part has work that goes on without a page."""
        return any(desk.busy() for desk in set(self.desks.values()))

    def close(self) -> None:
        """End all parts and threads: what is being computed comes to its end. After the sockets, and the loop."""
        for desk in set(self.desks.values()):
            desk.close()
        self._apart.shutdown()

    async def _take(self, text: str | bytes, line: Line, apart: dict[str, Apart]) -> None:
        """Answer one message, or begin to."""
        try:
            message = _read(text)
        except UserError as error:
            await line.socket.send(_error(None, str(error)))
            return
        name, asking = message.get("ask"), Asking(line, message["id"])
        if not isinstance(name, str) or name not in self.desks:
            await asking.send(_error(asking.own, f"the question {short(name)} is not known here"))
        elif name not in APART:
            await self._reply(self.desks[name].thread, name, message, asking)
        else:
            await self._take_apart(name, message, asking, apart)

    async def _take_apart(self, name: str, message: Json, asking: Asking, apart: dict[str, Apart]) -> None:
        """Begin to answer a question in a thread of its own. One that takes the place of another begins when that has
        ended, and the socket is read meanwhile."""
        before = apart.get(name)
        goes_on = before is not None and not before.task.done()
        if goes_on and name not in NEWEST:
            await asking.send(_error(asking.own, f"the last {name} is not done yet: wait for its answer"))
            return
        after = _overtaken(before) if before and goes_on else None
        task = asyncio.create_task(self._reply(self._apart, name, message, asking, after))
        apart[name] = Apart(asking, task, after)
        if before and goes_on:
            await before.asking.send(_error(before.asking.own, "a newer question took the place of this one"))

    async def _reply(
        self,
        thread: ThreadPoolExecutor,
        name: str,
        message: Json,
        asking: Asking,
        after: asyncio.Task[None] | None = None,
    ) -> None:
        if after is not None:
            await asyncio.wait([after])
        if not asking.over.is_set():
            text = await asyncio.get_running_loop().run_in_executor(thread, self._answer, name, message, asking)
            with suppress(ConnectionClosed):
                await asking.send(text)

    def _answer(self, name: str, message: Json, asking: Asker) -> str:
        """The text that is sent back. Raises nothing."""
        try:
            if asking.stopped():
                return _error(message["id"], "nobody waits for this answer any more")
            return _whole(message["id"], self.desks[name].part.answers[name](message, asking))
        except UserError as error:
            return _error(message["id"], str(error))
        except Exception as error:
            self.fault(name, error)
            return _error(message["id"], f"{_why(error)}: the terminal says more")

    def fault(self, name: str, error: Exception) -> None:
        """Tell the terminal of a fault that no answer expects: each once, and not without end."""
        text = f"{name}: {type(error).__name__}: {cut(error)}"
        if text not in self._told and len(self._told) < TOLD:
            self._told.add(text)
            self._tell(text)


def _read(text: str | bytes) -> Json:
    """A message with a sound id. Raises `UserError`."""
    if not isinstance(text, str):
        raise UserError("a question is a text, not bytes")
    try:
        message = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise UserError("this is no JSON that can be read here") from None
    if not isinstance(message, dict):
        raise UserError("a question is a JSON object with id and ask")
    own = message.get("id")
    if isinstance(own, bool) or not isinstance(own, int | str) or len(str(own)) > LONGEST_ID:
        raise UserError(f"the id of a question is a whole number or a text of at most {LONGEST_ID} characters")
    return message


def _overtaken(before: Apart) -> asyncio.Task[None]:
    """What the next question waits for: the one before or, where that has not begun, what that waits for. So at most
    one question waits, and the others are forgotten."""
    if before.after is None or before.after.done():
        return before.task
    before.task.cancel()
    return before.after


def _why(error: Exception) -> str:
    """What a person is told of a fault that no answer expects."""
    if out_of_memory(error):
        return "there is not enough memory for this"
    if isinstance(error, OSError):
        return f"this machine refuses it ({error.strerror or type(error).__name__})"
    return f"this could not be answered ({type(error).__name__})"


def _whole(own: Id, answer: Json) -> str:
    """An answer as it is sent. Raises `ValueError` for one that says itself what the page knows it by."""
    if taken := TAKEN & answer.keys():
        raise ValueError(f"an answer has {' and '.join(sorted(taken))} of its own")
    return as_text({"id": own, **answer})


def _error(own: Id, text: str) -> str:
    return as_text({"id": own, "error": " ".join(text.split())})


def as_text(answer: Json) -> str:
    """An answer as it is sent. Raises `ValueError` for numbers that JSON lacks."""
    return json.dumps(answer, allow_nan=False, separators=(",", ":"))


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
