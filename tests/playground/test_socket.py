"""The page's engine over a socket: asked as its graphs are asked, and still there when the server was not."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.playground.page import described
from inwit.playground.scripts import SOCKET, script
from javascript import NODE, needs_javascript, run_javascript
from parity import REPLAY
from watched import put_golden

TWICE = Path(__file__).parents[1] / "helpers" / "asked_twice.js"
SECONDS = 60

FAKE = """
const sockets = [], waits = [];
function open() {
  const heard = {}, fire = (name, event = {}) => heard[name](event), sent = [];
  const own = { addEventListener: (name, act) => { heard[name] = act; }, close: () => {}, fire, sent };
  own.send = (text) => sent.push(JSON.parse(text));
  sockets.push(own);
  return own;
}
const settled = () => new Promise((next) => setImmediate(next));
const answered = (promise) => promise.then((answer) => answer, (error) => error.message);
async function main() {
  const told = { lost: [], pushed: [], back: 0 };
  const line = lineOf({
    open, lost: (how) => told.lost.push([how.tries, how.wait, how.reason]), back: () => { told.back++; },
    pushed: (each) => told.pushed.push(each), wait: async (ms) => { waits.push(ms); },
  });
  const [first, begun] = [answered(line.ask("begin", { task: 1 })), answered(line.ask("start"))];
  told.before = sockets[0].sent.length;
  sockets[0].fire("open");
  told.sent = [...sockets[0].sent];
  sockets[0].fire("message", { data: JSON.stringify({ id: 2, run: "mine" }) });
  sockets[0].fire("message", { data: JSON.stringify({ follow: "mine", line: 3 }) });
  sockets[0].fire("message", { data: JSON.stringify({ id: 99, of: "nobody" }) });
  const again = answered(line.ask("start"));
  for (let k = 0; k < 7; k++) {
    sockets.at(-1).fire("close", { reason: k ? "" : "full" });
    await settled();
  }
  sockets.at(-1).fire("open");
  told.again = [...sockets.at(-1).sent];
  sockets.at(-1).fire("message", { data: JSON.stringify({ id: 1, state: 5 }) });
  const poison = answered(line.ask("advance"));
  for (let k = 0; k < 3; k++) {
    sockets.at(-1).fire("close", {});
    await settled();
    sockets.at(-1).fire("open");
  }
  told.large = await answered(line.ask("read", { memory: "é".repeat(500001) }));
  const unheard = answered(line.ask("runs"));
  line.close();
  sockets.at(-1).fire("close", {});
  await settled();
  return {
    ...told, waits, sockets: sockets.length, first: await first, begun: await begun, again_started: await again,
    poison: await poison, open: await unheard, closed: await answered(line.ask("runs")), connected: line.connected(),
  };
}
"""


MOMENTS = """
async function main() {
  const asked = [], agents = (table) => table.map((word) => [word.replace("run", "gru"), { units: word }]);
  const line = { async ask(name, { table, agent, agents: memories }) {
    asked.push([name, agent ?? Object.keys(memories ?? {})]);
    if (name === "open") return { page: { table, agents: Object.fromEntries(agents(table)) } };
    return { answer: null, agents: { [Object.keys(memories ?? { none: 0 })[0]]: null }, state: {}, legal: [] };
  } };
  const first = await socketEngineOf(line, ["run", "run@0"]), later = await first.after("gru", 20);
  await later.read("gru", {});
  await later.read("gru@0", {});
  const { agents: after } = await later.advance({ state: {}, agents: { gru: { memory: {} }, "gru@0": null } }, 1);
  return { asked, names: Object.keys(later.page.agents), chosen: later.chosen, earlier: await later.earlier("gru@0"),
    after, units: Object.values(later.page.agents).map(({ units }) => units), table: later.page.table };
}
"""


@needs_javascript
def test_an_agent_keeps_its_name_whatever_its_weights(tmp_path: Path) -> None:
    """Python names those that share a run by the moment of their weights, which the slider changes."""
    told = run_javascript(script(SOCKET) + MOMENTS, {}, tmp_path)
    assert (told["table"], told["names"]) == (["run@20", "run@0"], ["gru", "gru@0"])
    assert (told["chosen"], told["units"]) == ({"gru": 20, "gru@0": 0}, ["run", "run@0"])
    assert told["asked"][2:] == [["read", "gru@20"], ["read", "gru@0"], ["advance", ["gru@20", "gru@0"]]]
    assert told["after"] == {"gru": None}
    assert told["earlier"] == [], "a name with a moment stays true"


@needs_javascript
@pytest.mark.skipif(NODE is None, reason="the V8 of a wheel has no timers")
def test_a_connection_outlives_its_sockets(tmp_path: Path) -> None:
    told = run_javascript(script(SOCKET) + FAKE, {}, tmp_path)
    assert (told["before"], told["sent"]) == (0, [{"id": 1, "ask": "begin", "task": 1}, {"id": 2, "ask": "start"}])
    assert (told["begun"], told["pushed"]) == ({"run": "mine"}, [{"follow": "mine", "line": 3}])
    assert told["waits"] == [250, 500, 1000, 2000, 4000, 5000, 5000, 250, 250, 250]
    assert told["lost"][:2] == [[1, 250, "full"], [2, 500, ""]]
    assert told["again"] == [{"id": 1, "ask": "begin", "task": 1}], "asked again"
    assert told["first"] == {"state": 5}
    assert told["again_started"].startswith("the server was lost before it answered: look at the list of runs"), "once"
    assert told["poison"] == "the server was lost 3 times while it answered this, so it is not asked again"
    assert told["large"] == "this is too large for one question"
    assert (told["back"], told["connected"]) == (4, False)
    assert told["open"] == told["closed"] == "the connection to the server was closed"
    assert told["sockets"] == 11, "none is opened after the end"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def serving(port: int, run: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server as a process, and its address."""
    command = [sys.executable, "-m", "inwit", "playground", run, "--no-browser", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        yield server, server.stdout.readline().strip()
    finally:
        server.kill()
        server.communicate()


def sockets_in_node() -> bool:
    """Whether this Node has sockets, if it is asked for them."""
    command = [str(NODE), "--experimental-websocket", "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"]
    return NODE is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not sockets_in_node(), reason="no Node with sockets is installed")
