"""The calculator once more, in a few lines of Python on big numbers, and an agent that writes given programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import torch

from inwit.core.contracts import Agent
from inwit.core.types import Output
from inwit.training.config import resolve
from inwit.training.loop import new_agent
from inwit.worlds.calculator.expressions import LETTERS, Tree

WORLD = "calculator-v0"
PRIME = 2**127 - 1  # two polynomials of these sizes agree at a random point with probability below 2**-100
NUMBERS = [Random(place).randrange(PRIME) for place in range(len(LETTERS))]
TOOLS = {"ADD": int.__add__, "SUB": int.__sub__, "MUL": int.__mul__}


def letters_of(expression: str) -> list[str]:
    return [sign for sign in expression if sign.isalpha()]


def class_at(world: Any) -> dict[int, int]:
    """The class of each value that a kind of the world has at the big numbers."""
    point = dict(zip(LETTERS, NUMBERS, strict=True))
    values = [eval(name, {}, point) % PRIME for name in world.kinds.names]
    return dict(zip(values, world.kinds.classes, strict=True))


SIGNS = {
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
    "~": lambda left, right: right - left,
    "&": lambda left, right: 2 * (left + right),
}


def value_of(tree: Tree) -> int:
    """Of an expression at the big numbers."""
    if isinstance(tree, int):
        return NUMBERS[tree]
    return SIGNS[tree[0]](value_of(tree[1]), value_of(tree[2])) % PRIME


def parts_of(tree: Tree) -> list[int]:
    """The values of an expression's proper sub-expressions, in the order in which they are evaluated."""
    sides = [] if isinstance(tree, int) else [side for side in tree[1:] if not isinstance(side, int)]
    return [number for side in sides for number in (*parts_of(side), value_of(side))]


def known_at(world: Any) -> dict[int, int]:
    """The number that a world gives each polynomial it knows, classes and parts, by its value at the big numbers."""
    numbers = class_at(world)
    for tree, told in zip(world.expressions.trees, world.lessons().parts.tolist(), strict=True):
        for value, number in zip(parts_of(tree), told, strict=False):
            assert numbers.setdefault(value, number) == number, "One polynomial, two numbers."
    return numbers


def holds(program: list[str], expression: str, num_slots: int) -> list[int | None]:
    """What the accumulator holds after each token, at the big numbers; None while empty or while a verb is pending."""
    cells: dict[str, Any] = dict(zip(letters_of(expression), NUMBERS, strict=False))
    slots = [f"m{slot}" for slot in range(num_slots)]
    acc: Any = None
    verb, told = None, []
    for token in program:
        if verb is None:
            if token == "LOAD" or (acc is not None and (token in TOOLS or (token == "STO" and slots))):
                verb = token
        elif verb == "STO":
            if token in slots:
                cells[token], verb = acc, None
        elif token in cells:
            acc = cells[token] if verb == "LOAD" else TOOLS[verb](acc, cells[token]) % PRIME
            verb = None
        told.append(acc if verb is None else None)
    return told


class Writer(torch.nn.Module):
    """A policy that writes one program for each expression, by its place in the program."""

    def __init__(self, world: Any, programs: Mapping[str, list[str]]) -> None:
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(()))
        self.names = world.vocabulary.names
        self.kinds = {name: row for row, name in enumerate(programs)}
        ids = [world.vocabulary.ids(program) for program in programs.values()]
        width = max(len(program) for program in ids) + 1
        self.table = torch.tensor([program + [world.answer] * (width - len(program)) for program in ids])

    def begin(self, prompt: torch.Tensor, mask: torch.Tensor, stage: torch.Tensor) -> Any:
        texts = ["".join(self.names[t] for t in row[real].tolist()) for row, real in zip(prompt, mask, strict=True)]
        rows, written = [], torch.arange(len(self.names)).repeat(len(texts), 1)
        for text, write in zip(texts, written, strict=True):
            plain = text.removesuffix("=")
            for place, letter in enumerate(letters_of(plain)):  # programs are kept over a, b, c, ...
                write[self.names.index(LETTERS[place])] = self.names.index(letter)
                plain = plain.replace(letter, LETTERS[place])
            rows.append(self.kinds[plain])
        row = torch.tensor(rows)
        return self.answer(row, torch.zeros_like(row), written)

    def step(self, token: torch.Tensor, memory: dict[str, torch.Tensor]) -> Any:
        return self.answer(memory["row"], memory["place"] + 1, memory["written"])

    def answer(self, row: torch.Tensor, place: torch.Tensor, written: torch.Tensor) -> Any:
        token = written.gather(1, self.table[row, place.clamp_max(self.table.shape[1] - 1)][:, None])[:, 0]
        logits = torch.nn.functional.one_hot(token, len(self.names)) * 9.0
        return Output(logits, torch.zeros(len(row))), {"row": row, "place": place, "written": written}


def calculator_agent(**overrides: Any) -> Agent:
    """An untrained agent of the recipe, with a small policy."""
    return new_agent(resolve("calculator", **{"policy": {"width": 8}, **overrides}))


def writing(programs: Mapping[str, list[str]], **world: Any) -> Agent:
    agent = calculator_agent(world=world)
    return replace(agent, policy=Writer(agent.world, programs))
