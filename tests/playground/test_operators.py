"""Each operator of the page against PyTorch's own, called with the same arguments."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from inwit.core.seeding import stream
from inwit.playground.blob import LETTERS, Blob
from inwit.playground.operators import OPERATORS
from inwit.playground.scripts import script
from javascript import needs_javascript, run_javascript

pytestmark = needs_javascript

REPLAY = Path(__file__).parents[1] / "helpers" / "parity.js"
ATEN: Any = torch.ops.aten

A, B = torch.randn(2, 2, 3, generator=stream(0, "operators")).unbind(0)  # Float[2, 3] each
ROW, CUBE = torch.tensor([0.5, -2.0, 3.5]), torch.randn(2, 2, 3, generator=stream(1, "operators"))
POSITIVE = A.abs() + 0.1
N, M = torch.tensor([[7, -7, 3], [0, 5, -1]]), torch.tensor([[2, 2, -2], [3, -3, 5]])
LARGE = torch.tensor([2**40 + 3, -(2**35), 2**62])
YES, NO = torch.tensor([True, False, True]), torch.tensor([False, False, True])
SMALL = torch.tensor([100, -100, 27], dtype=torch.int8)
HALVES = torch.tensor([0.5, 1.5, -0.5, -1.5, 2.4, -2.6])
ODD = torch.tensor([float("nan"), float("inf"), float("-inf"), 0.0])
PLACES, ROWS = torch.tensor([[2, 0, 1]]), torch.tensor([1, 0, 1])

# Operator, arguments, options; an overload where several would fit.
CASES: list[tuple[Any, ...]] = [
    *[(name, A, B) for name in ("add", "sub", "mul", "div", "maximum", "minimum", "remainder", "fmod", "rsub")],
    *[(name, N, M) for name in ("add", "sub", "mul", "div", "maximum", "floor_divide", "remainder", "fmod", "rsub")],
    *[(f"{name}.Scalar", A, 0.25) for name in ("add", "sub", "mul", "div", "remainder", "eq", "ge", "rsub")],
    *[(name, N, M) for name in ("eq", "ne", "lt", "le", "gt", "ge", "bitwise_and", "bitwise_or", "bitwise_xor")],
    *[(name, YES, NO) for name in ("logical_and", "logical_or", "logical_xor", "bitwise_and", "add", "mul", "eq")],
    *[(name, N, ROW) for name in ("add", "mul", "lt", "minimum")],
    *[(f"{name}.Scalar", N, 3) for name in ("ne", "lt", "le", "gt", "bitwise_and")],
    ("add", A, B, {"alpha": 2}),
    ("sub", N, M, {"alpha": 3}),
    ("rsub", N, M, {"alpha": 3}),
    ("add.Scalar", N, 1.5),
    ("mul", LARGE, LARGE),
    ("mul", LARGE.int(), LARGE.int() + 2**30),
    ("mul", SMALL, SMALL),
    ("add", SMALL, SMALL),
    ("div.Tensor_mode", N, M, {"rounding_mode": "floor"}),
    ("div.Tensor_mode", N, M, {"rounding_mode": "trunc"}),
    ("div.Tensor_mode", A, B, {"rounding_mode": "floor"}),
    ("pow.Tensor_Scalar", A, 2),
    ("pow.Tensor_Scalar", N, 3),
    ("pow.Tensor_Tensor", POSITIVE, B),
    *[(name, A) for name in ("neg", "abs", "sign", "exp", "tanh", "sigmoid", "relu", "sin", "cos", "erf", "gelu")],
    *[(name, POSITIVE) for name in ("log", "log1p", "sqrt", "rsqrt", "reciprocal")],
    *[(name, HALVES) for name in ("round", "floor", "ceil", "trunc")],
    *[(name, N) for name in ("neg", "abs", "sign", "bitwise_not", "logical_not", "relu", "sqrt", "exp")],
    *[(name, YES) for name in ("bitwise_not", "logical_not")],
    *[(name, ODD) for name in ("isnan", "isinf", "abs", "eq")[:3]],
    ("erf", torch.linspace(-7, 7, 40)),
    ("gelu", A, {"approximate": "tanh"}),
    ("clamp", A, -0.5, 0.5),
    ("clamp", N, None, 2),
    ("clamp.Tensor", A, ROW - 3, ROW),
    ("clamp_min", N, 1),
    ("clamp_max", A, 0.1),
    ("where.self", YES, A, B),
    ("where.ScalarOther", YES, N, 0),
    *[(name, A) for name in ("clone", "detach", "alias", "lift_fresh_copy")],
    ("view", A, [3, 2]),
    ("unsqueeze", A, 1),
    ("squeeze.dims", PLACES, [0]),
    ("expand", ROW, [2, 2, 3]),
    *[("_to_copy", A, {"dtype": dtype}) for dtype in (torch.float64, torch.int64, torch.bool)],
    *[("_to_copy", each, {"dtype": torch.float32}) for each in (N, YES, SMALL)],
    ("copy", torch.zeros(2, 3), N),
    ("slice.Tensor", CUBE, 2, -2, 9223372036854775807),
    ("slice.Tensor", N, 1, 0, 3, 2),
    ("select.int", CUBE, -1, 1),
    ("slice_scatter", A, B[:, :2], 1, 1),
    ("select_scatter", CUBE, A, 1, -1),
    ("split_with_sizes", CUBE, [1, 2], 2),
    ("split_with_sizes", CUBE, [2], 0),
    ("permute", CUBE, [2, 0, 1]),
    ("transpose.int", CUBE, 0, -1),
    ("flip", CUBE, [0, 2]),
    ("repeat", A, [2, 1, 2]),
    ("cat", [A, B, torch.zeros(2, 0)], 1),
    ("cat", [N, A], 0),
    ("constant_pad_nd", A, [1, 0, 0, 2], float("-inf")),
    ("full", [2, 2], 7),
    ("full", [2], 2**60),
    *[(name, A, 2.5) for name in ("full_like",)],
    *[(name, N) for name in ("zeros_like", "ones_like")],
    *[(name, [2]) for name in ("zeros", "ones")],
    ("scalar_tensor", float("-inf")),
    ("arange.start_step", 2, 11, 3),
    ("arange", 4),
    ("index_select", CUBE, 1, ROWS),
    ("embedding", A, ROWS),
    ("gather", CUBE, 1, torch.tensor([[[1, 0, 1]], [[0, 0, 1]]])),
    ("scatter.src", A, 1, PLACES, B),
    ("scatter.value", N, 0, torch.tensor([[1, 0, 1]]), 9),
    ("scatter_add", N, 1, torch.tensor([[0, 0, 1], [2, 2, 2]]), M),
    ("index.Tensor", A, [ROWS]),
    ("index.Tensor", CUBE, [None, ROWS, torch.tensor([-1, 0, 1])]),
    ("index.Tensor", CUBE, [ROWS[:, None], PLACES % 2]),
    ("index_put", A, [ROWS[:2]], torch.zeros(3)),
    ("index_put", N, [None, ROWS], torch.tensor(1), True),
    *[(f"{name}.dim_IntList" if name == "sum" else f"{name}.dim", A, [1]) for name in ("sum", "mean")],
    *[("sum.dim_IntList", each, [0], True) for each in (N, YES, A)],
    *[(name, A) for name in ("sum", "mean", "amax", "amin", "prod", "argmax", "argmin", "max", "min")],
    *[(f"{name}.dim", CUBE, 1) for name in ("max", "min")],
    *[(f"{name}.dim", N, 1) for name in ("any", "all")],
    *[(name, CUBE, [0, 2]) for name in ("amax", "amin")],
    *[(name, N, [1]) for name in ("amax", "amin")],
    *[(name, torch.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 1.0]]), 1) for name in ("argmax", "argmin")],
    ("prod.dim_int", N, 1),
    ("any", NO),
    ("all", NO),
    ("cumsum", A, 1),
    ("cumsum", YES, 0),
    ("_softmax", A, 1, False),
    ("_log_softmax", CUBE, -1, False),
    ("mm", A, B.t().contiguous()),
    ("mm", N, M.t().contiguous()),
    ("bmm", CUBE, CUBE.transpose(1, 2).contiguous()),
    ("addmm", ROW, A[:, :2], A, {"beta": 2, "alpha": 0.5}),
    ("native_layer_norm", CUBE, [3], ROW, None, 1e-5),
]
UNTRIED = {"getitem", "empty"}  # a part of a result, which every traced graph shows; and what has no values to compare

MAIN = """
function main({ blob, graphs }) {
  const constants = constantsOf(blob, bytesOf(blob.data)), judged = judge();
  for (const [name, graph, expected] of graphs) {
    const made = compile(graph, constants)([]);
    expected.forEach((number, k) => {
      const theirs = constants[number];
      if (signatureOf(made[k]) !== signatureOf(theirs)) judged.miss(name, k, signatureOf(made[k]));
      judged.same(name, `result ${k}`, made[k].data, theirs);
    });
  }
  return { ...judged.told(), operators: [...Object.keys(OPERATORS), "getitem"] };
}
"""


def called(name: str, *given: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """What PyTorch gives, and the arguments and options of the call."""
    options = given[-1] if isinstance(given[-1], dict) else {}
    arguments = given[:-1] if options else given
    operator, _, overload = name.partition(".")
    packet = getattr(ATEN, operator)
    return (getattr(packet, overload) if overload else packet)(*arguments, **options), arguments, options


def graph_of(name: str, given: tuple[Any, ...], blob: Blob) -> tuple[dict[str, Any], list[int]]:
    """A graph of one call, and the numbers of what it must give. Its arguments are constants."""
    made, arguments, options = called(name, *given)
    held: list[int] = []

    def plain(value: Any) -> Any:
        if isinstance(value, Tensor):
            held.append(blob.add(value))
            return {"v": len(held) - 1}
        if isinstance(value, list | tuple):
            return [plain(each) for each in value]
        if isinstance(value, float) and value == float("-inf"):
            return {"number": "-Infinity"}
        return {"whole": str(value)} if isinstance(value, int) and abs(value) > 2**53 else value

    several = isinstance(made, tuple | list)
    results = list(made) if several else [made]
    signatures = [LETTERS[each.dtype] + ",".join(map(str, each.shape)) for each in results]
    named = {key: value for key, value in options.items() if key != "dtype"}
    node = [name.partition(".")[0], "".join(f"{s};" for s in signatures) if several else signatures[0]]
    nodes: list[Any] = [[*node, plain(list(arguments)), named]]
    if several:
        nodes += [["getitem", s, [{"v": len(held)}, place]] for place, s in enumerate(signatures)]
    first = len(held) + (1 if several else 0)
    numbers = list(range(first, first + len(results)))
    return {"inputs": [], "constants": held, "nodes": nodes, "results": numbers}, [blob.add(each) for each in results]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    blob = Blob()
    graphs = [[name, *graph_of(name, given, blob)] for name, *rest in CASES for given in [tuple(rest)]]
    packed = blob.to_json(base64.b64encode(blob.data).decode())
    whole = script() + REPLAY.read_text(encoding="utf-8").replace("function main", "function replay") + MAIN
    return run_javascript(whole, {"blob": packed, "graphs": graphs}, tmp_path_factory.mktemp("operators"))


def test_every_operator_computes_what_pytorch_computes(told: dict[str, Any]) -> None:
    assert told["wrong"] == {}, told["first"]


def test_the_list_is_the_interpreters_own_and_each_is_tried(told: dict[str, Any]) -> None:
    assert set(told["operators"]) == OPERATORS
    assert {name.partition(".")[0] for name, *_ in CASES} | UNTRIED == OPERATORS
