"""By hand, compare, tour and keys: what they say is so, on agents that are known; in Node or V8, without a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from inwit.core.contracts import Agent
from inwit.core.types import Output
from inwit.playground.page import described
from inwit.playground.scripts import MODEL, SCREENS, script
from inwit.worlds.examination import yardsticks_of
from javascript import needs_node, run_javascript
from parity import REPLAY
from support import make_world

pytestmark = needs_node

ROOT = Path(__file__).parents[2]
RECITED = 9  # tokens that a program may have


class Reciter(nn.Module):
    """A policy that writes one program for each stage, whatever it reads; its memory is the stage and the place."""

    table: Tensor

    def __init__(self, programs: list[list[int]], tokens: int) -> None:
        super().__init__()
        table = torch.zeros(len(programs), RECITED, tokens)
        for stage, program in enumerate(programs):
            for place, token in enumerate(program):
                table[stage, place, token] = 9.0
        self.register_buffer("table", table)

    def begin(self, prompt: Tensor, prompt_mask: Tensor, stage: Tensor) -> tuple[Output, dict[str, Tensor]]:
        memory = {"hidden": torch.stack([stage.float(), torch.zeros_like(stage).float()], 1)}
        return self.read(memory), memory

    def step(self, token: Tensor, memory: dict[str, Tensor]) -> tuple[Output, dict[str, Tensor]]:
        hidden = memory["hidden"]
        after = {"hidden": torch.stack([hidden[:, 0], hidden[:, 1] + 1], 1)}
        return self.read(after), after

    def read(self, memory: dict[str, Tensor]) -> Output:
        stage, place = (memory["hidden"][:, unit].long() for unit in (0, 1))
        logits = self.table[stage.clamp(0, len(self.table) - 1), place.clamp(0, RECITED - 1)]
        return Output(logits, torch.full((len(logits),), 0.9))


class Hasty(Reciter):
    """The same with another name."""


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """One agent that is always right, and one that takes the shortcut in the last stage."""
    world = make_world("tutorial-v1")
    known = [yardsticks_of(world, kind) for kind in range(len(world.kinds))]
    right = [world.vocabulary.ids(each["oracle"].program) for each in known]
    short = [*right[:-1], world.vocabulary.ids(known[-1]["shortcut"].program)]
    agents = [
        Agent(world, cls(programs, len(world.vocabulary))) for cls, programs in ((Reciter, right), (Hasty, short))
    ]
    return described(agents, lambda _: None) | {"id": world.id}


def run(main: str, page: dict[str, Any], folder: Path, *more: str) -> Any:
    helpers = REPLAY.read_text(encoding="utf-8").replace("function main", "function replay")
    return run_javascript(script((*MODEL, *SCREENS, *more)) + helpers + main, {"page": page}, folder)


TOUR = """
async function main({ page }) {
  Object.values(page.agents).forEach(arrangeUnits);
  const engine = engineOf(page, bytesOf(page.blob.data)), stops = [], rest = async () => true;
  await findStops(engine, rest, (stop) => stops.push(stop));
  const seen = [];
  for (const stop of stops) {
    const { session, dropped, problem, agent } = await visitOf(stop.link, engine), { at } = session;
    const leaf = session.leaves(at)[0], ways = engine.ways(problem);
    for (const node of [session.root, at, ...session.leaves()]) await ways.search(node, rest);
    seen.push({
      title: stop.title, text: stop.text, dropped, agent, how: at.how.kind, ended: at.ended, right: !!leaf.success,
      tokens: tokensTo(leaf), own: tokensTo(session.leaves()[0]), best: ways.at(session.root).length,
      lost: !at.ended && ways.at(at).length === Infinity, value: at.agents[agent]?.value ?? null,
      luck: ways.luck(leaf) ?? null, branches: session.leaves().map((each) => [tokensTo(each), !!each.success]),
    });
  }
  return { seen, evidence: evidenceStops({ tour: [{ link: "#v=1", text: "remembers (holds): it is so." }] }) };
}
"""


def test_what_the_tour_says_is_so(page: dict[str, Any], tmp_path: Path) -> None:
    told = run(TOUR, page, tmp_path)
    optimum, error, luck, register, swap, failure = told["seen"]
    assert all(each["dropped"] == [] for each in told["seen"])
    assert (optimum["title"], optimum["right"]) == ("The optimum", True)
    assert len(optimum["tokens"]) == optimum["best"] == 7
    assert (error["how"], error["lost"], error["right"]) == ("token", True, False)
    assert "still expects 0.90" in error["text"]
    assert error["value"] == pytest.approx(0.9)
    assert luck["right"]
    assert 0 < luck["luck"] <= 100
    assert f"on {luck['luck']} of 200 other problems" in luck["text"]
    assert (register["how"], register["right"]) == ("register", False)
    assert register["tokens"] == register["own"], "the reciter reads nothing, so it cannot notice"
    assert "the same tokens as before, and is wrong" in register["text"]
    assert swap["how"] == "patch"
    assert [right for _, right in swap["branches"]] == [True, True, False], "a memory of another stage is misleading"
    assert swap["branches"][1][0] == swap["own"]
    assert "the same tokens as before, and is right. With its memory of a problem of" in swap["text"]
    assert "other tokens, and is wrong" in swap["text"]
    assert (failure["agent"], failure["ended"], failure["right"]) == ("Hasty", True, False)
    assert re.search(
        r"Hasty is right on \d+ of 36 problems\. Here it is wrong, and Reciter is right\.", failure["text"]
    )
    assert told["evidence"] == [{"title": "remembers (holds)", "text": "it is so.", "link": "#v=1", "evidence": True}]


COMPARE = """
async function main({ page }) {
  Object.values(page.agents).forEach(arrangeUnits);
  const engine = engineOf(page, bytesOf(page.blob.data)), id = (word) => page.vocabulary.indexOf(word);
  const problem = { kind: 2, cells: [[5, 2, 4, 4, 8]], seed: 1 };
  const desk = await deskOf(engine, problem, "Reciter"), { session } = desk;
  const end = await playOn(session, session.root, "Reciter", 1), edited = await session.setUnit(
    session.path(end)[2], "Reciter", "hidden", 1, 7);
  await session.advance(edited, id("ANS"));
  const size = session.size, lines = await comparable(desk), [right, short, , branch] = lines, ends = [];
  await whoIsRight(engine, 2, async () => true, (each, told) => ends.push([each, told]));
  const again = await playedAlone(engine, await engine.begin(taskFor(engine.page, ends[9][0])), "Hasty", 10);
  return {
    names: lines.map(({ name }) => name), untouched: session.size === size,
    differs: [firstDifference(right.tokens, short.tokens), firstDifference(right.tokens, right.tokens),
      firstDifference([1, 2], [1, 2, 3]), firstDifference([], [])],
    apart: distances(branch, right), other: apart(right.nodes[0].agents.Reciter.memory, { hidden: zeros("f", [1, 3]) }),
    nothing: apart(undefined, right.nodes[0].agents.Reciter.memory), ended: distances(short, right).length,
    counts: ["Reciter", "Hasty"].map((name) => ends.filter(([, told]) => told[name].success).length),
    same: again.success === ends[9][1].Hasty.success, problems: ends.length,
  };
}
"""


def test_programs_are_compared(page: dict[str, Any], tmp_path: Path) -> None:
    told = run(COMPARE, page, tmp_path)
    assert told["names"] == ["Reciter", "Hasty", "program", "branch 1"]
    assert told["untouched"], "to compare adds nothing to the session"
    assert told["differs"] == [3, None, 3, None]
    # The memory is two numbers, of which one was 2 and is 7 after the edit: the root of 25 / 2; then the end.
    assert told["apart"] == [0, 0, pytest.approx((25 / 2) ** 0.5), None]
    assert told["other"] is None
    assert told["nothing"] is None
    assert told["problems"] == 64
    right, hasty = told["counts"]
    assert right == 64
    assert 0 < hasty < 40, "the shortcut is right on a fifth of all problems"
    assert told["same"]


HAND = """
async function main({ page }) {
  Object.values(page.agents).forEach(arrangeUnits);
  const engine = engineOf(page, bytesOf(page.blob.data)), id = (word) => page.vocabulary.indexOf(word);
  const problem = { kind: 2, cells: [[5, 2, 4, 4, 8]], seed: 1 }, desk = await deskOf(engine, problem, "Reciter",
    undefined, true);
  const hidden = new Set(), score = scoreOf(desk, shownOn({ desk, hidden }));
  const offer = offered({ ...desk, agent: undefined }, desk.session.root).map(({ token }) => token);
  let node = desk.session.root;
  for (const word of "MUL ADD STO MUL RCL SUB ANS".split(" ")) node = await desk.session.advance(node, id(word));
  desk.tip = node;
  await desk.ways.search(desk.session.root, async () => true);
  const before = triedOn(desk);
  await desk.ways.search(node, async () => true);
  desk.hand.hints = true;
  desk.hand.ask = "Hasty";
  const asked = scoreOf(desk, shownOn({ desk, hidden }));
  const tried = (problem, right, more = {}) => (
    { problem, right, tokens: 3, best: 3, luck: null, helped: false, ...more });
  let tally = newTally();
  const streaks = [];
  for (const each of [tried("a", true), tried("b", true), tried("b", false), tried("c", true, { helped: true }),
    tried("d", true), tried("e", false), tried("f", true)]) {
    tally = counted(tally, each);
    streaks.push(tally.streak);
  }
  const asked_before = counted({ ...tally, asked: ["g"] }, tried("g", true));
  const complete = completed(tally, tried("f", true, { luck: 12 }));
  const agents = { ...desk, hand: null }, after = triedOn(desk);
  desk.tip = await playOn(desk.session, desk.session.root, "Hasty", 1);
  const wrong = triedOn(desk);
  return {
    wrong: [wrong.right, wrong.luck, tryText({ ...wrong, helped: false })],
    rows: { togo: score.togo, expects: score.expects, others: score.others.map(({ name }) => name) }, offer,
    shares: score.lines[0].chips.size, before, after, text: tryText(tried("f", true, { luck: 12 })),
    asked: { togo: asked.togo !== null, others: asked.others.map(({ name }) => name) },
    writers: [...asked.lines[0].chips.values()].map(({ writer, share }) => [writer, share]),
    again: [asked_before.streak, asked_before.tries.at(-1).helped],
    streaks, longest: tally.longest, tries: tally.tries.length, luck: complete.tries.map(({ luck }) => luck),
    bare: scoreOf(agents, shownOn({ desk: agents, hidden: new Set(["rivals", "togo"]) })).others.length,
    full: scoreOf(agents, shownOn({ desk: agents, hidden: new Set() })).others.length,
  };
}
"""


def test_a_person_writes_the_tokens(page: dict[str, Any], tmp_path: Path) -> None:
    told = run(HAND, page, tmp_path)
    assert told["rows"] == {"togo": None, "expects": None, "others": []}, "nothing is told that was not asked for"
    assert told["offer"] == sorted(told["offer"]), "in the order of the vocabulary, and without any agent"
    assert told["before"]["luck"] is None
    assert told["after"] == {
        "problem": "2,5,2,4,4,8",
        "right": True,
        "tokens": 7,
        "best": 7,
        "luck": 200,
        "helped": False,
    }
    assert told["wrong"] == [False, None, "wrong, 3 tokens, 7 at best"]
    assert told["text"] == "right, 3 tokens, 3 at best, luck: right on 12 of 200 others"
    assert told["asked"] == {"togo": True, "others": ["oracle", "Hasty", "shortcut"]}
    assert told["writers"] == [["agent", None]] * 7
    assert told["streaks"] == [1, 2, 2, 2, 3, 0, 1], "the second end of b counts nothing, nor the help on c"
    assert told["again"] == [1, True], "help counts although the problem was begun afresh"
    assert (told["longest"], told["tries"]) == (3, 6)
    assert told["luck"] == [None] * 5 + [12]
    assert (told["bare"], told["full"]) == (0, 3), "what the address hides is not shown"


KEYBOARD = """
const done = [];
let updates = [0, 10];
function updatesOf() { return updates; }
function moveWeights() { done.push("weights"); }
function hidePanel() { done.push("hide"); }
function help() { done.push("help"); }
function main() {
  const app = new Proxy({ screen: "step", keys: true, hidden: new Set() }, {
    get: (own, name) => own[name] ?? (name === "run" ? { toggle: () => done.push("run"), stop() {} }
      : name === "desk" ? { session: { at: { ended: true } } } : () => done.push(name)),
  });
  globalThis.document = { querySelector: () => null, activeElement: null };
  const press = (key, more = {}) => {
    done.length = 0;
    const [name, shift] = key.startsWith("Shift ") ? [key.slice(6), true] : [key, false];
    const target = { matches: () => false, ...more.target };
    onKey(app, { key: name, shiftKey: shift, preventDefault() {}, ...more, target });
    return [...done];
  };
  const all = KEYS.flatMap(({ keys }) => keys), field = { matches: (kinds) => kinds.includes("input") };
  const told = { rows: KEYS.map(({ shown, text }) => [shown, text]), keys: all.map((key) => [key, press(key)]) };
  const still = (more) => all.filter((key) => key !== "Escape" && press(key, more).length);
  told.ctrl = all.filter((key) => press(key, { ctrlKey: true }).length);
  told.field = still({ target: field });
  told.button = press(" ", { target: { matches: (kinds) => kinds === "button" } });
  updates = [];
  told.page = press("PageUp");
  app.keys = false;
  told.off = still({});
  return told;
}
"""


def test_each_key_of_the_help_does_something_and_the_documentation_has_the_same(tmp_path: Path) -> None:
    code = script(("score.js", "screens.js", "keys.js"))
    told = run_javascript(code + KEYBOARD, {}, tmp_path)
    assert [key for key, done in told["keys"] if not done] == []
    assert len({key for key, _ in told["keys"]}) == len(told["keys"]) > 30
    assert told["page"] == []  # the browser's own, where no earlier weights are kept
    assert told["ctrl"] == told["field"] == told["off"] == told["button"] == []
    text = (ROOT / "docs" / "playground.md").read_text(encoding="utf-8")
    table = text.split("\n## Keys\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    assert rows[2:] == told["rows"]
    hideable = re.findall(r'\["(\w+)", "[^"]+"\]', script(("screens.js",)))
    assert len(hideable) == 5
    assert all(f"`{name}`" in text for name in hideable)
