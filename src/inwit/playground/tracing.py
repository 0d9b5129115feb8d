"""A function of tensors as a graph: what a page needs to run it without Python.

`torch.export` traces the very function that trainings run, so there is no second implementation to keep in step. A
graph is data. Its values are numbered: the inputs, then the constants, then what each node makes.

    inputs, nodes' results   "f1,96": a type's letter (see `blob`) and the shape; of several results each ends with ";"
    constants                their numbers in the blob
    nodes                    [operator, results, arguments] and, where there are any, arguments by name
    results                  numbers of values

An argument is a number, a text, a list, null, or {"v": value}, {"number": text} for what JSON has not,
{"whole": text} beyond 2^53. A size may depend on the length n of a memory that grows: "f1,n+1" in a shape and
{"n": [1, 1]} (one n, and one) in an argument.
"""

from __future__ import annotations

import math
import operator
import re
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx import Node

from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.playground.blob import LETTERS, Blob
from inwit.playground.operators import OPERATORS

Function = Callable[..., Sequence[Tensor]]
Growing = Mapping[int, Sequence[int]]  # the axes of each input, by its place, whose size is the length of a memory

INSTEAD = "inwit playground shows it, computed by Python"
EXACT = 2**53  # whole numbers beyond are none of JavaScript's
# The results' type and shape say it, or it is of no account in a page.
SAID_ELSEWHERE = {"dtype", "device", "layout", "pin_memory", "memory_format", "non_blocking"}
SIZE = re.compile(r"(?:(?P<times>\d+)\*)?(?P<symbol>s\d+)(?: (?P<sign>[+-]) (?P<plus>\d+))?")
REASON = 160  # characters


class _Traced(nn.Module):
    """A function as a module. The parameters of `part` become constants of the graph."""

    def __init__(self, function: Function, part: object) -> None:
        super().__init__()
        self.function = function
        self.part = part if isinstance(part, nn.Module) else None

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.function(*inputs))


def trace(
    what: str,
    function: Function,
    inputs: Sequence[Tensor],
    blob: Blob,
    *,
    part: object = None,
    growing: Growing | None = None,
) -> Json:
    """The graph of `function`, traced on `inputs`; its constants go into `blob`.

    Raises `UserError` for a function that PyTorch cannot trace or that needs an operator unknown to a page: it names
    `what`, the line or the operator, and the way out."""
    inputs = [each.clone() for each in inputs]  # one tensor that is given twice would become one input
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # about the exporter's own parts
        function(*inputs)  # tables that are made when they are first asked for must be there before the tracing
        axes = [dict.fromkeys((growing or {}).get(place, ()), Dim.AUTO) for place in range(len(inputs))]
        try:
            traced = _Traced(function, part)
            dynamic = (tuple(axes),) if growing else None
            program = torch.export.export(traced, tuple(inputs), dynamic_shapes=dynamic, strict=False)
            program = program.run_decompositions(_rules().copy())
        except Exception as error:  # the exporter raises anything
            raise UserError(f"{what} cannot become a graph of a page: {_stopped(error)}; {INSTEAD}") from None
    return _Writer(what, program, blob).graph()


_rules = cache(torch.export.default_decompositions)  # PyTorch gathers them for a fifth of a tracing's time


def _stopped(error: Exception) -> str:
    """Where and why the tracing ended, in one line."""
    ours = (str(Path(torch.__file__).parent), __file__)
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith(ours)]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} ({frames[-1].line})" if frames else "its start"
    why = " ".join(str(error).split()) or type(error).__name__
    return f"PyTorch cannot trace {place}: {why[:REASON]}"


