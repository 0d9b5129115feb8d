"""What a person does on the page, one thing after another, without a browser: elements take what is said, and nothing
is drawn."""

from __future__ import annotations

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
function keepingFocus() {
  if (SCREENS[app.screen].desk && app.desk?.session) shown.push(scoreOf(app.desk, shownOn(app)).columns);
}
function showPlaces() {}
let app = null;
const said = () => element("say").textContent, wait = (ms) => new Promise((next) => { setTimeout(next, ms); });
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
