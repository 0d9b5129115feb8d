"""Pages of strangers in a real browser, which know the server's port and token: all that they try is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from browsing import launched, viewed
from serving import Served, copied_run, served

# Each answer is "refused" or what was reached.
TRIES = """
async ({ port, token }) => {
  const there = `http://127.0.0.1:${port}`, live = `ws://127.0.0.1:${port}/live`;
  const soon = (answer) => Promise.race([answer, new Promise((next) => setTimeout(() => next("refused"), 3000))]);
  const asked = (settings, address = `${there}/`) => soon(fetch(address, settings).then(
    async (answer) => `${answer.type} ${answer.status} ${(await answer.text()).slice(0, 40)}`, () => "refused"));
  const socket = (address, protocols) => soon(new Promise((next) => {
    try {
      const line = new WebSocket(address, protocols);
      line.onopen = () => next("opened");
      line.onerror = () => next("refused");
    } catch (error) { next("refused"); }
  }));
  const element = (name, properties) => soon(new Promise((next) => {
    const made = Object.assign(document.createElement(name), properties);
    made.onload = () => next("loaded");
    made.onerror = () => next("refused");
    document.body.append(made);
  }));
  const framed = () => soon(new Promise((next) => {
    const frame = Object.assign(document.createElement("iframe"), { src: `${there}/` });
    frame.onload = () => {
      try { next(frame.contentDocument?.getElementById("screens") ? "read" : "refused"); } catch { next("refused"); }
    };
    document.body.append(frame);
  }));
  const opener = () => {
    const opened = window.open(`${there}/`);
    return soon(new Promise((next) => setTimeout(() => {
      try { next(opened?.document.getElementById("screens") ? "read" : "refused"); } catch { next("refused"); }
    }, 1000)));
  };
  return {
    fetch: await asked({}),
    script: await asked({}, `${there}/page.js`),
    "no-cors": await asked({ mode: "no-cors" }),
    post: await asked({ method: "POST", body: "x" }),
    "post, no-cors": await asked({ method: "POST", body: "x", mode: "no-cors" }),
    socket: await socket(live, ["inwit.1", `token.${token}`]),
    "socket without a protocol": await socket(live),
    "a script element": await element("script", { src: `${there}/page.js` }),
    "a style sheet": await element("link", { rel: "stylesheet", href: `${there}/page.css` }),
    "a picture": await element("img", { src: `${there}/` }),
    frame: await framed(),
    window: await opener(),
  };
}
"""


class Stranger(BaseHTTPRequestHandler):
    """Serves an empty page, whatever is asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>a stranger's</title><body>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with served(folder, copied_run(folder)) as server:
        yield server


@pytest.fixture(scope="module")
def strange() -> Iterator[int]:
    """The port of a stranger's server on this machine."""
    with HTTPServer(("127.0.0.1", 0), Stranger) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening.server_port
        listening.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def resolving(playwright: Any) -> Iterator[Any]:
    """A browser in which names of strangers lead to this machine."""
    rules = "MAP evil.test 127.0.0.1,MAP rebound.test 127.0.0.1"
    found = launched(playwright, f"--host-resolver-rules={rules}")
    yield found
    found.close()


def refused(answer: str) -> bool:
    """Whether a page learnt nothing: an opaque answer has no text and no status."""
    return answer in ("refused", "opaque 0 ")


@pytest.mark.parametrize("name", ["evil.test", "127.0.0.1", "localhost"])
def test_a_strangers_page_reaches_nothing(resolving: Any, server: Served, strange: int, name: str) -> None:
    with viewed(resolving) as view:
        view.page.goto(f"http://{name}:{strange}/")
        found = view.page.evaluate(TRIES, {"port": server.port, "token": server.token})
        assert {what: answer for what, answer in found.items() if not refused(answer)} == {}
        assert len(found) == 12
    assert server.get() == 200, "the server lives"


def test_a_rebound_name_gets_no_page(resolving: Any, server: Served) -> None:
    with viewed(resolving) as view:
        answer = view.page.goto(f"http://rebound.test:{server.port}/")
        assert answer.status == 403
        found = view.page.evaluate(TRIES, {"port": server.port, "token": server.token})
        assert {what: answer for what, answer in found.items() if not refused(answer)} == {}


def test_the_servers_own_page_reaches_the_socket(resolving: Any, server: Served) -> None:
    """What is tried above is refused to strangers, and not to everybody."""
    with viewed(resolving) as view:
        view.page.goto(f"http://{server.host}/")
        found = view.page.evaluate(TRIES, {"port": server.port, "token": server.token})
        assert found["socket"] == "opened"
        assert found["socket without a protocol"] == "refused"
        assert found["a script element"] == found["a style sheet"] == "loaded"
