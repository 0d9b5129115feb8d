"""Sessions: whatever is done, no earlier position changes; and a link is the session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from inwit.core.seeding import stream
from inwit.playground.graphs import example
from inwit.playground.scripts import SESSION, script
from javascript import needs_javascript, run_javascript
from parity import REPLAY, page_of
from support import make_world, small_policy

pytestmark = needs_javascript

SEQUENCES, EVENTS = 40, 25
MAIN = """
const print = (node) => JSON.stringify(node, (name, value) => {
  if (name === "parent") return value?.id;
  return ArrayBuffer.isView(value) ? [...value].map(String) : value;
});

/** One random event; the numbers choose among what is possible. */
async function happen(session, { page }, [event, x, y, z]) {
  const at = session.at, pick = (list, n) => list[n % list.length], names = Object.keys(page.agents);
  const allowed = session.allowed(at), nodes = session.leaves().flatMap((leaf) => session.path(leaf));
  if (event < 4 && allowed.length) return session.go(await session.advance(at, pick(allowed, x)));
  if (event === 4) return session.go(await session.run(at, pick(names, x)));
  if (event === 5) return session.go(pick(nodes, x));
  if (event === 6) return session.undo();
  if (event === 7) return session.redo();
  if (event === 8 && at !== session.root && x % 3 === 0) return session.remove(at);
  if (at.ended) return null;
  const name = pick(names, x), { memory } = at.agents[name];
  const tensors = Object.keys(memory).filter((tensor) => memory[tensor].type === "f");
  if (event === 9) return session.go(await session.setMemory(at, name, y % session.path(at).length));
  if (event === 10) {
    const other = [...session.task].flatMap((tensor) => [...tensor.data].map(Number));
    return session.go(await session.patch(at, name, other, z).catch(() => at)); // it may have ended there by then
  }
  if (event === 11) {
    const index = y % page.registers.length, { least, most, optional } = page.registers[index] ?? {};
    const value = optional && !(z % 3) ? null : Math.min(Math.max(least, z % 20), most);
    return page.writable ? session.go(await session.setRegister(at, index, value)) : null;
  }
  const tensor = pick(tensors, y), size = memory[tensor].data.length;
  return session.go(await session.setUnit(at, name, tensor, z % 3 ? z % size : null, (y - 500) / 250));
}

