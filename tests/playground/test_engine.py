"""The page's engine: what it answers, and that nothing it was given is ever changed."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from inwit.core.distributions import choose
from inwit.core.seeding import stream
from inwit.core.types import Memory, Output
from inwit.playground.graphs import example
from inwit.playground.scripts import SESSION, STRICT, script
from javascript import needs_javascript, run_javascript
from parity import REPLAY, page_of
from support import make_world

STATIC = Path(__file__).parents[2] / "src" / "inwit" / "playground" / "static"

MAIN = """
function main({ page, task, scores }) {
  const engine = engineOf(page, bytesOf(page.blob.data));
  const given = task.map(([type, shape, values]) => tensorOf(type, shape, values));
  const copy = (value) => {
    if (ArrayBuffer.isView(value)) return value.slice();
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return value.map(copy);
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, copy(each)]));
  };
  const same = (a, b) => {
    if (a === null || typeof a !== "object") return Object.is(a, b);
    const names = Object.keys(a);
    return names.length === Object.keys(b).length && names.every((name) => same(a[name], b[name]));
  };
  const first = engine.begin(given), before = copy(first), asked = copy(given);
  const legal = [...first.legal.keys()].filter((token) => first.legal[token]);
  const after = legal.map((token) => engine.advance(first, token));
  const again = legal.map((token) => engine.advance(first, token));
  const { memory } = first.agents.one, heard = engine.read("one", memory);
  const edited = { ...memory, heard: { ...memory.heard, data: memory.heard.data.map((v) => v + 5) } };
  let end = first, steps = 0;
  while (!end.terminated && !end.truncated && steps++ < 50) {
    end = engine.advance(end, following(end, "one", page.masks));
  }
  let refused = null;
  try { engine.advance({ ...first, state: { ...first.state, steps: tensorOf("f", [1], [0]) } }, legal[0]); }
  catch (error) { refused = error.message; }
  return {
    kept: same(first, before) && same(given, asked), same: same(after, again),
    different: new Set(after.map((each) => JSON.stringify([...each.state.acc.data].map(String)))).size,
    read: same([...heard.logits], [...first.agents.one.logits]) && heard.value === first.agents.one.value,
    edited: engine.read("one", edited).value - heard.value,
    none: engine.read("other", first.agents.other.memory),
    reading: engine.reading("one", first.prompt).map((each) => each.value),
    end: [end.terminated || end.truncated, end.agents.one, end.forced],
    open: engine.page, refused,
    chosen: scores.map(([logits, mask]) => likeliest(logits.map((v) => v ?? NaN), mask)),
    shares: scores.map(([logits, mask]) => Array.from(probabilities(logits.map((v) => v ?? 0), mask))),
  };
}
"""


class Summing:
    """Its memory is the sum of all tokens that it read."""

    def begin(self, prompt: torch.Tensor, mask: torch.Tensor, stage: torch.Tensor) -> tuple[Output, Memory]:
        memory = {"heard": (prompt * mask).sum(1).float()}
        return self.read(memory), memory

    def step(self, token: torch.Tensor, memory: Memory) -> tuple[Output, Memory]:
        after = {"heard": memory["heard"] + token}
        return self.read(after), after

    def read(self, memory: Memory) -> Output:
        return Output(torch.sin(memory["heard"][:, None] * torch.arange(18)), memory["heard"])


class Silent:
    """Answers from nothing; it has no `read`."""

    def begin(self, prompt: torch.Tensor, mask: torch.Tensor, stage: torch.Tensor) -> tuple[Output, Memory]:
        return Output(torch.zeros(len(stage), 18), torch.zeros(len(stage))), {}

    def step(self, token: torch.Tensor, memory: Memory) -> tuple[Output, Memory]:
        return Output(torch.zeros(len(token), 18), torch.zeros(len(token))), memory


SCORES: list[tuple[list[float], list[bool]]] = [
    ([0.5, 2.0, 2.0, 1.0], [True, True, True, True]),
    ([0.5, 2.0, 2.0, 1.0], [True, False, False, True]),
    ([0.5, 2.0], [False, False]),
    ([-2e9, 5.0], [True, False]),
    ([0.5, float("nan"), 3.0], [True, True, True]),
    ([float("nan"), 0.5], [False, True]),
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    world = make_world("tutorial-v1")
    tasks = world.task({"stage": 1, "operands": [5, 2, 4, 4]})
    task = [
        [type_, list(t.shape), t.flatten().tolist()] for type_, t in (("i", tasks.kind), ("i", tasks.data["operands"]))
    ]
    page = page_of(world, {"one": Summing(), "other": Silent()})
    scores = [[[None if v != v else v for v in logits], mask] for logits, mask in SCORES]
    page |= {"kinds": list(world.kinds.names), "limit": world.known_limit}
    whole = script() + REPLAY.read_text(encoding="utf-8").replace("function main", "function replay") + MAIN
    return run_javascript(whole, {"page": page, "task": task, "scores": scores}, tmp_path_factory.mktemp("engine"))


@needs_javascript
def test_a_position_stays_as_it_was_whatever_follows(told: dict[str, Any]) -> None:
    assert told["kept"]
    assert told["same"]
    assert told["different"] == 3, "MUL, ADD and SUB of 5 and 2."


@needs_javascript
def test_a_memory_answers_where_the_policy_can(told: dict[str, Any]) -> None:
    assert told["read"]
    assert told["edited"] == 5
    assert told["none"] is None


@needs_javascript
def test_a_prompt_is_read_token_by_token(told: dict[str, Any]) -> None:
    world = make_world("tutorial-v1")
    prompt, mask = world.prompt(world.task({"stage": 1, "operands": [5, 2, 4, 4]}))
    tokens = prompt[mask].tolist()
    assert told["reading"] == list(itertools.accumulate(tokens))


@needs_javascript
def test_an_episode_ends_without_answers(told: dict[str, Any]) -> None:
    over, answer, forced = told["end"]
    assert over
    assert answer is None
    assert forced >= 0, "What a world writes after its end."
    assert list(told["open"]["agents"]) == ["one", "other"]
    assert told["open"]["draws"] is False


@needs_javascript
def test_what_does_not_fit_is_refused(told: dict[str, Any]) -> None:
    assert "input 11 of a graph is f1, not i1" in told["refused"]


@needs_javascript
def test_the_likeliest_token_is_the_one_that_python_takes(told: dict[str, Any]) -> None:
    for (logits, mask), chosen, shares in zip(SCORES, told["chosen"], told["shares"], strict=True):
        scores, legal = torch.tensor([logits]), torch.tensor([mask])
        assert chosen == int(choose(scores, legal, None))
        if any(mask) and not any(value != value for value in logits):
            expected = torch.softmax(scores.double().masked_fill(~legal, float("-inf")), 1)[0]
            assert shares == pytest.approx(expected.tolist())


def test_the_files_are_short_and_the_scripts_know_them_all() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in STATIC.glob("*.js")}
    assert set(SESSION) <= set(files)
    for name, text in files.items():
        lines = text.splitlines()
        assert len(lines) <= 300, f"{name} has {len(lines)} lines."
        long = [number for number, line in enumerate(lines, 1) if len(line) > 120]
        assert not long, f"{name}: these lines are longer than 120 characters: {long}"
        assert text.startswith(STRICT)
        assert "</script" not in text, f"{name} would end the page's script."
    assert script().count(STRICT) == 1


def test_tasks_of_a_world_that_draws_are_traced_undrawn() -> None:
    tasks = example(make_world("lookup-v0"), 3)
    assert "goal" not in tasks.data
    assert bool((tasks.data["table"] < 0).all())
    assert len(tasks) == 3
    assert len(example(make_world("calculator-v0"))) == 1
    assert stream(0, "graphs").initial_seed() == stream(0, "graphs").initial_seed()
