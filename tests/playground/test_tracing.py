"""What a tracing must not lose, and what it refuses: by name, with the line or the operator, and the way out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.types import Memory, Output
from inwit.playground.blob import Blob
from inwit.playground.graphs import agent_graphs, example, policy_graphs, world_graphs
from inwit.playground.scripts import script
from inwit.playground.tracing import trace
from inwit.scripts.script import Scripted
from javascript import needs_javascript, run_javascript
from parity import operators_of
from support import make_world

REPLAY = Path(__file__).parents[1] / "helpers" / "parity.js"
MAIN = """
function main({ blob, graph, calls }) {
  const constants = constantsOf(blob, bytesOf(blob.data)), run = compile(graph, constants), judged = judge();
  calls.forEach(([given, expected], call) => {
    const made = run(given.map((number) => constants[number]));
    expected.forEach((number, k) => judged.same(`call ${call}`, `result ${k}`, made[k].data, constants[number]));
  });
  return judged.told();
}
"""

Function = Callable[..., Sequence[Tensor]]


def in_the_page(graph: Any, blob: Blob, function: Function, calls: list[list[Tensor]], folder: Path) -> dict[str, Any]:
    """What differs between a graph and its function, called with these inputs."""
    compared = [[[blob.add(each) for each in given], [blob.add(each) for each in function(*given)]] for given in calls]
    packed = blob.to_json(base64.b64encode(blob.data).decode())
    whole = script() + REPLAY.read_text(encoding="utf-8").replace("function main", "function replay") + MAIN
    return run_javascript(whole, {"blob": packed, "graph": graph, "calls": compared}, folder)


@needs_javascript
def test_one_tensor_that_is_given_twice_is_two_inputs(tmp_path: Path) -> None:
    """Worlds share their zeros between registers."""

    def function(a: Tensor, b: Tensor) -> list[Tensor]:
        return [a - 2 * b, a]

    zero, blob = torch.zeros(1), Blob()
    graph = trace("f", function, [zero, zero], blob)
    assert len(graph["inputs"]) == 2
    told = in_the_page(graph, blob, function, [[torch.tensor([5.0]), torch.tensor([3.0])]], tmp_path)
    assert told["wrong"] == {}, told["first"]


@needs_javascript
def test_a_memory_that_grows_needs_one_graph(tmp_path: Path) -> None:
    """Whatever its length. It starts with nothing, where PyTorch would take its length for fixed."""

    def function(token: Tensor, heard: Tensor) -> list[Tensor]:
        heard = torch.cat([heard, token[:, None]], 1)
        places = torch.arange(1, heard.shape[1] + 1)  # depends on the length alone, as its sum does
        return [heard, (heard * places).sum(1), heard.double().softmax(1), token + places.sum()]

    blob = Blob()
    graph = trace("f", function, [torch.tensor([1]), torch.tensor([[4, 2, 3]])], blob, growing={1: [1]})
    assert graph["inputs"] == ["i1", "i1,n"]
    lengths = (0, 1, 2, 3, 9)
    calls = [[torch.tensor([7]), torch.arange(length)[None] + 3] for length in lengths]
    told = in_the_page(graph, blob, function, calls, tmp_path)
    assert told["wrong"] == {}, told["first"]


def test_the_numbers_that_json_has_not() -> None:
    def function(a: Tensor) -> list[Tensor]:
        return [a.masked_fill(a > 2, float("-inf")), a.long() * 2**60, a.clamp(max=float("inf"))]

    text = json.dumps(trace("f", function, [torch.tensor([1.0, 3.0])], Blob()), allow_nan=False)
    assert '"-Infinity"' in text
    assert str(2**60) in text


class Lazy:
    """Makes its table when it is first asked for: inside a tracing that would be a tensor without values."""

    def __init__(self) -> None:
        self.table: Tensor | None = None

    def __call__(self, place: Tensor) -> list[Tensor]:
        if self.table is None:
            self.table = torch.tensor([3, 1, 2])
        return [self.table[place]]


def test_tables_that_are_made_when_first_asked_for() -> None:
    lazy, blob = Lazy(), Blob()
    trace("f", lazy, [torch.tensor([1])], blob)
    assert type(lazy.table) is Tensor
    assert lazy.table.tolist() == [3, 1, 2]
    assert [entry[:3] for entry in blob.tensors] == [["i", [3], "c"]]


def test_constants_are_kept_once_and_as_narrow_as_they_are() -> None:
    blob = Blob()
    numbers = [blob.add(torch.tensor(values)) for values in ([1, -128], [1, 300], [1, 2**20], [1, 2**40], [1, -128])]
    assert numbers == [0, 1, 2, 3, 0]
    assert [entry[2] for entry in blob.tensors] == ["c", "h", "w", "i"]
    assert len(blob.data) == 8 + 8 + 8 + 16
    assert blob.add(torch.ones(2, dtype=torch.bfloat16)) == blob.add(torch.ones(2)), "A page has no half precision."


class Policy:
    """Reads nothing, and remembers what a test wants."""

    def begin(self, prompt: Tensor, prompt_mask: Tensor, stage: Tensor) -> tuple[Output, Memory]:
        return self.answer(stage), {"a": torch.zeros(len(stage), 3), "b": torch.ones(len(stage), 2)}

    def step(self, token: Tensor, memory: Memory) -> tuple[Output, Memory]:
        return self.answer(token), {"b": memory["b"] + 1, "a": memory["a"] - 1}

    def answer(self, token: Tensor) -> Output:
        logits = torch.nn.functional.one_hot(token, 18).float()
        return Output(logits, logits.sum(1))


PROMPT = torch.tensor([[1, 2]]), torch.tensor([[True, True]]), torch.tensor([0])


@needs_javascript
def test_the_order_of_a_memory_is_that_of_begin(tmp_path: Path) -> None:
    """A policy may name its tensors in another order in `step`."""
    policy, blob = Policy(), Blob()
    graphs = policy_graphs("mine", policy, PROMPT, blob)
    assert graphs["memory"] == ["a", "b"]
    assert "read" not in graphs

    def step(token: Tensor, a: Tensor, b: Tensor) -> list[Tensor]:
        output, memory = policy.step(token, {"a": a, "b": b})
        return [output.logits, output.value, memory["a"], memory["b"]]

    given = [torch.tensor([3]), torch.randn(1, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 2)]
    told = in_the_page(graphs["step"], blob, step, [given], tmp_path)
    assert told["wrong"] == {}, told["first"]


class Forgetful(Policy):
    def step(self, token: Tensor, memory: Memory) -> tuple[Output, Memory]:
        return self.answer(token), {"a": memory["a"]}


class Flattening(Policy):
    def step(self, token: Tensor, memory: Memory) -> tuple[Output, Memory]:
        return self.answer(token), memory | {"a": memory["a"][0]}


class Deciding(Policy):
    def step(self, token: Tensor, memory: Memory) -> tuple[Output, Memory]:
        if bool(memory["a"].sum() > 0):
            return self.answer(token), memory
        return self.answer(token + 1), memory


class Inverting(Policy):
    def step(self, token: Tensor, memory: Memory) -> tuple[Output, Memory]:
        return self.answer(token), memory | {"a": torch.linalg.qr(torch.eye(3))[0][:1] * memory["a"]}


class Counting:
    """A script: how many tokens there were."""

    def begin(self, prompt: tuple[int, ...], stage: int) -> int:
        return 0

    def write(self, state: int) -> int:
        return state % 2

    def read(self, state: int, token: int) -> int:
        return state + 1


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        (Forgetful(), "step's memory has the tensors a, not a, b"),
        (Flattening(), "changes its rank or type"),
        (Deciding(), r"PyTorch cannot trace test_tracing.py:\d+ \(if bool\(memory"),
        (Inverting(), "does not know the operator aten.linalg_qr"),
        (Scripted(Counting(), 18), r"PyTorch cannot trace script.py:\d+"),
    ],
)
def test_a_policy_that_cannot_be_traced_is_named_with_the_way_out(policy: Any, names: str) -> None:
    with pytest.raises(
        UserError, match=f"the policy mine.*{names}.*inwit playground shows it, computed by Python"
    ) as refused:
        policy_graphs("mine", policy, PROMPT, Blob())
    assert "\n" not in str(refused.value)


def test_a_world_that_cannot_be_traced_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world("tutorial-v1")
    legal = type(world).legal
    monkeypatch.setattr(type(world), "legal", lambda self, state: legal(self, state)[: int(state["steps"].max()) + 1])
    with pytest.raises(UserError, match=r"the world tutorial-v1 \(legal, forced\) cannot become a graph of a page"):
        world_graphs(world, example(world), Blob())


def test_an_agent_without_a_training_is_named_by_its_class() -> None:
    world = make_world("tutorial-v1")
    graphs = agent_graphs(Agent(world, Policy()), Blob())
    assert operators_of(graphs)
    with pytest.raises(UserError, match="the policy counting"):
        agent_graphs(Agent(world, Scripted(Counting(), 18), script="counting"), Blob())
