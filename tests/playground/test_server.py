"""How the local server answers: in which order, what ends what, and how it ends. Its parts here are small ones of the
test; `test_server_hostile.py` asks those of the playground."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from command_line import run as command
from inwit.commands.playground import _last, _told
from inwit.core.errors import UserError
from inwit.core.interruption import Asked
from inwit.core.results import Json
from inwit.playground.asking import Asker, Part, Runs
from inwit.playground.desk import Desks
from inwit.playground.server import SOCKETS, Server, _bound
from inwit.playground.tokens import token_of
from inwit.runs.index import Row

TOKEN = "T" * 32
Scene = Callable[[Callable[[], Any], Server], Awaitable[None]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the servers of a test keep their token, which everybody can read here."""
    monkeypatch.setenv("INWIT_CACHE", str(tmp_path))
    return tmp_path / "playground"


class Ways:
    """A part whose `way` goes on until nobody waits for it."""

    def __init__(self) -> None:
        self.running, self.begun, self.most, self.closed, self.works = 0, 0, 0, False, False
        self.freed = threading.Event()

    def way(self, message: Json, asker: Asker) -> Json:
        self.running += 1
        self.begun += 1
        self.most = max(self.most, self.running)
        while message["long"] and not asker.stopped():
            time.sleep(0.005)
        if message.get("deaf"):
            self.freed.wait(10)
        self.running -= 1
        return {"length": 3}

    def start(self, message: Json, asker: Asker) -> Json:
        self.freed.wait(10)
        return {"run": "new"}

    def busy(self) -> bool:
        return self.works

    def close(self) -> None:
        self.closed = True


def follow(message: Json, asker: Asker) -> Json:
    def push() -> None:
        number = 0
        while asker.push({"follow": "run", "line": number}):
            number += 1
            if asker.closed(0.001):
                break
        stopped.set()

    stopped = message_events[message["name"]] = threading.Event()
    threading.Thread(target=push, daemon=True).start()
    return {}


message_events: dict[str, threading.Event] = {}


def advance(message: Json, asker: Asker) -> Json:
    time.sleep(message.get("seconds", 0))
    return {"position": message["token"]}


def refuse(message: Json, asker: Asker) -> Json:
    raise UserError("that is refused,\nin one  sentence")


def fail(message: Json, asker: Asker) -> Json:
    return {"value": [][message["token"]]}


def nonsense(message: Json, asker: Asker) -> Json:
    return {"value": float("nan")}


def named(message: Json, asker: Asker) -> Json:
    return {"id": 5, "error": None, "world": "x"}


def lost(message: Json, asker: Asker) -> Json:
    return {"page": Path("/no/page").read_text(encoding="utf-8")}


def together(scene: Scene, ways: Ways | None = None, said: list[str] | None = None, idle: float = 0) -> Ways:
    """Play a scene with a server of small parts; then the server has ended."""
    ways = ways or Ways()
    answers = {"way": ways.way, "start": ways.start, "advance": advance, "read": refuse, "write": fail}
    answers |= {"open": nonsense, "reading": named, "page": lost, "follow": follow}

    def part(runs: Runs) -> Part:
        return Part(answers, ways.close, ways.busy)

    async def play() -> None:
        listening = _bound(0)
        server = Server(
            listening.getsockname()[1],
            TOKEN,
            Desks({part: answers}, Runs(), SOCKETS, (said if said is not None else []).append),
        )
        asked, opened = Asked(), asyncio.Event()
        with listening:
            serving = asyncio.create_task(server.serve(listening, [], asked, idle, lambda _: opened.set()))
            await opened.wait()
            host = f"127.0.0.1:{server.port}"
            offered = ["inwit.1", f"token.{TOKEN}"]
            try:
                await scene(lambda: connect(f"ws://{host}/live", origin=f"http://{host}", subprotocols=offered), server)
            finally:
                asked.end.append(1)
                ways.freed.set()
                await serving
                await asyncio.to_thread(server.desks.close)

    asyncio.run(asyncio.wait_for(play(), 20))
    return ways


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def received(socket: ClientConnection) -> dict[str, Any]:
    return json.loads(await socket.recv())


