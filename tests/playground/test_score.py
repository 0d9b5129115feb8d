"""The score as data, what is drawn by seed, and the page's check of itself; in Node or V8, without a browser."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from inwit.core.contracts import Agent
from inwit.playground.page import described
from inwit.playground.scripts import MODEL, script
from javascript import needs_javascript, run_javascript
from parity import REPLAY
from support import make_world, small_policy

pytestmark = needs_javascript

DESK = """
async function deskOf(page, kind, cells, agent, seed = 1) {
  Object.values(page.agents).forEach(arrangeUnits);
  const engine = engineOf(page, bytesOf(page.blob.data));
  const problem = cells ? { kind, cells, seed } : drawnProblem(page, kind, seed);
  const session = await sessionOf(engine, taskFor(engine.page, problem)), rivals = {};
  for (const name of Object.keys(page.agents)) rivals[name] = await playedAlone(engine, session.root, name, seed);
  return { engine, session, agent, tip: session.root, rivals, ways: engine.ways(problem), seed, readings: [] };
}
const wordsOf = (page, tokens) => tokens.map((token) => page.vocabulary[token]);
"""
SCORE = """
async function main({ page }) {
  const desk = await deskOf(page, 2, [[5, 2, 4, 4, 8]], "gru"), { session } = desk,
    id = (word) => page.vocabulary.indexOf(word);
  const { page: { agents } } = desk.engine, write = async (node, text) => {
    for (const word of text.split(" ")) node = await session.advance(node, id(word));
    return node;
  };
  const stored = await write(session.root, "MUL ADD STO"), right = await write(stored, "MUL RCL SUB ANS");
  const early = await write(stored.parent, "ANS");
  const unit = agents.gru.units.places[3], edited = await session.setUnit(stored, "gru", unit.tensor, unit.unit, 0.5);
  desk.tip = right;
  const plain = scoreOf(desk);
  const rest = async () => true;
  for (const node of [session.root, stored.parent]) await desk.ways.search(node, rest, node !== session.root);
  for (const node of [right, early, edited]) await desk.ways.search(node, rest);
  const score = scoreOf(desk), chip = (line, column) => ({ ...score.lines[line].chips.get(column), node: null });
  return {
    before: plain.togo, togo: score.togo, prompt: score.prompt, columns: score.columns,
    lines: score.lines.map(({ name, active, chips, edits }) => (
      { name, active, words: [...chips.values()].map(({ word }) => word),
        edits: [...edits.values()].map(({ text }) => text) })),
    others: score.others.map(({ name, tokens, share }) => ({ name, share: share ?? null,
      words: tokens.map(({ word }) => word) })),
    registers: Object.fromEntries(score.registers.map(({ name, cells }) => [name, cells.map(({ value }) => value)])),
    alone: wordsOf(page, desk.rivals.gru.tokens), expects: score.expects.map((value) => value !== null),
    costs: offered(desk, stored.parent).map(({ token }) => {
      const cost = desk.ways.cost(stored.parent, token);
      return [page.vocabulary[token], cost === Infinity ? "lost" : cost];
    }),
    shares: offered(desk, stored.parent).reduce((sum, { share }) => sum + share, 0), hand: chip(1, 3),
      goal: goalOf(desk),
    verdicts: [right, early, edited].map((tip) => verdictOf({ ...desk, tip })),
    unit: unitsOf(agents.gru, edited.agents.gru.memory, -1)[3],
  };
}
"""
DRAWN = """
async function main({ page }) {
  const drawn = [];
  for (const seed of [1, 1, 2, 3, 4, 5]) {
    const desk = await deskOf(page, 0, null, "gru", seed), { session } = desk,
      id = (word) => page.vocabulary.indexOf(word);
    const end = await playOn(session, session.root, "gru", seed), score = scoreOf({ ...desk, tip: end });
    const ask = async (node) => {
      for (const word of ["F", "1"]) node = await session.advance(node, id(word));
      return session.advance(node, drawnAnswer(seed, writtenOn(session.path(node)), node.chance));
    };
    const once = await ask(session.root), twice = await ask(once);
    drawn.push({ ended: end.ended, writers: [...score.lines[0].chips.values()].map(({ writer }) => writer),
      togo: score.togo,
      same: JSON.stringify(wordsOf(page, desk.rivals.gru.tokens)) === JSON.stringify(wordsOf(page,
        tokensTo(end))),
      answers: [once, twice].map(({ how }) => page.vocabulary[how.token]), world: session.writers(once) });
  }
  return drawn;
}
"""
WRITERS = """
async function main({ page }) {
  const desk = await deskOf(page, 2, null, "gru"), { session } = desk, twin = { ...desk, agent: "twin" };
  const own = session.path(await session.run(session.root, "gru"))[1];
  const free = session.allowed(session.root).filter((token) => session.writers({ how: { kind: "token", token },
    parent: session.root }).length === 0);
  const mine = await session.advance(session.root, free[0]);
  return [chipOf(desk, own), chipOf(twin, own), chipOf(desk, mine)].map(({ writer, by }) => [writer, by]);
}
"""
CHECK = """
async function main({ page }) {
  const engine = engineOf(page, bytesOf(page.blob.data)), rest = async () => {}, told = [];
  const again = async (change) => {
    const golden = JSON.parse(JSON.stringify(page.golden));
    change(golden[2]);
    told.push(await checked({ ...engine, page: { ...engine.page, golden } }, rest));
  };
  await again(() => {});
  await again((one) => { one.success = !one.success; });
  await again((one) => { one.values[1] += 0.005; });
  await again((one) => { one.values[1] += 0.1; });
  const [add, mul] = ["ADD", "MUL"].map((word) => page.vocabulary.indexOf(word));
  await again((one) => { one.tokens[0] = one.tokens[0] === add ? mul : add; });
  return told;
}
"""


def held(world_id: str) -> dict[str, Any]:
    world = make_world(world_id)
    return described([Agent(world, small_policy("gru", world))], lambda _: None) | {"id": world_id}


@pytest.fixture(scope="module")
def tutorial() -> dict[str, Any]:
    page = held("tutorial-v1")
    page["agents"] = {"gru": page["agents"]["GRU"]}
    page["golden"] = [each | {"agent": "gru"} for each in page["golden"]]
    return page


def run(main: str, page: dict[str, Any], folder: Path) -> Any:
    helpers = REPLAY.read_text(encoding="utf-8").replace("function main", "function replay")
    assert base64.b64decode(page["blob"]["data"])
    return run_javascript(script(MODEL) + helpers + DESK + main, {"page": page}, folder)


def test_the_score_of_a_problem(tutorial: dict[str, Any], tmp_path: Path) -> None:
    told = run(SCORE, tutorial, tmp_path)
    assert told["prompt"] == ["5", "2", "4", "4", "8", "CTX"]
    assert told["goal"] == 5 * 2 + 4 - 4 * 8
    assert told["lines"] == [
        {"name": "program", "active": True, "words": ["MUL", "ADD", "STO", "MUL", "RCL", "SUB", "ANS"], "edits": []},
        {"name": "branch 1", "active": False, "words": [], "edits": ["unit 4=+0.50"]},
        {"name": "branch 2", "active": False, "words": ["ANS"], "edits": []},
    ]
    assert told["before"] == ["searching"] * 7 + ["right"]
    assert told["togo"] == [7, 6, 5, 4, 3, 2, 1, "right"]
    assert told["registers"] == {
        "acc": [None, 10, 14, None, 32, 14, -18, -18],
        "mem": [None, None, None, 14, 14, None, None, None],
        "held": [None, None, None, None, None, 32, None, None],
    }
    assert dict(told["costs"])["STO"] == 0
    assert set(dict(told["costs"]).values()) == {0, "lost"}
    assert told["shares"] == pytest.approx(1)
    assert told["expects"] == [True] * 7 + [False]
    assert [(each["name"], each["share"]) for each in told["others"]] == [("oracle", None), ("shortcut", 0.19)]
    assert told["others"][0]["words"] == ["MUL", "ADD", "STO", "MUL", "RCL", "SUB", "ANS"]
    assert told["unit"] == 0.5
    right, early, open_ended = told["verdicts"]
    assert right["head"] == "✓ Right"
    assert right["text"].startswith(" in 7 tokens, as short as can be. The same program is right on 200 of 200")
    assert (early["head"], early["text"]) == ("✕ Wrong", ": acc is 14, the goal was −18.")
    assert open_ended is None


@pytest.mark.slow
def test_a_worlds_answers_are_drawn_by_seed(tmp_path: Path) -> None:
    page = held("lookup-v0")
    page["agents"] = {"gru": page["agents"]["GRU"]}
    drawn = run(DRAWN, page, tmp_path)
    assert drawn[0] == drawn[1]
    assert all(each["ended"] and each["same"] and each["world"] == ["world"] for each in drawn)
    assert {writer for each in drawn for writer in each["writers"]} == {"world", "agent"}
    assert all(each["answers"][0] == each["answers"][1] for each in drawn), "An answer stays what it was."
    assert len({each["answers"][0] for each in drawn}) > 1
    assert all(each["togo"][0] == {"reward": 0.98} for each in drawn), "One call and the answer."


def test_a_token_is_called_by_whoever_would_write_it(tutorial: dict[str, Any], tmp_path: Path) -> None:
    world = make_world("tutorial-v1")
    agents = [Agent(world, small_policy("gru", world)), Agent(world, small_policy("memoryless", world))]
    page = described(agents, lambda _: None) | {"id": "tutorial-v1"}
    page["agents"] = dict(zip(("gru", "twin"), page["agents"].values(), strict=True))
    own, others, mine = run(WRITERS, page, tmp_path)
    assert own == ["agent", ""]
    assert others == ["other", "gru"]
    assert mine == ["hand", "you"]


def test_the_page_notices_what_differs_from_python(tutorial: dict[str, Any], tmp_path: Path) -> None:
    same, verdict, rounded, value, token = run(CHECK, tutorial, tmp_path)
    assert same == {"agrees": True, "text": "This page agrees with Python on 8 of 8 episodes."}
    assert rounded["agrees"]
    assert "up to 0.0050 away" in rounded["text"]
    for each, why in ((verdict, "the episode ends"), (value, "the value before token 2"), (token, "token 1 is")):
        assert not each["agrees"]
        assert f"agrees on 7 of 8 episodes. gru: {why}" in each["text"]
