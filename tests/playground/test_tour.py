"""What the evidence did to an agent opens in its page: the same episode, with nothing left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examined import agent
from inwit.core.claims import Claim, Evidence
from inwit.evidence.battery import examine
from inwit.playground.graphs import on_cpu
from inwit.playground.links import cells, has_memory_of, link, token
from inwit.playground.page import described
from inwit.playground.scripts import SESSION, script
from inwit.playground.tour import tour
from inwit.training.config import resolve
from inwit.training.loop import loop, prepare
from javascript import needs_javascript, run_javascript
from parity import REPLAY
from support import make_world

MAIN = """
async function main({ page, links }) {
  const engine = engineOf(page, bytesOf(page.blob.data)), told = [];
  for (const link of links) {
    const { session, dropped } = await sessionFrom(link, engine), leaf = session.leaves().at(-1);
    const same = linkOf(session, engine.page);
    const end = leaf.ended ? leaf : await playOn(session, leaf, Object.keys(page.agents)[0], 1);
    const written = session.path(end).filter(({ how }) => how.kind === "token");
    const words = written.map(({ how }) => page.vocabulary[how.token]);
    told.push({ dropped, words, at: session.path(session.at).length - 1, right: end.success,
      hows: session.path(session.at).map(({ how }) => how.kind), same });
  }
  return told;
}
"""


def opened(page: dict[str, Any], links: list[str], folder: Path) -> list[dict[str, Any]]:
    helpers = REPLAY.read_text(encoding="utf-8").replace("function main", "function replay")
    return run_javascript(script(SESSION) + helpers + MAIN, {"page": page, "links": links}, folder)


@needs_javascript
@pytest.mark.slow
def test_a_derailed_episode_of_the_evidence_opens_as_the_evidence_tells_it(tmp_path: Path) -> None:
    small = {"max_operators": 2}
    parts = prepare(resolve("calculator", policy={"width": 32}, world=small, training={"max_updates": 60}))
    for _ in loop(parts):
        pass
    examined = replace(parts.agent, path=tmp_path)
    others = [Claim(name, untestable="not asked") for name in ("remembers", "looks ahead")]
    evidence = Evidence(examined.world.id, ["one"], others).joined(examine(examined, only=["re-plans"]))
    assert evidence.derailed is not None
    (tmp_path / "evidence.json").write_text(json.dumps(evidence.to_dict()), encoding="utf-8")
    page = described([examined], lambda _: None)
    [name] = page["agents"]
    sessions = page["tour"]
    assert sessions == tour(examined, on_cpu(examined.policy), name)
    claims = [each["text"].split(" (")[0] for each in sessions]
    assert claims == ["re-plans", "remembers", "looks ahead"]
    verdicts = {claim.claim: claim.verdict for claim in evidence.claims}
    assert all(f"({verdicts[claim]}): " in each["text"] for claim, each in zip(claims, sessions, strict=True))
    told = opened(page, [each["link"] for each in sessions], tmp_path)
    assert all(each["dropped"] == [] for each in told)
    derailed, rebuilt, exchanged = told
    assert derailed["words"] == evidence.derailed["wrote"]
    assert derailed["at"] == evidence.derailed["at"] + 1
    assert not derailed["right"] or len(derailed["words"]) > len(evidence.derailed["own"])
    assert rebuilt["hows"][-2:] == ["memory", "token"]
    assert exchanged["hows"] == ["start", "patch"]


@needs_javascript
def test_pythons_link_is_the_pages(tmp_path: Path) -> None:
    """A name with signs that part a link, and negative numbers."""
    world = make_world("calculator-v0", max_operators=2)
    task = world.task({"expression": "(a+b)*c", "operands": [2, 3, 4]})
    page = described([replace(agent(max_operators=2), path=None)], lambda _: None)
    [name] = page["agents"]
    steps = [token(world, number) for number in world.vocabulary.ids(["LOAD", "a", "ADD", "b"])]
    address = link(world, task, [steps[:2], [has_memory_of(name, task), *steps]], name, 3)
    [told] = opened(page, [address], tmp_path)
    assert told["dropped"] == []
    assert told["hows"] == ["start", "patch", "token", "token"]
    assert address.startswith(f"{told['same']}&a=")
    assert cells(task)[0] == int(task.kind)


def test_an_agent_without_evidence_has_none(tmp_path: Path) -> None:
    examined = agent(max_operators=2)
    assert tour(replace(examined, path=None), examined.policy, "gru") == []
    (tmp_path / "evidence.json").write_text("{", encoding="utf-8")
    assert tour(replace(examined, path=tmp_path), examined.policy, "gru") == []