class _Writer:
    """One exported program as data."""

    def __init__(self, what: str, program: ExportedProgram, blob: Blob) -> None:
        self.what, self.program, self.blob = what, program, blob
        self.numbers: dict[Node, int] = {}

    def graph(self) -> Json:
        graph, signature = self.program.graph, self.program.graph_signature
        graph.eliminate_dead_code()
        given = [node for node in graph.nodes if node.op == "placeholder"]
        held = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        inputs = [node for node in given if node.name not in held]
        constants = [node for node in given if node.name in held and node.users]
        for node in [*inputs, *constants]:
            self.numbers[node] = len(self.numbers)
        numbers = [self._number(held[node.name]) for node in constants]
        nodes = [written for node in graph.nodes if (written := self._node(node))]
        [end] = [node for node in graph.nodes if node.op == "output"]
        results = [self.numbers[value] for value in end.args[0]]
        return {
            "inputs": [self._signature(node.meta["val"]) for node in inputs],
            "constants": numbers,
            "nodes": nodes,
            "results": results,
        }

    def _number(self, name: str) -> int:
        """The number of a constant; of a parameter under the name that its part gives to it."""
        state, constants = self.program.state_dict, self.program.constants
        found = state[name] if name in state else constants[name]
        assert isinstance(found, Tensor)
        return self.blob.add(found, name.removeprefix("part.") if name in state else "")

    def _node(self, node: Node) -> list[object] | None:
        """What a node makes and from what; None for one that makes no tensor: a size, or a check."""
        if node.op in ("placeholder", "output"):
            return None
        value, name = node.meta.get("val"), _name(node)
        several = isinstance(value, list | tuple)
        if not several and not isinstance(value, Tensor):
            return None
        if name not in OPERATORS:
            raise UserError(
                f"{self.what} cannot become a graph of a page: the page does not know the operator "
                f"{node.target}{_line(node)}; {INSTEAD}"
            )
        self.numbers[node] = len(self.numbers)
        made = "".join(f"{self._signature(each)};" for each in value) if several else self._signature(value)
        named = {key: self._plain(given) for key, given in node.kwargs.items() if key not in SAID_ELSEWHERE}
        written: list[object] = [name, made, self._plain(node.args)]
        return [*written, named] if any(given is not None for given in named.values()) else written

    def _signature(self, tensor: Tensor) -> str:
        sizes = ",".join(_size_text(*self._size(each)) for each in tensor.shape)
        if tensor.dtype not in LETTERS:
            raise UserError(
                f"{self.what} cannot become a graph of a page: it makes tensors of {tensor.dtype}; {INSTEAD}"
            )
        return LETTERS[tensor.dtype] + sizes

    def _size(self, size: int | torch.SymInt) -> tuple[int, int]:
        """A size as so many times the length of the memory, and so many more."""
        if isinstance(size, int):
            return 0, size
        if not (match := SIZE.fullmatch(str(size))):
            raise UserError(f"{self.what} cannot become a graph of a page: a size depends on values; {INSTEAD}")
        plus = int(f"{match['sign'] or '+'}{match['plus'] or 0}")
        return int(match["times"] or 1), plus

    def _plain(self, value: object) -> object:
        """An argument as JSON has it."""
        if isinstance(value, Node) and value in self.numbers:
            return {"v": self.numbers[value]}
        if isinstance(value, Node | torch.SymInt):
            size = value.meta["val"] if isinstance(value, Node) else value
            if not isinstance(size, int | torch.SymInt):
                raise UserError(f"{self.what} cannot become a graph of a page: {value} is no tensor; {INSTEAD}")
            return {"n": list(self._size(size))}
        if isinstance(value, list | tuple):
            return [self._plain(each) for each in value]
        if isinstance(value, bool | str) or value is None:
            return value
        if isinstance(value, int):
            return value if abs(value) < EXACT else {"whole": str(value)}
        if isinstance(value, float):
            return value if math.isfinite(value) else {"number": str(value).replace("inf", "Infinity")}
        return None  # a device, a layout, a type


def _name(node: Node) -> str:
    if node.target is operator.getitem:
        return "getitem"
    packet = getattr(node.target, "overloadpacket", None)
    return str(packet).removeprefix("aten.") if packet is not None else str(node.target)


def _line(node: Node) -> str:
    """Where the function calls the operator, if that is known."""
    places = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    others = [(file, line) for file, line in places if file != __file__]
    return f" of {Path(others[-1][0]).name}:{others[-1][1]}" if others else ""


def _size_text(times: int, plus: int) -> str:
    if not times:
        return str(plus)
    return f"{'' if times == 1 else times}n{f'{plus:+d}' if plus else ''}"