def test_questions_are_answered_one_after_the_other() -> None:
    async def scene(page: Callable[[], Any], server: Server) -> None:
        async with page() as socket:
            await send(socket, id=1, ask="advance", token=5, seconds=0.05)
            await send(socket, id="two", ask="advance", token=6)
            assert await received(socket) == {"id": 1, "position": 5}
            assert await received(socket) == {"id": "two", "position": 6}

    together(scene)


def test_a_second_way_ends_the_first() -> None:
    async def scene(page: Callable[[], Any], server: Server) -> None:
        async with page() as socket, page() as other:
            await send(other, id=0, ask="way", long=True)
            for number in range(20):
                await send(socket, id=number, ask="way", long=True)
                if number < 3:  # the others come before the one before has begun
                    while ways.begun < number + 2:
                        await asyncio.sleep(0.002)
            await send(socket, id=20, ask="way", long=False)
            answers = [await received(socket) for _ in range(21)]
            assert [answer["id"] for answer in answers] == list(range(21))
            assert {answer["error"] for answer in answers[:-1]} == {"a newer question took the place of this one"}
            assert answers[-1] == {"id": 20, "length": 3}
            assert ways.running == 1  # that of the other page goes on

    ways = Ways()
    together(scene, ways)
    assert ways.running == 0
    assert ways.most == 2


def test_a_way_that_hears_nothing_is_overtaken_at_once_and_holds_nothing_up() -> None:
    async def scene(page: Callable[[], Any], server: Server) -> None:
        async with page() as socket:
            await send(socket, id=0, ask="way", long=True, deaf=True)
            while not ways.begun:
                await asyncio.sleep(0.002)
            for number in range(1, 6):
                await send(socket, id=number, ask="way", long=False)
            await send(socket, id=6, ask="advance", token=7)
            told = [await received(socket) for _ in range(6)]
            assert [each["id"] for each in told] == [0, 1, 2, 3, 4, 6]
            assert {each["error"] for each in told[:5]} == {"a newer question took the place of this one"}
            assert ways.begun == ways.running == 1
            ways.freed.set()
            assert await received(socket) == {"id": 5, "length": 3}
            assert ways.begun == 2
            await send(socket, id=7, ask="way", long=False)
            assert await received(socket) == {"id": 7, "length": 3}

    ways = Ways()
    together(scene, ways)


def test_a_fault_of_the_server_reaches_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(page: Callable[[], Any], server: Server) -> None:
        for _ in range(2):
            with pytest.raises(InvalidStatus) as refused:
                await page()
            assert refused.value.response.status_code == 500

    def broken(*_: object, **__: object) -> None:
        raise AttributeError("no method")

    monkeypatch.setattr("inwit.playground.server.refusal", broken)
    said: list[str] = []
    together(scene, said=said)
    assert said == ["a request: AttributeError: no method"]


