"""Queries of lookup-v0 and their templates (the kinds). Free of PyTorch.

A term is a chain of unary tools on a value: `G F 3` is G(F(3)). A query is one term, `t * u` (the hidden binary table
at the terms' values), `t ? u : v` (u if t is odd, else v), `t + u` (modulo n) or `t & u` (the lesser).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

TOOLS = "FGHIJKLM"  # names of unary tools, as many as there can be
STAR = "*"
OPERATORS = ("", STAR, "?", "+", "&")  # "": the query is one term
MAX_TERMS = MAX_CHAIN = 3
MOST_CALLS = 3  # that a query of any template needs
MAX_DIGITS = 9  # of a value

# Each template's stage. T, U, V stand for unary tools, x, y, z for values, repetitions included.
TEMPLATES = {
    "Tx": 0,
    "TUx": 1,
    "Tx?y:z": 1,
    "Tx?Uy:Vz": 2,
    "Tx*Uy": 3,
    "TUVx": 3,
    "Tx+Uy": 2,
    "Tx&Uy": 2,
}
DEFAULT_QUERIES = ("Tx", "TUx", "Tx?y:z", "Tx?Uy:Vz", "Tx*Uy", "TUVx")


@dataclass(frozen=True)
class Term:
    """A chain of unary tools on a value, the tool that is called first first: `G F 3` is tools (0, 1), value 3."""

    tools: tuple[int, ...]
    value: int


@dataclass(frozen=True)
class Query:
    operator: str  # one of OPERATORS
    terms: tuple[Term, ...]  # one, two, or three (condition, if odd, if even)

    @property
    def template(self) -> str:
        """Its template, as in `Tx?Uy:Vz`, whether a world has it or not."""
        names, values = iter("TUVWXYZABC"), iter("xyz")
        terms = ["".join(next(names) for _ in term.tools) + next(values) for term in self.terms]
        return _joined(self.operator, terms, space="")

    @property
    def text(self) -> str:
        """As the prompt shows it, tokens apart: `F 3 ? G 1 : F 2`."""
        terms = [" ".join([*(TOOLS[tool] for tool in reversed(term.tools)), str(term.value)]) for term in self.terms]
        return _joined(self.operator, terms, space=" ")


def _joined(operator: str, terms: Sequence[str], space: str) -> str:
    between = {"?": ("?", ":")}.get(operator, (operator,))
    return terms[0] + "".join(f"{space}{sign}{space}{term}" for sign, term in zip(between, terms[1:], strict=False))


def goal_of(template: str) -> str:
    """What a template asks for, for people: `T(U(x))` of `TUx`."""
    value, _, others = re.sub(
        "([A-Z]+)([a-z])", lambda term: f"{'('.join(term[0])}{')' * len(term[1])}", template
    ).partition("?")
    if not others:
        return value
    odd, even = others.split(":")
    return f"{odd} if {value} is odd, else {even}"


def read_query(text: str) -> Query | None:
    """The query of a text such as `F 3 ? G 1 : F 2` (spaces may be left out between signs); None for any other text.
    Tools and values are not compared with a world's: see `rules.parse_query`."""
    words = re.findall(r"[A-Z]|\d+|\S", text)
    signs = [(place, word) for place, word in enumerate(words) if word in ("*", "+", "&", "?", ":")]
    if [sign for _, sign in signs] not in ([], ["*"], ["+"], ["&"], ["?", ":"]):
        return None
    cuts = [-1, *(place for place, _ in signs), len(words)]
    terms = [_term(words[start + 1 : end]) for start, end in pairwise(cuts)]
    operator = signs[0][1] if signs else ""
    return Query(operator, tuple(term for term in terms if term)) if all(terms) else None


def _term(words: Sequence[str]) -> Term | None:
    *tools, value = words or [""]
    if len(tools) > MAX_CHAIN or not re.fullmatch(rf"[0-9]{{1,{MAX_DIGITS}}}", value):
        return None
    if any(len(tool) != 1 or tool not in TOOLS for tool in tools):
        return None
    return Term(tuple(TOOLS.index(tool) for tool in reversed(tools)), int(value))


def form_of(template: str) -> tuple[str, tuple[int, ...]]:
    """A template's operator and the length of each term's chain."""
    operator = next((sign for sign in OPERATORS[1:] if sign in template), "")
    parts = re.split(r"[*+&?:]", template)
    return operator, tuple(len(part) - 1 for part in parts)


def queries_of(template: str, num_tools: int, num_values: int) -> Iterator[Query]:
    """Every query of a template, once each; the last value runs fastest."""
    _, chains = form_of(template)
    for tools in product(range(num_tools), repeat=sum(chains)):
        for values in product(range(num_values), repeat=len(chains)):
            yield filled(template, tools, values)


def filled(template: str, tools: Sequence[int], values: Sequence[int]) -> Query:
    """A template with its tools and values, in the order of the text."""
    operator, chains = form_of(template)
    left, terms = list(tools), []
    for length, value in zip(chains, values, strict=True):
        own, left = left[:length], left[length:]
        terms.append(Term(tuple(reversed(own)), value))  # the text names the tool called last first
    return Query(operator, tuple(terms))


def least_steps(template: str) -> int:
    """How many chosen tokens it takes, at the least, to ask every cell that a query of the template needs if no answer
    spares one, and to answer."""
    operator, chains = form_of(template)
    if operator == "?":
        return 2 * (chains[0] + max(chains[1:])) + 2
    return 2 * sum(chains) + 3 * (operator == STAR) + 2
