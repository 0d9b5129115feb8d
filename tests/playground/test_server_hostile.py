"""The local server as a process, asked by those who must not reach it, and by a page that has gone mad."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from serving import Served, copied_run, served

pytestmark = pytest.mark.skipif(os.name == "nt", reason="It looks into /proc, and sends signals.")
TASK = [[2], [5, 2, 4, 4, 8]]
LONGEST = 500  # characters of a sentence
SLOW = 2  # of the right messages, the last, take long to answer

HOSTS = [
    *("evil.com", "evil.com:{port}", "127.0.0.1", "127.0.0.1:80", "127.0.0.2:{port}", "0.0.0.0:{port}", "localhost"),
    *("localhost.:{port}", "localhost.evil.com:{port}", "127.0.0.1.evil.com:{port}", "127.0.0.1:{port}.evil.com"),
    *("evil.com@127.0.0.1:{port}", "127.1:{port}", "2130706433:{port}", "0x7f000001:{port}", "[::1]", " ", "\t"),
    *("[::ffff:127.0.0.1]:{port}", "127.0.0.1:{port}\tx", "127.0.0.1:0{port}", "１27.0.0.1:{port}"),
    *("localhost:{port}/", "127.0.0.1:{port}, evil.com", "x" * 5000, None),
]
ORIGINS = [
    *("http://evil.com", "https://127.0.0.1:{port}", "http://127.0.0.1", "http://127.0.0.1:1{port}", "null", " "),
    *("http://localhost:{port}", "file://", "http://127.0.0.1:{port}.evil.com", "http://127.0.0.1:{port}/"),
    *("http://evil.com/http://127.0.0.1:{port}", "HTTP://127.0.0.1:{port}", "chrome-extension://abc"),
    *("http://[::1]:{port}", "http://user@127.0.0.1:{port}"),
]
PATHS = [
    *("/../server.py", "/..%2fserver.py", "/%2e%2e/server.py", "//etc/passwd", "/page.js/../server.py", "/page.js%00"),
    *("/page.js?x=1", "/server.py", "\\..\\server.py", "/runs", "/live", "*", "http://evil.com/", "/page.js;x"),
    *("http://127.0.0.1:{port}/page.js", "/" + "a" * 3000, "/page.css/", "/PAGE.JS", "/./page.js", "/%70age.js"),
]
METHODS = ("POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "CONNECT", "TRACE", "FOO")
TOKENS = ("", "t" * 32, "{token}x", "null", "{token},token.{token}", "{token}\xff")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with served(folder, copied_run(folder)) as server:
        yield server


def filled(text: str | None, server: Served) -> str | None:
    return text and text.replace("{port}", str(server.port))


def refused(server: Served) -> Iterator[tuple[object, int | str, int | str]]:
    """Every request that must be refused: its name, the status wanted, and the status that came."""
    for host in HOSTS:
        own = filled(host, server)
        yield ("Host", host), 403, server.get(host=own)
        yield ("Host of a socket", host), 403, server.knock(own, origin=f"http://{own}")
    for origin in ORIGINS:
        own = filled(origin, server)
        yield ("Origin", origin), 403, server.get(more=f"Origin: {own}\r\n")
        yield ("Origin of a socket", origin), 403, server.knock(origin=own)
    for path in PATHS:
        yield ("path", path), 404, server.get(filled(path, server) or "")
    yield "a long path", 414, server.get("/" + "a" * 9000)
    for method in METHODS:
        yield ("method", method), 405, server.get(method=method, more="Content-Length: 0\r\n")
    for token in TOKENS:
        yield ("token", token), 403, server.knock(protocol=f"inwit.1, token.{token}")
    for site in ("cross-site", "same-site", "x", " "):
        yield ("Sec-Fetch-Site", site), 403, server.get(more=f"Sec-Fetch-Site: {site}\r\n")
    yield from refused_besides(server)


def refused_besides(server: Served) -> Iterator[tuple[object, int | str, int | str]]:
    """As `refused`: doubled headers, and what is no request."""
    yield "no origin", 403, server.knock(origin=None)
    yield "no protocol", 403, server.knock(protocol="")
    yield "no language", 403, server.knock(protocol="token.{token}")
    yield "no token", 403, server.knock(protocol="inwit.1")
    yield "a socket elsewhere", 403, server.knock(path="/")
    yield "another upgrade", 403, server.get("/live", more="Upgrade: h2c\r\nConnection: Upgrade\r\n")
    yield "two hosts", 403, server.get(more="Host: evil.com\r\n")
    yield "two hosts, the right one last", 403, server.get(host="evil.com", more=f"Host: {server.host}\r\n")
    yield "two origins", 403, server.knock(more="Origin: http://evil.com\r\n")
    yield "two sites", 403, server.get(more="Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n")
    yield "two lengths", "closed", server.get(more="Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")
    yield "a body", "closed", server.get(more="Content-Length: 5\r\n")
    yield "300 headers", 431, server.get(more="".join(f"X-{k}: y\r\n" for k in range(300)))
    yield "a long header", 431, server.get(more=f"X: {'y' * 9000}\r\n")
    yield "TLS", "closed", server.ask(b"\x16\x03\x01\x02\x00" + bytes(range(64)) + b"\r\n\r\n")
    yield "no HTTP", "closed", server.ask(b"hello\r\n\r\n")
    yield "HTTP/2", "closed", server.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


def test_what_must_be_refused_is_refused(server: Served) -> None:
    answers = list(refused(server))
    wrong = [(name, wanted, came) for name, wanted, came in answers if came != wanted]
    assert not wrong
    assert len(answers) >= 130
    assert server.process.poll() is None
    assert server.get() == 200


def test_what_must_be_served_is_served(server: Served) -> None:
    assert [server.get(path) for path in ("/", "/page.js", "/page.css")] == [200] * 3
    for host in ("localhost", "LOCALHOST", "[::1]"):
        assert server.get(host=f"{host}:{server.port}") == 200
    assert server.get(more="Sec-Fetch-Site: none\r\n") == 200
    assert server.get(http="1.0") == 200
    assert server.get(host=f"{server.host} ") == 200  # HTTP ends a value before its last spaces
    assert server.knock() == 101
    assert server.knock(f"localhost:{server.port}") == 101


def test_each_answer_says_what_the_page_may_do(server: Served) -> None:
    for path in ("/", "/page.js", "/nothing"):
        head, _, body = server.answer(f"GET {path} HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode()).partition(
            b"\r\n\r\n"
        )
        assert b"Content-Security-Policy: default-src 'none'; script-src 'self'" in head
        assert b"X-Content-Type-Options: nosniff" in head
        assert b"Cache-Control: no-store" in head
        assert b"Server:" not in head
        assert f"Content-Length: {len(body)}".encode() in head
        assert server.token.encode() not in head + body
    page = server.answer(f"GET / HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode()).decode()
    assert '<script src="/page.js"' in page
    assert page.count("<script") == 1
    assert "style=" not in page
    assert "onclick" not in page


async def talk(socket: ClientConnection, text: str | bytes) -> dict[str, Any]:
    """The answer to one message; lines that are pushed are left out."""
    await socket.send(text)
    while True:
        answer = json.loads(await asyncio.wait_for(socket.recv(), 30))
        if "follow" not in answer or "id" in answer:
            return answer


async def right_messages(socket: ClientConnection, run: str) -> list[dict[str, Any]]:
    """A message of each question about a position, as the page would send it."""
    base: dict[str, Any] = {"id": 1, "table": [run]}
    begun = await talk(socket, json.dumps(base | {"ask": "begin", "task": TASK}))
    [(name, agent)] = begun["agents"].items()
    memories = {name: agent["memory"]}
    return [
        base | {"ask": "begin", "task": TASK},
        base | {"ask": "advance", "token": 11, "state": begun["state"], "agents": memories},
        base | {"ask": "read", "agent": name, "memory": agent["memory"]},
        base | {"ask": "write", "state": begun["state"], "index": 0, "value": 3},
        base | {"ask": "reading", "agent": name, "task": TASK},
        base | {"ask": "open"},
        base | {"ask": "runs", "text": "tut"},
        base | {"ask": "snapshots", "run": run},
        base | {"ask": "unfollow", "number": 5},
        base | {"ask": "way", "task": TASK, "path": [11, 12]},
        base | {"ask": "recipes"},
    ]


JUNK: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        1,
        2**31,
        2**63,
        2**64,
        10**300,
        -(10**18),
        1e308,
        -1e308,
        0.5,
        "",
        "x",
        "é\udcff",
        "A" * 5000,
    ),
    *("../../etc/passwd", "/etc/passwd", "latest", "a/b", "http://evil.com", "NaN", "AAAA", "f", [], {}, [[]], [{}]),
    *([0] * 1000, {"a": {"b": {}}}, ["f", [4096, 4096], ""], ["i", [-1], "AAAA"], ["f", [1e9], ""], ["i", [], None]),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to everything that a message holds."""
    held = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, own in held:
        yield (*path, key)
        yield from places(own, (*path, key))


