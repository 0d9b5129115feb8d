"""Pages of strangers in a real browser, which know the token of the local server: they reach nothing. The server's own
page reaches the socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from browsing import launched
from serving import Served, served

# What a page tries. Each answer is a word: "refused", or what was reached.
TRY = """
async ([server, token]) => {
  const late = () => new Promise((next) => { setTimeout(() => next("refused"), 3000); });
  const within = (promise) => Promise.race([promise, late()]);
  const asked = (options) => within(fetch(`http://${server}/`, options).then((answer) => answer.type, () => "refused"));
  const loaded = (tag, name, value) => within(new Promise((next) => {
    const node = document.createElement(tag);
    node.onload = () => next("loaded");
    node.onerror = () => next("refused");
    node[name] = value;
    (document.body ?? document.documentElement).append(node);
  }));
  const framed = async () => {
    const frame = document.createElement("iframe");
    frame.src = `http://${server}/`;
    document.documentElement.append(frame);
    await new Promise((next) => { setTimeout(next, 500); });
  };
  const socket = () => within(new Promise((next) => {
    const line = new WebSocket(`ws://${server}/live`, ["inwit.1", `token.${token}`]);
    line.onopen = () => next("open");
    line.onerror = () => next("refused");
  }));
  return {
    fetch: await asked({}),
    blind: await asked({ mode: "no-cors" }),
    post: await asked({ mode: "no-cors", method: "POST", body: "{}" }),
    script: await loaded("script", "src", `http://${server}/page.js`),
    socket: await socket(),
    ...await framed(),
  };
}
"""


class Strange(BaseHTTPRequestHandler):
    """A page of a stranger, which may do all that pages may."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>strange</title><body></body>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def strange() -> Iterator[int]:
    """The port of a stranger's server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Strange)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served"), "tutorial-v1") as found:
        yield found


@pytest.fixture(scope="module")
def resolving(playwright: Any) -> Iterator[Any]:
    """A browser in which two names of strangers lead to this machine."""
    found = launched(playwright, "--host-resolver-rules=MAP evil.test 127.0.0.1, MAP rebound.test 127.0.0.1")
    yield found
    found.close()


def tried(browser: Any, address: str, server: Served, token: str) -> tuple[dict[str, str], set[int]]:
    """What a page reached of the server, and with which statuses the server answered it."""
    context = browser.new_context()
    try:
        page, answers = context.new_page(), list[Any]()
        page.goto(address)
        page.on("response", lambda answer: answers.append(answer))
        reached = page.evaluate(TRY, [server.host, token])
        return reached, {answer.status for answer in answers if f":{server.port}/" in answer.url}
    finally:
        context.close()


@pytest.mark.parametrize("name", ["evil.test", "127.0.0.1", "localhost"])
def test_a_page_of_another_origin_reaches_nothing(resolving: Any, server: Served, name: str) -> None:
    with strange() as port:
        reached, statuses = tried(resolving, f"http://{name}:{port}/", server, server.token)
    assert set(reached.values()) == {"refused"}, reached
    assert 403 in statuses
    assert statuses <= {403, 405}
    assert server.get() == 200


def test_a_name_that_was_made_to_lead_here_reaches_nothing(resolving: Any, server: Served) -> None:
    reached, statuses = tried(resolving, f"http://rebound.test:{server.port}/", server, server.token)
    assert set(reached.values()) == {"refused"}, reached
    assert statuses <= {403, 405}


def test_the_own_page_opens_a_socket_and_asks_nothing_else(resolving: Any, server: Served) -> None:
    """Without this the tests above could pass since nothing works."""
    reached, statuses = tried(resolving, f"http://{server.host}/", server, server.token)
    assert reached == {"fetch": "refused", "blind": "refused", "post": "refused", "script": "loaded", "socket": "open"}
    assert statuses <= {101, 200}
    reached, _ = tried(resolving, f"http://{server.host}/", server, "x" * 32)
    assert reached["socket"] == "refused"