async function main({ page, tasks, sequences }) {
  const engine = engineOf(page, bytesOf(page.blob.data));
  const told = { changed: [], other: [], dropped: [], nodes: 0, edits: 0 };
  for (const [number, events] of sequences.entries()) {
    const task = tasks[number % tasks.length].map(([type, shape, values]) => tensorOf(type, shape, values));
    const session = await sessionOf(engine, task), seen = new Map();
    for (const event of events) {
      await happen(session, engine, event);
      for (const node of session.leaves().flatMap((leaf) => session.path(leaf))) {
        const now = print(node);
        if (seen.has(node) && seen.get(node) !== now) told.changed.push([number, node.id]);
        seen.set(node, now);
      }
    }
    const link = linkOf(session, engine.page), { session: again, dropped } = await sessionFrom(link, engine);
    told.dropped.push(...dropped);
    if (linkOf(again, engine.page) !== link) told.other.push([link, linkOf(again, engine.page)]);
    const bare = (node) => print({ ...node, id: 0, parent: null });
    const plain = (each) => each.leaves().map((leaf) => each.path(leaf).map(bare));
    if (JSON.stringify(plain(again)) !== JSON.stringify(plain(session))) told.other.push([link, "positions"]);
    told.nodes += seen.size;
    told.edits += [...seen.keys()].filter((node) => node.edited).length;
    told.link = link.length > (told.link ?? "").length ? link : told.link;
  }
  return told;
}
"""
TOLD = """
async function main({ page, tasks, links }) {
  const engine = engineOf(page, bytesOf(page.blob.data)), answers = [];
  const session = await sessionOf(engine, tasks[0].map(([type, shape, values]) => tensorOf(type, shape, values)));
  const refused = async (promise) => { try { await promise; return null; } catch (error) { return error.message; } };
  for (const link of links) {
    answers.push(await sessionFrom(link, engine).then(
      ({ session: made, dropped }) => ({ link: linkOf(made, engine.page), dropped }),
      (error) => ({ error: error.message }),
    ));
  }
  const end = await session.run(session.root, "gru"), ours = session.path(end).map((node) => session.writers(node));
  return {
    answers, ours,
    illegal: await refused(session.advance(session.root, 0)), over: await refused(session.advance(end, 11)),
    nobody: await refused(session.setUnit(session.root, "you", "hidden", 0, 1)),
    unit: await refused(session.setUnit(session.root, "gru", "hidden", 99, 1)),
    none: await refused(session.setUnit(session.root, "gru", "hidden", 0, NaN)),
    frozen: await refused((async () => { session.root.ended = true; })()),
  };
}
"""


NUDGED = """
async function main({ page, tasks }) {
  const engine = engineOf(page, bytesOf(page.blob.data));
  const session = await sessionOf(engine, tasks[0].map(([type, shape, values]) => tensorOf(type, shape, values)));
  const how = (value) => ({ kind: "unit", agent: "gru", tensor: "hidden", unit: 1, value }), counts = [];
  const put = async (change) => {
    session.go(await session.edited(session.at, change));
    counts.push(session.leaves().length);
  };
  await session.run(session.root, "gru");
  for (const value of [0.1, 0.2, 0.3]) await put(how(value));
  await put({ ...how(0.3), unit: 2 });
  const [edit] = session.leaves(session.at), first = session.allowed(edit)[0];
  session.go(await session.advance(edit, first));
  session.go(edit);
  await put({ ...how(0.4), unit: 2 });
  const undone = session.undo() === edit;
  return { counts, undone, values: session.path(session.leaves()[1]).map(({ how: { value } }) => value ?? null) };
}
"""


def page_and_tasks(world_id: str, policies: list[str], **settings: Any) -> tuple[dict[str, Any], list[Any]]:
    world = make_world(world_id, **settings)
    page = page_of(world, {name: small_policy(name, world) for name in policies})
    page |= {"id": world.id, "kinds": list(world.kinds.names)}
    types = [signature[0] for signature in page["world"]["open"]["inputs"]]
    tasks = [world.sample(torch.tensor([kind]), stream(kind, "s")) for kind in range(3)]
    if "chance" in world.capabilities:
        tasks = [example(world)]
    rows = [[each.kind, *(each.data[name] for name in page["world"]["data"])] for each in tasks]
    return page, [
        [[type_, list(t.shape), t.flatten().tolist()] for type_, t in zip(types, row, strict=True)] for row in rows
    ]


def run(main: str, data: dict[str, Any], folder: Path) -> Any:
    helpers = REPLAY.read_text(encoding="utf-8").replace("function main", "function replay")
    return run_javascript(script(SESSION) + helpers + main, data, folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world_id", "policies"),
    [("tutorial-v1", ["gru", "bag_gru"]), ("lookup-v0", ["transformer", "gru"])],
)
def test_whatever_is_done_nodes_stay_and_a_link_is_the_session(
    world_id: str, policies: list[str], tmp_path: Path
) -> None:
    page, tasks = page_and_tasks(world_id, policies)
    draws = stream(0, "events")
    limits = torch.tensor([13, 1000, 1000, 1000])
    events = (torch.rand(SEQUENCES, EVENTS, 4, generator=draws) * limits).long().tolist()
    told = run(MAIN, {"page": page, "tasks": tasks, "sequences": events}, tmp_path)
    assert told["changed"] == []
    assert told["other"] == []
    assert told["dropped"] == []
    assert told["nodes"] > 10 * SEQUENCES
    assert told["edits"] > SEQUENCES
    assert "~" in told["link"]


def test_what_a_session_refuses_and_what_a_link_drops(tmp_path: Path) -> None:
    page, tasks = page_and_tasks("tutorial-v1", ["gru"])
    good = "#v=1&w=tutorial-v1&k=1&p=5.2.4.4.0&t=MUL.ADD.~gru:hidden:7=0_5.SUB&t=ADD.~gru!0&at=1.1"
    links = [
        good,
        good.replace("ADD.~", "PLUS.~", 1),
        good.replace("hidden:7", "hidden:700"),
        good.replace("hidden:7", "hiden:7"),
        good.replace("v=1", "v=2"),
        good.replace("tutorial-v1", "calculator-v0"),
        good.replace("5.2.4.4.0", "5.2.4.4"),
        good.replace("k=1", "k=9"),
        good.replace("hidden", "%ZZ"),
        "#v=1",
    ]
    told = run(TOLD, {"page": page, "tasks": tasks, "links": links}, tmp_path)
    first, plus, unit, tensor, *others = told["answers"]
    assert tensor["dropped"] == ["~gru:hiden:7=0_5: hiden has no units"]
    assert first == {"link": good, "dropped": []}
    assert plus["link"] == good.replace(".ADD.~gru:hidden:7=0_5.SUB", "")
    assert plus["dropped"] == ["PLUS: PLUS is no step"]
    assert unit["dropped"] == ["~gru:hidden:700=0_5: no unit 700 of hidden"]
    assert "another version" in others[0]["error"]
    assert "of calculator-v0, not of tutorial-v1" in others[1]["error"]
    assert all("no problem of this world" in each["error"] for each in others[2:4])
    assert others[4]["dropped"] == ["~gru:%ZZ:7=0_5: ~gru:%ZZ:7=0_5 is no step"]
    assert "not of tutorial-v1" in others[5]["error"]
    assert told["ours"] == [[], *[["gru"]] * (len(told["ours"]) - 1)]
    assert "may not be written" in told["illegal"]
    assert "may not be written" in told["over"]
    assert told["nobody"] == "no agent is called you"
    assert told["unit"] == "no unit 99 of hidden"
    assert told["none"] == "a unit takes a finite number"
    assert "read only" in told["frozen"] or "read-only" in told["frozen"]


def test_a_slider_that_is_moved_makes_one_branch(tmp_path: Path) -> None:
    page, tasks = page_and_tasks("tutorial-v1", ["gru"])
    told = run(NUDGED, {"page": page, "tasks": tasks}, tmp_path)
    assert told["counts"] == [2, 2, 2, 2, 3], "the last of the same unit stays, until somebody has gone on from there"
    assert told["undone"], "what somebody has gone on from is kept"
    assert told["values"][:3] == [None, 0.3, 0.3]