def mutated(message: dict[str, Any], draws: random.Random) -> str | bytes:
    """A message with one to three faults, or something that is no message."""
    made = copy.deepcopy(message)
    for _ in range(draws.randrange(1, 4)):
        *path, last = draws.choice(list(places(made)) or [("id",)])
        held: Any = made
        for key in path:
            held = held[key]
        how = draws.randrange(4)
        if how == 0:
            del held[last]
        elif how == 1 and isinstance(held[last], str) and held[last]:
            cut = draws.randrange(len(held[last]))
            held[last] = held[last][:cut] + draws.choice("A=/é\0") + held[last][cut + draws.randrange(2) :]
        else:
            held[last] = copy.deepcopy(draws.choice(JUNK))
    text = json.dumps(made)
    kind = draws.randrange(20)
    if kind == 0:
        return text.encode()
    if kind == 1:
        return text[: draws.randrange(len(text))]
    if kind == 2:
        return draws.choice(["[" * 50_000, '{"a":' * 20_000, '{"id":1,"ask":NaN}', "9" * 5000, "", "null", "[1]", "\0"])
    return text.replace(":", ": ") if kind == 3 else text


def check(answer: dict[str, Any], sent: str | bytes) -> None:
    """It is an answer, or one sentence."""
    if "error" not in answer:
        assert isinstance(answer["id"], int | str), (sent, answer)
        return
    assert set(answer) == {"id", "error"}
    text = answer["error"]
    assert 0 < len(text) <= LONGEST, (sent, answer)
    assert "\n" not in text
    assert "Traceback" not in text
    assert "line " not in text or "read" in text, (sent, answer)