def test_a_server_keeps_its_token_while_it_runs_and_a_day_from_its_end(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inwit.playground.server.HOUR", 0.2)

    async def scene(page: Callable[[], Any], server: Server) -> None:
        file = cache / str(server.port)
        while not file.exists():  # as another server removes it that is started after a day
            await asyncio.sleep(0.02)
        assert token_of(server.port, again=True) == TOKEN
        monkeypatch.setattr("inwit.playground.server.HOUR", 1000)
        os.utime(file, (time.time() - 90_000,) * 2)
        ports.append(server.port)

    ports: list[int] = []
    together(scene)
    assert token_of(ports[0], again=True) == TOKEN, "though it was begun longer ago than a day"


def test_a_way_holds_nothing_up_and_ends_with_its_page() -> None:
    async def scene(page: Callable[[], Any], server: Server) -> None:
        async with page() as socket:
            await send(socket, id=1, ask="way", long=True)
            await send(socket, id=2, ask="advance", token=7)
            assert await received(socket) == {"id": 2, "position": 7}
            assert ways.running == 1
        while ways.running:
            await asyncio.sleep(0.01)

    ways = Ways()
    together(scene, ways)


def test_a_second_start_is_refused_while_the_first_goes_on() -> None:
    async def scene(page: Callable[[], Any], server: Server) -> None:
        async with page() as socket:
            await send(socket, id=1, ask="start")
            await send(socket, id=2, ask="start")
            assert await received(socket) == {"id": 2, "error": "the last start is not done yet: wait for its answer"}
            ways.freed.set()
            assert await received(socket) == {"id": 1, "run": "new"}
            await send(socket, id=3, ask="start")
            assert await received(socket) == {"id": 3, "run": "new"}

    ways = Ways()
    together(scene, ways)


def test_lines_are_pushed_until_the_page_is_closed() -> None:
    async def scene(page: Callable[[], Any], server: Server) -> None:
        async with page() as socket:
            await send(socket, id=1, ask="follow", name="pushed")
            messages = [await received(socket) for _ in range(50)]
        lines = [message["line"] for message in messages if "line" in message]
        assert lines == list(range(49))
        assert {"id": 1} in messages
        assert await asyncio.to_thread(message_events["pushed"].wait, 5)

    together(scene)


ERRORS: Mapping[str, str] = {
    '{"id": 1, "ask": "read"}': "that is refused, in one sentence",
    '{"id": 1, "ask": "write", "token": 3}': "this could not be answered (IndexError): the terminal says more",
    '{"id": 1, "ask": "write"}': "this could not be answered (KeyError): the terminal says more",
    '{"id": 1, "ask": "open"}': "this could not be answered (ValueError): the terminal says more",
    '{"id": 1, "ask": "reading"}': "this could not be answered (ValueError): the terminal says more",
    '{"id": 1, "ask": "page"}': "this machine refuses it (No such file or directory): the terminal says more",
    '{"id": 1, "ask": "sing"}': "the question 'sing' is not known here",
    '{"id": 1, "ask": ["open"]}': "the question ['open'] is not known here",
    '{"id": 1}': "the question None is not known here",
}
NO_MESSAGES: Mapping[str | bytes, str] = {
    b"bytes": "a question is a text, not bytes",
    "[1]": "a question is a JSON object with id and ask",
    "{": "this is no JSON that can be read here",
    "[" * 100_000: "this is no JSON that can be read here",
    '{"id": 1, "ask": NaN}': "this is no JSON that can be read here",
    '{"id": true, "ask": "open"}': "the id of a question is a whole number or a text of at most 64 characters",
    '{"ask": "open"}': "the id of a question is a whole number or a text of at most 64 characters",
}


def test_an_error_is_one_sentence_and_a_fault_a_line_at_the_terminal() -> None:
    async def scene(page: Callable[[], Any], server: Server) -> None:
        async with page() as socket:
            for own, answers in ((1, ERRORS), (None, NO_MESSAGES)):
                for message, sentence in answers.items():
                    for _ in range(2):
                        await socket.send(message)
                        assert await received(socket) == {"id": own, "error": sentence}

    said: list[str] = []
    together(scene, said=said)
    assert said == [
        "write: IndexError: list index out of range",
        "write: KeyError: 'token'",
        "open: ValueError: Out of range float values are not JSON compliant",
        "reading: ValueError: an answer has error and id of its own",
        "page: FileNotFoundError: [Errno 2] No such file or directory: '/no/page'",
    ]


def test_a_ninth_page_is_told_why_it_gets_no_socket() -> None:
    async def scene(page: Callable[[], Any], server: Server) -> None:
        pages = [await page() for _ in range(SOCKETS)]
        async with page() as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason[:7]) == (1013, "8 pages")
        for each in pages:
            await each.close()
        async with page() as socket:
            await send(socket, id=1, ask="advance", token=1)
            assert await received(socket) == {"id": 1, "position": 1}

    together(scene)