def test_the_server_is_killed_in_mid_session(tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same session in the page's engine and over a socket, to the last float; a question that was on its way when
    the server died is answered by the next one on the same port, but for one that would start a training twice."""
    monkeypatch.setenv("INWIT_CACHE", str(tmp_path / "cache"))
    port, name = free_port(), put_golden(runs, "mine").name
    agent = inwit.load(name)
    program = tmp_path / "twice.js"
    program.write_text(script(SOCKET) + judging() + TWICE.read_text(encoding="utf-8"), encoding="utf-8")
    with serving(port, name) as (server, address):
        given = {"page": described([agent], lambda _: None), "address": address, "words": ["latest"], "seed": 7}
        command = [str(NODE), "--experimental-websocket", "--no-warnings", str(program)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, text=True, **pipes) as page:
            watchdog = threading.Timer(SECONDS, page.kill)
            watchdog.start()
            try:
                assert say(page, given) == {"ready": True}
                os.kill(server.pid, signal.SIGSTOP)
                assert say(page, {}) == {"asked": True}
                server.kill()
                server.wait(SECONDS)
                with serving(port, name) as (_, again):
                    assert again == address, "the page that is open can go on"
                    told = heard(page)
            finally:
                watchdog.cancel()
                page.kill()
    assert told["wrong"] == {}, told["first"]
    assert told["wrong_token"] == "token = 99 does not exist: tokens are 0..17"
    assert told["lost"].startswith("the server was lost before it answered")
    assert told["events"][0] == "lost 1"
    assert told["events"][-1] == "back"
    assert told["closed"] == "the connection to the server was closed"


def judging() -> str:
    """`parity.js` without its own main."""
    return re.sub(r"^function main\(", "function replayed(", REPLAY.read_text(encoding="utf-8"), flags=re.MULTILINE)


def say(page: subprocess.Popen[str], told: dict[str, Any]) -> Any:
    """Tell the page's process one line, and hear one."""
    assert page.stdin is not None
    page.stdin.write(json.dumps(told) + "\n")
    page.stdin.flush()
    return heard(page)


def heard(page: subprocess.Popen[str]) -> Any:
    """The next line of the page's process."""
    assert page.stdout is not None
    line = page.stdout.readline()
    assert line, page.communicate()[1]
    return json.loads(line)
