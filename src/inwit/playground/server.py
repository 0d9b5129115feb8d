"""The local server of the playground: three files and one socket, for the page of the same server alone.

`gate.py` says who may speak, `desk.py` answers. The server keeps no session: what a page asks holds all that is needed,
so nothing is lost with the server. Neither this module nor what it imports needs PyTorch: the address is printed at
once, and agents are loaded while the page opens.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from importlib import import_module
from types import FrameType
from urllib.parse import quote

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from inwit.core.errors import UserError
from inwit.core.interruption import ENDS, Asked, interruption
from inwit.core.storage import to_stderr
from inwit.playground.asking import Part, Runs
from inwit.playground.desk import Desks
from inwit.playground.gate import ADDRESS, PROTOCOL, page_headers, refusal, wants_socket
from inwit.playground.scripts import LIVE, document, script, static
from inwit.playground.tokens import keep, token_of

SOCKETS = 8  # open at a time
LARGEST = 1_000_000  # bytes of a message from the page
WAITING = 4  # messages of a socket that wait to be read
TICK = 0.1  # seconds between looks at signals and sockets
HOUR = 3600.0  # seconds between two times that the token is kept anew
FULL = 1013  # the close code that says "try again later"
PLAIN = "text/plain; charset=utf-8"

Parts = Mapping[Callable[[Runs], Part], Collection[str]]  # who makes a part, and the questions that the part answers


def _from(module: str) -> Callable[[Runs], Part]:
    """Makes the part of a module of this folder, which is imported for its first question."""
    return lambda runs: import_module(f"inwit.playground.{module}").part(runs)


PARTS: Parts = {
    _from("questions"): ("open", "begin", "advance", "read", "write", "reading", "way"),
    _from("watching"): ("runs", "recipes", "start", "stop", "follow", "unfollow", "snapshots", "page"),
}


def run(
    runs: Runs, table: Sequence[str], *, port: int, idle: float, opened: Callable[[str], None], parts: Parts = PARTS
) -> int:
    """Serve the page until a signal ends the server, or until for `idle` minutes no socket was open and no training
    was going on (0: for ever).

    `table`: the runs that the page opens first. `opened` gets the page's address as soon as it is served. Returns the
    exit status: 0, or the shell's for the signal. Raises `UserError` for a port that cannot be had.
    """
    listening = _bound(port)
    own = listening.getsockname()[1]
    server = Server(own, token_of(own, again=port != 0), Desks(parts, runs, SOCKETS))
    with _second_ends_at_once(), interruption() as asked:
        try:
            with listening:
                asyncio.run(server.serve(listening, table, asked, 60 * idle, opened))
        finally:
            server.desks.close()
    return 128 + asked.end[0].value if asked.end else 0


@contextmanager
def _second_ends_at_once() -> Iterator[None]:
    """A second signal ends the process without waiting for its threads, which may be in the middle of PyTorch.
    `interruption` gives the signals back with the first. Trainings are processes of their own, and are told to stop."""

    def end(number: int, frame: FrameType | None) -> None:
        if (trainings := sys.modules.get("inwit.playground.trainings")) is not None:
            trainings.tell_all()
        os._exit(128 + number)

    before = {}
    try:
        for number in ENDS:
            if signal.getsignal(number) not in (None, signal.SIG_IGN):
                before[number] = signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Server:
    """What a port serves, and to whom."""

    def __init__(self, port: int, token: str, desks: Desks) -> None:
        self.port, self.desks, self._token = port, desks, token
        self._files, self._headers = _files(), page_headers(port)
        self._open = 0  # sockets
        self._left = time.monotonic()  # when the last one was closed, and the last work done

    async def serve(
        self, listening: socket.socket, table: Sequence[str], asked: Asked, idle: float, opened: Callable[[str], None]
    ) -> None:
        """Until a signal came, or `idle` seconds went by without a socket and without work."""
        async with serve(
            self._converse,
            sock=listening,
            process_request=self._knock,
            subprotocols=[Subprotocol(PROTOCOL)],
            max_size=LARGEST,
            max_queue=WAITING,
            compression=None,
            server_header=None,
            close_timeout=1,
            logger=_silent(),
        ):
            opened(self.address(table))
            loading = asyncio.create_task(self._load(table))
            kept = time.monotonic()
            while not asked.end and not self._is_idle(idle):
                await asyncio.sleep(TICK)
                if time.monotonic() - kept > HOUR:  # or else other servers would remove it as an old one
                    kept = time.monotonic()
                    keep(self.port, self._token)
            to_stderr("ending ..." if asked.end else f"ending: no page was open for {idle / 60:g} minutes")
            keep(self.port, self._token)  # its day begins with the end of this server, which still has the port
            loading.cancel()

    def address(self, table: Sequence[str]) -> str:
        """The page's address, with the token and the runs behind the `#`, which no browser sends anywhere."""
        runs = f"&runs={','.join(quote(name, safe='') for name in table)}" if table else ""
        return f"http://{ADDRESS}:{self.port}/#token={self._token}{runs}"

    def _is_idle(self, seconds: float) -> bool:
        if self._open or self.desks.busy():
            self._left = time.monotonic()
        return bool(seconds) and time.monotonic() - self._left > seconds

    async def _load(self, table: Sequence[str]) -> None:
        """Import PyTorch and load the agents before the page asks for them, and say so."""
        began = time.monotonic()
        error = await self.desks.load("open", {"ask": "open", "table": list(table)} if table else None)
        if error is not None:
            to_stderr(error)
        elif table:
            to_stderr(f"the agents are ready ({time.monotonic() - began:.1f} s)")

    def _knock(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request; None lets a socket be opened. A fault of the server's own is told at the terminal."""
        try:
            return self._answered(request)
        except Exception as error:
            self.desks.fault("a request", error)
            return self._response(500, PLAIN, b"the server has a fault: the terminal says more\n")

    def _answered(self, request: Request) -> Response | None:
        headers = list(request.headers.raw_items())
        why = refusal(
            request.method, request.path, headers, port=self.port, token=self._token, files=self._files.keys()
        )
        if why is not None:
            return self._response(why[0], PLAIN, f"{why[1]}\n".encode())
        if wants_socket(headers):
            return None
        return self._response(200, *self._files[request.path])

    def _response(self, status: int, kind: str, body: bytes) -> Response:
        more = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
        return Response(status, HTTPStatus(status).phrase, Headers(self._headers | more), body)

    async def _converse(self, connection: ServerConnection) -> None:
        if self._open >= SOCKETS:
            await connection.close(FULL, f"{SOCKETS} pages of this server are open: close one")
            return
        self._open += 1
        try:
            await self.desks.converse(connection)
        finally:
            self._open -= 1
            self._left = time.monotonic()


def _bound(port: int) -> socket.socket:
    """A socket that listens on a port of this machine alone; on any free one for 0. Raises `UserError`."""
    try:
        return socket.create_server((ADDRESS, port), backlog=100)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"--port {port} is in use, maybe by another playground: name another port, or leave --port out"
            ) from None
        raise UserError(
            f"--port {port} cannot be had ({error.strerror}): name one above 1023, or leave --port out"
        ) from None


def _files() -> dict[str, tuple[str, bytes]]:
    """All that is served: for each path its type and its bytes. No path leads to a folder."""
    head = '<link rel="icon" href="data:,">\n<link rel="stylesheet" href="/page.css">'
    note = "Python answers on this machine. Nothing is sent elsewhere."
    page = document(head, note, '<script src="/page.js"></script>')
    return {
        "/": ("text/html; charset=utf-8", page.encode()),
        "/page.js": ("text/javascript; charset=utf-8", script(LIVE).encode()),
        "/page.css": ("text/css; charset=utf-8", (static("page.css") + static("live.css")).encode()),
    }


def _silent() -> logging.Logger:
    """A logger for what strangers do to a port: nobody at the terminal can mend that."""
    logger = logging.getLogger("inwit.playground.sockets")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
