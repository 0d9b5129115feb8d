"""What a person does on the page, one thing after another, without a browser: elements take what is said, and nothing
is drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inwit.core.contracts import Agent
from inwit.playground.page import described
from inwit.playground.scripts import PAGE, script
from javascript import needs_node, run_javascript
from parity import REPLAY
from support import make_world, small_policy

pytestmark = needs_node

STAGE = """
const elements = {}, shown = [];
const element = (name) => (elements[name] ??= { textContent: "", className: "", hidden: false, dataset: {},
  addEventListener() {}, setAttribute() {}, querySelectorAll: () => [], querySelector: () => null,
  replaceChildren(...all) { this.children = all; } });
globalThis.document = { getElementById: element, documentElement: element("root"), querySelector: () => null };
globalThis.location = { hash: "", href: "page.html" };
globalThis.history = { replaceState(_, __, link) { location.hash = link; } };
/** What would be drawn is made, so that what cannot be drawn is an error. */
function drawStep(app) { shown.push(scoreOf(app.desk, shownOn(app)).columns); }
function drawFound(app) { drawStep(app); }
function keepingFocus(what) { what(); }
function drawTour() {}
function drawCompare() {}
function drawMatrix() {}
function drawTally() {}
function drawTransport() {}
function showPlaces() {}
let app = null;
const said = () => element("say").textContent.trim(), wait = (ms) => new Promise((next) => { setTimeout(next, ms); });
const settled = () => app.show(app.desk.session.at, app.desk.tip);
function engineFor(page) {
  Object.values(page.agents).forEach(arrangeUnits);
  return engineOf(page, bytesOf(page.blob.data));
}
async function openedAt(engine, hash) {
  location.hash = hash;
  shown.length = 0;
  app = appOf(engine);
  return opened(app);
}
"""


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    world = make_world("tutorial-v1")
    return described([Agent(world, small_policy("gru", world))], lambda _: None) | {"id": world.id}


def run(main: str, page: dict[str, Any], folder: Path, seconds: float = 60) -> Any:
    helpers = REPLAY.read_text(encoding="utf-8").replace("function main", "function replay")
    code = script(tuple(name for name in PAGE if name != "main.js"))
    ended = "\n".join(
        [
            helpers,
            STAGE,
            main.replace("async function main", "async function played"),
            """
    async function main({ page }) {
      const told = await played(page);
      setTimeout(() => process.exit(0), 100); // searches may go on
      return told;
    }""",
        ]
    )
    return run_javascript(code + ended, {"page": page}, folder, seconds=seconds)


SLOW = """
async function main(page) {
  const engine = engineFor(page), { reading } = engine;
  await openedAt(engine, "");
  engine.reading = async (...given) => {
    await wait(400); // a search of the problem before ends in this time
    return reading(...given);
  };
  await wait(60);
  const before = app.desk;
  await app.pose({ kind: 1, cells: [[5, 2, 4, 4, 0]], seed: 7 });
  return { kind: app.problem.kind, other: app.desk !== before };
}
"""


def test_a_search_that_ends_while_another_problem_is_fetched_does_not_hang_the_page(
    page: dict[str, Any], tmp_path: Path
) -> None:
    assert run(SLOW, page, tmp_path, seconds=20) == {"kind": 1, "other": True}


GOOD = "v=1&w=tutorial-v1&k=1&p=5.2.4.4.0"
HOSTILE = """
async function main(page) {
  const told = [], engine = engineFor(page);
  for (const hash of LINKS) {
    const dropped = await openedAt(engine, hash);
    await wait(0);
    const { screen } = app, nodes = app.desk.session.size, drawn = shown.length, end = app.desk.tip.ended;
    if (screen !== "step") await app.turnTo("step");
    await app.first();
    await app.step();
    told.push({ dropped, screen, nodes, drawn, end, at: app.desk.session.at.column, address: app.link().length });
  }
  return told;
}
"""
LINKS = [
    *(f"#{GOOD}&t=~{name}!0&at=0.1" for name in ("constructor", "__proto__", "toString")),
    *(f"#{GOOD}&t=~{name}:hidden:0=1" for name in ("constructor", "__proto__", "hasOwnProperty")),
    *(f"#{GOOD}&t=~gru:{name}:0=1" for name in ("constructor", "__proto__", "length")),
    *(f"#{GOOD}&t={step}" for step in ("~@constructor=1", "~@__proto__=", "constructor", "__proto__", "toString")),
    f"#{GOOD}&t=~constructor!1_5_2_4_4_0*1",
    *(f"#{GOOD}&t=~gru:hidden:0={value}" for value in ("1e308", "1e400", "-1e39", "NaN")),
    f"#{GOOD}&t=~gru!{'9' * 400}",
    f"#{GOOD}&t=~gru!1_5_2_4_4_0*{'9' * 400}",
    f"#{GOOD}&t=*{'9' * 400}",
    f"#{GOOD}&s={'9' * 400}",
    f"#{GOOD.replace('p=5', 'p=' + '9' * 400)}",
    f"#{GOOD.replace('k=1', 'k=constructor')}",
    f"#{GOOD}&t=" + ".".join(f"~gru:hidden:0={k}" for k in range(6000)),
    f"#{GOOD}" + "".join(f"&t=~gru:hidden:0={k}" for k in range(1000)),
    *(f"#{GOOD}&screen={name}" for name in ("constructor", "__proto__", "toString", "runs", "nothing")),
    *(f"#{GOOD}&a={name}" for name in ("constructor", "__proto__")),
]
HELD = [
    f"#{GOOD}&hide=constructor.__proto__&at=constructor.__proto__",
    f"#{GOOD}&at={'9' * 400}.{'9' * 400}",
    f"#{GOOD}&screen=tour&stop={'9' * 400}",
    f"#{GOOD}&screen=tour&stop=constructor",
]


def test_a_hostile_address_leaves_a_page_that_can_be_used(page: dict[str, Any], tmp_path: Path) -> None:
    """Names that every object has, huge numbers, thousands of steps: left out, said, and the rest is opened."""
    main = HOSTILE.replace("LINKS", json.dumps([*LINKS, *HELD]))
    told = dict(zip([*LINKS, *HELD], run(main, page, tmp_path), strict=True))
    assert [link for link, each in told.items() if not (each["drawn"] and each["end"] and each["at"] == 1)] == []
    assert [link for link in LINKS if not told[link]["dropped"]] == []
    assert [link for link in HELD if told[link]["dropped"]] == []
    sentences = [text for each in told.values() for text in each["dropped"]]
    assert [text for text in sentences if len(text) > 150 or "undefined" in text or "[object" in text] == []
    assert [each["screen"] for each in told.values()].count("tour") == 2
    assert {each["screen"] for each in told.values()} == {"step", "tour"}
    assert max(each["nodes"] for each in told.values()) < 1500
    assert max(each["address"] for each in told.values()) < 30_000


WEIGHTS = """
async function main(page) {
  const engine = engineFor(page), other = engineOf(engine.page, bytesOf(page.blob.data)), told = {};
  await openedAt(engine, "");
  app.desk.agent = "gru";
  const first = countRight(app); // with the weights of now
  await wait(0);
  const begun = { ...matricesOf(app) }, kind = app.problem.kind;
  app.engine = other;
  await app.pose(app.problem);
  told.unknown = matricesOf(app)[kind] ?? null;
  await first;
  await countRight(app);
  told.counted = matricesOf(app)[kind].length;
  told.stopped = begun[kind].length < MATRIX;
  app.engine = engine;
  await app.pose(app.problem);
  told.afresh = matricesOf(app)[kind] ?? null;
  return told;
}
"""


def test_what_was_counted_with_other_weights_is_not_shown(page: dict[str, Any], tmp_path: Path) -> None:
    told = run(WEIGHTS, page, tmp_path)
    assert told == {"unknown": None, "counted": 64, "stopped": True, "afresh": None}


TOURED = """
async function main(page) {
  const engine = engineFor(page), told = {};
  await openedAt(engine, "#screen=tour&stop=99");
  while (!app.tour?.done) await wait(5);
  await settled();
  told.last = [app.tour.at, app.tour.stops.findLastIndex(({ link }) => link)];
  await app.turnTo("step");
  await app.another();
  const written = app.desk.session.allowed(app.desk.session.root).at(-1);
  await app.first();
  await app.write(written);
  const link = linkOf(app.desk.session, page);
  await app.turnTo("tour");
  told.other = app.desk.session.size > 1 && linkOf(app.desk.session, page) !== link;
  await app.turnTo("step");
  told.kept = linkOf(app.desk.session, page) === link;
  await app.turnTo("hand");
  await app.write(written);
  await app.another();
  const own = linkOf(app.desk.session, page);
  await app.turnTo("step");
  told.still = linkOf(app.desk.session, page) === link;
  await app.turnTo("hand");
  told.hand = linkOf(app.desk.session, page) === own;
  await app.turnTo("step");
  await app.another();
  const fresh = app.problem;
  await app.turnTo("hand");
  told.follows = sameProblem({ problem: fresh }, app.desk);
  const before = app.tour;
  app.engine = engineOf(engine.page, bytesOf(page.blob.data));
  told.anew = app.tour === null && before !== null;
  return told;
}
"""


def test_a_visit_elsewhere_loses_nothing_and_the_tour_opens_a_stop(page: dict[str, Any], tmp_path: Path) -> None:
    told = run(TOURED, page, tmp_path)
    at, last = told.pop("last")
    assert at == last >= 0
    assert told == dict.fromkeys(["other", "kept", "still", "hand", "follows", "anew"], True)


LOSS = """
async function main(page) {
  const engine = engineFor(page), { ways } = engine, told = [];
  const ask = async (known) => {
    engine.ways = (problem) => (known === null ? null : { ...ways(problem), ...known });
    await openedAt(engine, "");
    await app.first();
    await app.nextLoss();
    told.push(said());
  };
  const silent = { search: async () => {}, cost: () => undefined };
  await ask({ ...silent, at: () => undefined });
  await ask({ ...silent, at: () => null, cost: () => null });
  await ask({ ...silent, at: () => ({ length: 0 }), cost: () => 0 });
  await ask(null);
  return told;
}
"""


def test_that_no_token_loses_is_said_only_where_it_is_known(page: dict[str, Any], tmp_path: Path) -> None:
    searching, unknown, none, never = run(LOSS, page, tmp_path)
    assert searching.startswith("The search goes on")
    assert unknown.startswith("No further token is known to leave")
    assert none == "No further token here leaves the shortest way."
    assert never == "No optimum is known on this page."


REFUSED = """
let drawnAnew = 0;
function part(app, name) { drawnAnew += name === "change" ? 1 : 0; }
async function main(page) {
  await openedAt(engineFor(page), "");
  await app.first();
  const seen = () => [element("say").className, said()], size = app.desk.session.size, told = {};
  await app.setRegister(0, 1e9);
  told.register = seen();
  await app.setRegister(0, numberIn({ value: "", validity: { badInput: true } }));
  told.bad = seen();
  await app.setUnit("hidden", 0, numberIn({ value: "1e308", validity: { badInput: false } }));
  told.unit = seen();
  told.untouched = app.desk.session.size === size;
  told.drawnAnew = drawnAnew;
  await app.undo();
  await app.undo();
  told.nothing = seen();
  await app.step();
  told.step = seen()[0];
  return told;
}
"""


def test_what_is_refused_is_seen_and_the_field_shows_what_is_held(page: dict[str, Any], tmp_path: Path) -> None:
    told = run(REFUSED, page, tmp_path)
    assert told["register"][0] == told["bad"][0] == told["unit"][0] == told["nothing"][0] == "told card"
    assert told["register"] == told["bad"]
    assert "takes whole numbers from" in told["bad"][1]
    assert told["unit"][1] == "a unit takes a finite number"
    assert told["nothing"][1] == "Nothing to undo."
    assert told["untouched"]
    assert told["drawnAnew"] >= 3
    assert told["step"] == "unseen", "gone at the next step"


LEFT = """
async function main(page) {
  const engine = engineFor(page), problem = drawnProblem(page, page.kinds.length - 1, 1);
  const ways = engine.ways(problem), session = await sessionOf(engine, taskFor(page, problem));
  let clock = 0, times = 0;
  Date.now = () => (clock += 2 * SLICE_MS); // each slice is the last one before a rest
  const stop = async () => false;
  for (; ways.at(session.root) === undefined && times < 2000; times++) await ways.search(session.root, stop);
  const bare = engineOf({ ...page, id: "x" }, bytesOf(page.blob.data));
  bare.page.task = bare.page.task.slice(0, 1);
  bare.begin = () => ({ ...engine.begin(session.task) });
  const { dropped } = await sessionFrom("#v=1&w=x&k=1&p=", bare);
  return { times, found: ways.at(session.root).length, dropped };
}
"""


def test_a_search_that_was_left_goes_on_and_a_task_may_be_its_kind_alone(page: dict[str, Any], tmp_path: Path) -> None:
    told = run(LEFT, page, tmp_path)
    assert 1 < told["times"] < 2000
    assert told["found"] == 7
    assert told["dropped"] == []


WEAK = """
async function main(page) {
  const engine = engineFor(page), values = {}, session = {
    path: () => [start], allowed: () => [1, 2, 3], advance: async (_, token) => children[token] };
  const start = { ended: false, forced: CHOICE, how: { kind: "start" }, column: 0, parent: null,
    agents: { gru: { value: -0.5 } } }, asked = [];
  const child = (token, value) => ({ ended: false, forced: CHOICE, how: { kind: "token", token }, column: 1,
    parent: start, agents: { gru: { value } } });
  const children = { 1: child(1, -0.2), 2: child(2, -0.1), 3: child(3, 0) };
  const ways = { search: async (node) => asked.push(node.how.token), at: () => ({ length: Infinity }) };
  const found = await findError({ ...engine, ways: () => ways },
    { session, problem: { seed: 1 }, name: "gru", end: start }, async () => true);
  return { asked, text: found.text };
}
"""


def test_who_expects_nothing_cannot_be_wrong_about_success(page: dict[str, Any], tmp_path: Path) -> None:
    told = run(WEAK, page, tmp_path)
    assert told["asked"] == []
    assert told["text"].startswith("No token was found that loses")