async def fuzzed(server: Served, run: str, count: int) -> tuple[int, float]:
    """Send so many messages. Returns how many were answered without an error, and how many MB the memory has grown
    since the first tenth of them."""
    draws, fine, before = random.Random(0), 0, 0.0
    async with connect(server.url, **server.own) as socket:  # pyright: ignore[reportArgumentType]
        right = await right_messages(socket, run)
        truth = [await talk(socket, json.dumps(message)) for message in right]
        assert [answer.get("error") for answer in truth] == [None] * len(right)
        for number in range(count):
            if number == count // 10:
                before = server.memory()
            sent = mutated(draws.choice(right if draws.random() < 0.1 else right[:-SLOW]), draws)
            answer = await talk(socket, sent)
            check(answer, sent)
            fine += "error" not in answer
            if number % 100 == 0:
                again = draws.randrange(5)
                assert await talk(socket, json.dumps(right[again])) == truth[again]
    return fine, server.memory() - before


def fuzz(server: Served, count: int) -> None:
    fine, grown = asyncio.run(fuzzed(server, "tutorial-finished", count))
    assert 0 < fine < count / 2
    assert grown < 20
    assert server.process.poll() is None
    assert sorted(path.name for path in (server.said.parent / "runs").glob("[!.]*")) == ["tutorial-finished"]
    lines = server.said.read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("inwit: ") for line in lines)
    assert len(lines) < 30


def test_a_message_of_any_form_gets_an_answer_or_one_sentence(server: Served) -> None:
    fuzz(server, 300)


@pytest.mark.slow
def test_ten_thousand_messages_leave_the_memory_as_it_was(server: Served) -> None:
    fuzz(server, 10_000)


async def too_large(server: Served) -> int:
    async with connect(server.url, **server.own) as socket:  # pyright: ignore[reportArgumentType]
        await socket.send("x" * 1_000_001)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def test_a_message_of_more_than_a_megabyte_closes_the_socket(server: Served) -> None:
    assert asyncio.run(too_large(server)) == 1009
    assert server.knock() == 101


async def many(server: Served, count: int) -> None:
    for number in range(count):
        async with connect(server.url, **server.own) as socket:  # pyright: ignore[reportArgumentType]
            await talk(socket, json.dumps({"id": number, "ask": "begin", "table": ["tutorial-v1"], "task": TASK}))


@pytest.mark.slow
def test_a_thousand_sockets_leave_nothing_behind(server: Served) -> None:
    asyncio.run(many(server, 50))
    memory, threads = server.memory(), server.threads()
    asyncio.run(many(server, 1000))
    assert server.memory() - memory < 20
    assert server.threads() <= threads


async def refused_after_a_new_start(folder: Path) -> None:
    """The page of a server that was killed goes on with the next server on the same port."""
    with served(folder, "tutorial-v1", "--port", "0", end=signal.SIGTERM) as first:
        pass
    with served(folder, "tutorial-v1", "--port", str(first.port), end=signal.SIGHUP) as second:
        assert second.token == first.token
        async with connect(second.url, **first.own) as socket:  # pyright: ignore[reportArgumentType]
            message = {"id": "a", "ask": "begin", "table": ["tutorial-v1"], "task": TASK}
            assert (await talk(socket, json.dumps(message)))["id"] == "a"
        with pytest.raises(InvalidStatus):
            await connect(second.url, **(first.own | {"subprotocols": ["inwit.1"]}))  # pyright: ignore


@pytest.mark.slow
def test_a_page_reaches_the_next_server_on_its_port(tmp_path: Path) -> None:
    asyncio.run(refused_after_a_new_start(tmp_path))