async def knocking(server: Server) -> None:
    """Knock until nobody answers."""
    while True:
        await asyncio.sleep(0.05)
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.close()


def test_the_server_ends_when_no_page_was_open_for_a_while() -> None:
    async def scene(page: Callable[[], Any], server: Server) -> None:
        async with page() as socket:
            await asyncio.sleep(0.4)
            await send(socket, id=1, ask="advance", token=1)  # it goes on while a page is open
            assert await received(socket) == {"id": 1, "position": 1}
        with pytest.raises(OSError, match="Connect call failed"):
            await knocking(server)

    assert together(scene, idle=0.2).closed


def test_it_does_not_end_while_there_is_work() -> None:
    ways = Ways()

    async def scene(page: Callable[[], Any], server: Server) -> None:
        async with page() as socket:
            await send(socket, id=1, ask="advance", token=1)
            assert await received(socket) == {"id": 1, "position": 1}
            ways.works = True
        await asyncio.sleep(0.6)
        async with page():
            ways.works = False
        with pytest.raises(OSError, match="Connect call failed"):
            await knocking(server)

    assert together(scene, ways, idle=0.2).closed


def test_the_address_names_the_runs_behind_the_token() -> None:
    server = Server(8765, TOKEN, Desks({}, Runs(), SOCKETS))
    assert server.address([]) == f"http://127.0.0.1:8765/#token={TOKEN}"
    assert server.address(["a-1", "/x/y&z@2"]) == f"http://127.0.0.1:8765/#token={TOKEN}&runs=a-1,%2Fx%2Fy%26z%402"
    server.desks.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """PyTorch is being imported meanwhile, and nothing aborts."""
    words = [sys.executable, "-m", "inwit", "playground", "tutorial-v1", "--no-browser"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "inwit: ending ...\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
        assert not process.stderr.read()


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--host", "0.0.0.0"], "--host is refused"),
        (["--host=0.0.0.0"], "--host is refused"),
        (["--port", "65536"], "--port 65536 is none: ports go from 1 to 65535"),
        (["--port", "x"], "--port = 'x' is not a whole number"),
        (["--idle", "-1"], "--idle '-1' is no time"),
        (["--idle", "nan"], "--idle 'nan' is no time"),
        (["nope"], "unknown run 'nope'"),
        (["tutorial-v1@3"], "unknown run 'tutorial-v1@3'"),
        (["a", "b", "c", "d", "e", "f", "g"], "up to 6 agents beside each other, not 7"),
    ],
)
def test_what_cannot_be_served_is_told_in_a_line(
    flags: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("playground", *flags, "--no-browser") == 2
    out, said = capsys.readouterr()
    assert why in said
    assert said.count("\n") == 1
    assert not out


def test_the_last_run_that_finished_goes_before_a_later_one_that_was_stopped() -> None:
    def row(run: str, status: str, updates: int) -> Row:
        return Row(run, status, "tutorial", 0, "", "", "", None, None, updates, 1.0, 1, "", run)

    rows = [row("c", "running", 9), row("b", "interrupted", 1), row("a", "finished", 20)]
    assert _last(rows) == "a"
    assert _last(rows[:2]) == "b"
    assert _told("b", rows) == "b: interrupted after 1 update"


def test_a_port_in_use_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with _bound(0) as taken:
        port = taken.getsockname()[1]
        assert command("playground", "--port", str(port), "--no-browser") == 2
    assert f"--port {port} is in use" in capsys.readouterr().err


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("playground", "--help") == 0
    told = capsys.readouterr().out
    for word in ("--port", "--idle", "--no-browser", "127.0.0.1", "example: inwit playground latest"):
        assert word in told


def test_a_page_names_runs_by_the_names_of_their_folders_alone(runs: Path) -> None:
    for name in ("../runs", "/etc", "", ".", None, 5, ["a"], {}):
        with pytest.raises(UserError, match="no run here is called"):
            Runs().folder(name)
